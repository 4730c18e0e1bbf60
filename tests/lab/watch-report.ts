/** What the watcher tells whoever started it. Times are of the machine's monotonic clock, in ms. */

/** A QEMU process of a VM, seen from outside. */
export interface Seen {
  readonly vm: string;
  /** Name of the host's directory. */
  readonly host: string;
  readonly pid: number;
  /** Start of the process in clock ticks since the machine's boot: tells it from a later one with its pid. */
  readonly startTicks: string;
}

/** How the watcher itself did. */
export interface WatchSummary {
  readonly samples: number;
  /** Longest time between two looks, in ms, and how many took longer than 50 ms. */
  readonly longestGapMs: number;
  readonly gapsOver50: number;
  /** Lines that guests sent. */
  readonly guestLines: number;
}

/** One thing it saw. */
export type WatchEvent =
  | ({ readonly type: 'begin' | 'end'; readonly atMs: number } & Seen)
  /** Two processes of one VM in one look. */
  | { readonly type: 'twice'; readonly atMs: number; readonly vm: string; readonly processes: readonly Seen[] }
  /** A boot of a guest was heard for the first time. */
  | { readonly type: 'guest'; readonly atMs: number; readonly vm: string; readonly boot: string }
  /** A boot was heard again after a later one of the same VM. */
  | {
      readonly type: 'guestTwice';
      readonly atMs: number;
      readonly vm: string;
      readonly boot: string;
      readonly later: string;
    }
  /** A boot counted on; at most one of these per boot and second. */
  | {
      readonly type: 'count';
      readonly atMs: number;
      readonly vm: string;
      readonly boot: string;
      readonly number: number;
    }
  | ({ readonly type: 'summary'; readonly atMs: number } & WatchSummary)
  /** It watches; guests can count to `port` of 127.0.0.1. */
  | { readonly type: 'ready'; readonly atMs: number; readonly port: number };

/** The machine's monotonic clock, which all its processes share, in ms. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
