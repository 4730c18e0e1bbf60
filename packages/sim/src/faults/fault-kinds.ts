/** Faults as data: what can go wrong in a world, or right again. Plain values, so that a schedule can be stored and cut down. */

/** A host by name, or `leader` for whoever leads at that moment. */
export type FaultTarget = string;

/** What a misbehaving peer does. None of it is a lie about its own log or vote, which no Raft survives. */
export const MISBEHAVIOURS = ['replay', 'stale', 'forge', 'misroute', 'malform', 'term'] as const;

/** One of {@link MISBEHAVIOURS}. */
export type Misbehaviour = (typeof MISBEHAVIOURS)[number];

/** The way between two hosts: from the first to the second, or `both` ways. */
export interface FaultLink {
  readonly from: FaultTarget;
  readonly to: FaultTarget;
  readonly both: boolean;
}

/** Faults of the network. Without `forMs` they last until `heal`. */
export type NetworkFault =
  /** Hosts in different groups cannot talk; a host in no group talks to all. */
  | { readonly type: 'partition'; readonly groups: readonly (readonly FaultTarget[])[]; readonly forMs?: number }
  | ({ readonly type: 'cut'; readonly forMs?: number } & FaultLink)
  | ({ readonly type: 'mend' } & FaultLink)
  /** Cut and mended again and again, every `everyMs`. */
  | ({ readonly type: 'flap'; readonly everyMs: number; readonly forMs: number } & FaultLink)
  /** Latency grows to `by` times, bandwidth falls to a part of as much. */
  | ({ readonly type: 'slow-link'; readonly by: number; readonly forMs: number } & FaultLink)
  /** Takes back partitions and cuts, also those that were to last longer. */
  | { readonly type: 'heal' };

/** Faults of one host that last for a time. */
export const LASTING_FAULTS = [
  /** Nobody reaches it and it reaches nobody; nothing arrives there; nothing that it sends arrives. */
  'isolate',
  'deaf',
  'mute',
  /** The process stops in its tracks and goes on later. */
  'stall',
  /** Every write takes a hundred times as long; no write ends; none fits; all fail. */
  'slow-disk',
  'stuck-disk',
  'full-disk',
  'broken-disk',
  /** Builds and boots take ten times as long, fail, or hang until they time out. */
  'slow-driver',
  'failing-driver',
  'hanging-driver',
] as const;

/** Faults of one host that happen once. */
export const SUDDEN_FAULTS = [
  /** Its daemon is started, after a crash that was to last. */
  'restart',
  /** A stored value goes bad: found when the disk reads it by itself, or by the next start. */
  'rot',
  /** The machine loses its data directory for good; operators remove the host and let the machine join anew. */
  'wipe',
  /** An operator asks it to leave. */
  'remove',
  /** Its daemon is replaced by the next build, which reads a newer format of commands. */
  'upgrade',
  /** The build before is put back: below what is in force it has to stop. */
  'downgrade',
] as const;

/** Anything that can happen. Times in ms. */
export type Fault =
  | NetworkFault
  | { readonly type: (typeof LASTING_FAULTS)[number]; readonly host: FaultTarget; readonly forMs: number }
  | { readonly type: (typeof SUDDEN_FAULTS)[number]; readonly host: FaultTarget }
  /**
   * `crash`: the daemon is killed. `stop`: it is stopped in good order, as for an upgrade. `power`: the machine goes, with
   * its VMs and what was not synced. `downMs` later it is back.
   */
  | { readonly type: 'crash' | 'stop' | 'power'; readonly host: FaultTarget; readonly downMs?: number }
  /** A new machine joins. */
  | { readonly type: 'join' }
  /** The monotonic clock runs fast by so many millionths, or slow. */
  | { readonly type: 'drift'; readonly host: FaultTarget; readonly ppm: number }
  /** The wall clock is set, forward or back. */
  | { readonly type: 'jump'; readonly host: FaultTarget; readonly byMs: number }
  /** What it sends is repeated, held back, forged, sent to the wrong host, spoilt or given a wrong term, besides being sent. */
  | { readonly type: 'misbehave'; readonly host: FaultTarget; readonly how: Misbehaviour; readonly forMs: number };

/** A fault and when it happens, counted from the end of the setting up. */
export interface TimedFault {
  readonly atMs: number;
  readonly fault: Fault;
}

/** All that is to go wrong in a run, ordered by time. */
export type FaultSchedule = readonly TimedFault[];
