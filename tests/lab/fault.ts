/** What can go wrong in a round, drawn from a seed before anything is known of the cluster's state. */
import type { Random } from '@n3x/core/base/random';

/** Which host a fault is for, found when the round begins. */
export type Target =
  /** Leads. */
  | 'leader'
  /** Has the most VMs. */
  | 'busiest'
  /** By its place in the list of hosts. */
  | number;

/** How long a fault lasts, in ms; or until every VM of its host is seen elsewhere. */
export type Span = number | 'moved';

/** One fault. Times in ms; all of them end when the round is healed, if not before. */
export type Fault =
  /** kill -9 of the daemon, which is started again `forMs` later. */
  | { readonly kind: 'killDaemon'; readonly target: Target; readonly forMs: Span }
  /** SIGSTOP of the daemon, SIGCONT `forMs` later. */
  | { readonly kind: 'stopDaemon'; readonly target: Target; readonly forMs: Span }
  /** kill -9 of the daemon and all its VMs, and the daemon is started again `forMs` later. */
  | { readonly kind: 'killHost'; readonly target: Target; readonly forMs: Span }
  /** SIGSTOP of the daemon and all its VMs, SIGCONT `forMs` later. */
  | { readonly kind: 'stopHost'; readonly target: Target; readonly forMs: Span }
  /** Cuts a host off from all others. `out`: what it sends, `in`: what is sent to it. */
  | {
      readonly kind: 'cutOff';
      readonly target: Target;
      readonly ways: 'both' | 'in' | 'out';
      readonly forMs: Span;
    }
  /** Cuts a host off from one other, the `other`th after it in the list of hosts. */
  | {
      readonly kind: 'cutPair';
      readonly target: Target;
      readonly other: 1 | 2;
      readonly ways: 'both' | 'in' | 'out';
      readonly forMs: Span;
    }
  /** Makes everything to and from a host late. */
  | { readonly kind: 'slow'; readonly target: Target; readonly delayMs: number; readonly forMs: Span };

/** Faults that begin one after the other. */
export interface Round {
  readonly faults: readonly { readonly afterMs: number; readonly fault: Fault }[];
}

/** Short enough for leases to last, and long enough for VMs to be started elsewhere. */
const SHORT_MS = 3_000;
const LONG_MS = 12_000;
const LONGEST_MS = 20_000;
/** Latest begin of a second fault. */
const SECOND_MS = 6_000;
const DELAY_MS = 150;

function pick<T>(random: Random, list: readonly [T, ...T[]]): T {
  return list[random.below(list.length)] ?? list[0];
}

function drawFault(random: Random): Fault {
  const kind = pick(random, [
    'killDaemon',
    'killDaemon',
    'stopDaemon',
    'stopDaemon',
    'killHost',
    'killHost',
    'stopHost',
    'stopHost',
    'cutOff',
    'cutOff',
    'cutOff',
    'cutPair',
    'cutPair',
    'slow',
  ] as const);
  const target = pick<Target>(random, ['leader', 'busiest', 'busiest', random.below(3)]);
  const isShort = random.below(4) === 0;
  const forMs = isShort ? 200 + random.below(SHORT_MS) : LONG_MS + random.below(LONGEST_MS - LONG_MS);
  const ways = pick(random, ['both', 'both', 'in', 'out'] as const);
  switch (kind) {
    case 'killDaemon':
    case 'stopDaemon':
    case 'killHost':
    case 'stopHost':
      return { kind, target, forMs };
    case 'cutOff':
      return { kind, target, ways, forMs };
    case 'cutPair':
      return { kind, target, other: pick(random, [1, 2] as const), ways, forMs };
    case 'slow':
      return { kind, target, delayMs: 20 + random.below(DELAY_MS), forMs };
  }
}

/** The round that comes next. One in three has a second fault while the first lasts. */
export function drawRound(random: Random): Round {
  const first = { afterMs: 0, fault: drawFault(random) };
  const second = { afterMs: random.below(SECOND_MS), fault: drawFault(random) };
  return { faults: random.below(3) === 0 ? [first, second] : [first] };
}

/** As in `cutOff n1 (in) for 14.2 s`. */
export function describeFault(fault: Fault, host: string): string {
  const ways = 'ways' in fault ? ` (${fault.ways})` : '';
  const other = fault.kind === 'cutPair' ? ` +${fault.other}` : '';
  const delay = fault.kind === 'slow' ? ` by ${fault.delayMs} ms` : '';
  const who = typeof fault.target === 'number' ? host : `${host}, the ${fault.target},`;
  const span = fault.forMs === 'moved' ? 'until its VMs are elsewhere' : `for ${(fault.forMs / 1000).toFixed(1)} s`;
  return `${fault.kind} ${who}${other}${ways}${delay} ${span}`;
}
