/**
 * Faults aimed at the moments that matter, which chance alone would seldom hit: power that fails just after a
 * vote was given or an entry acknowledged, leaders that are cut off with entries that only some have.
 */
import type { Random } from '@n3x/core/base/random';
import type { NodeId } from '@n3x/core/raft/types';
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import type { ObservedHost, WorldObserver } from '../world/observer.ts';
import type { Fault } from './fault.ts';

/** Chances, in parts of a thousand. */
export interface AimedRates {
  /** That power fails right after a host has given a vote or asked for one. */
  readonly vote: number;
  /** That power fails right after a host has acknowledged entries. */
  readonly acknowledgement: number;
  /** That a leader is cut off, with the follower that it has just sent entries to or alone. */
  readonly append?: number;
  /** That a leader sleeps while it is cut off, and wakes up before the network does. */
  readonly sleep?: number;
  /** That power fails while the last piece of a snapshot is being installed. */
  readonly snapshot?: number;
}

/** Longest time from the message to the failure, and from it to the restart, in ms. */
const AFTER_MS = 4;
const DOWN_MS = 400;
/** Shortest and longest time that a leader is cut off, in ms. */
const CUT_OFF_MS = [300, 2_500] as const;
/** How long a leader that slept is awake before the network is back, in ms. */
const AWAKE_MS = 200;

/** Aims at hosts while it is told to. */
export class AimedFaults implements WorldObserver {
  readonly #random: Random;
  readonly #rates: AimedRates;
  readonly #later: (delayMs: number, fault: Fault) => void;
  readonly #names: () => readonly { readonly id: NodeId; readonly name: string }[];
  #isOn = false;

  /** `later` lets a fault happen, `names` tells all hosts. */
  constructor(
    random: Random,
    rates: AimedRates,
    later: (delayMs: number, fault: Fault) => void,
    names: () => readonly { readonly id: NodeId; readonly name: string }[],
  ) {
    this.#random = random;
    this.#rates = rates;
    this.#later = later;
    this.#names = names;
  }

  /** Begins or ends aiming. */
  set on(isOn: boolean) {
    this.#isOn = isOn;
  }

  sending(host: ObservedHost, to: NodeId, peer: PeerMessage): void {
    if (!this.#isOn) return;
    if (peer.type === 'snapshotAck') this.#powerOff(host, this.#rates.snapshot ?? 0);
    if (peer.type !== 'raft') return;
    const { message } = peer;
    if (message.type === 'MsgApp') {
      if (message.entries.length > 0) this.#cutOff(host, to);
      return;
    }
    const rate =
      message.type === 'MsgVote' || (message.type === 'MsgVoteResp' && !message.reject)
        ? this.#rates.vote
        : message.type === 'MsgAppResp' && !message.reject
          ? this.#rates.acknowledgement
          : 0;
    this.#powerOff(host, rate);
  }

  #powerOff(host: ObservedHost, rate: number): void {
    if (rate === 0 || this.#random.below(1_000) >= rate) return;
    const downMs = 1 + this.#random.below(DOWN_MS);
    this.#later(this.#random.below(AFTER_MS * 1_000) / 1_000, { type: 'power', host: host.name, downMs });
  }

  #cutOff(host: ObservedHost, to: NodeId): void {
    const { append = 0 } = this.#rates;
    if (append === 0 || this.#random.below(1_000) >= append) return;
    const alone = this.#random.below(3) === 0;
    const all = this.#names();
    const near = all.filter(({ id }) => id === host.id || (id === to && !alone)).map(({ name }) => name);
    const far = all.map(({ name }) => name).filter((name) => !near.includes(name));
    const beginMs = this.#random.below(AFTER_MS * 1_000) / 1_000;
    const [shortest, longest] = CUT_OFF_MS;
    this.#later(beginMs, { type: 'partition', groups: [near, far] });
    const forMs = shortest + this.#random.below(longest - shortest);
    const { sleep = 0 } = this.#rates;
    if (sleep > 0 && this.#random.below(1_000) < sleep) {
      this.#later(beginMs, { type: 'stall', host: host.name, forMs: Math.max(shortest, forMs - AWAKE_MS) });
    }
    this.#later(beginMs + forMs, { type: 'heal' });
  }
}
