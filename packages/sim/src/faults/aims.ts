/**
 * Faults aimed at the moments that matter: power that fails just after a vote was given or an entry
 * acknowledged, which chance alone would seldom hit.
 */
import type { Random } from '@n3x/core/base/random';
import type { NodeId } from '@n3x/core/raft/types';
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import type { ObservedHost, WorldObserver } from '../world/observer.ts';
import type { Fault } from './fault.ts';

/** Chances, in parts of a thousand, that power fails right after a host has sent one. */
export interface AimedRates {
  readonly vote: number;
  readonly acknowledgement: number;
}

/** Longest time from the message to the failure, and from it to the restart, in ms. */
const AFTER_MS = 4;
const DOWN_MS = 400;

/** Aims at hosts while it is told to. */
export class AimedFaults implements WorldObserver {
  readonly #random: Random;
  readonly #rates: AimedRates;
  readonly #later: (delayMs: number, fault: Fault) => void;
  #isOn = false;

  /** `later` lets a fault happen. */
  constructor(random: Random, rates: AimedRates, later: (delayMs: number, fault: Fault) => void) {
    this.#random = random;
    this.#rates = rates;
    this.#later = later;
  }

  /** Begins or ends aiming. */
  set on(isOn: boolean) {
    this.#isOn = isOn;
  }

  sending(host: ObservedHost, _to: NodeId, peer: PeerMessage): void {
    if (!this.#isOn || peer.type !== 'raft') return;
    const { message } = peer;
    const rate =
      message.type === 'MsgVoteResp' && !message.reject
        ? this.#rates.vote
        : message.type === 'MsgAppResp' && !message.reject
          ? this.#rates.acknowledgement
          : 0;
    if (rate === 0 || this.#random.below(1_000) >= rate) return;
    const downMs = 1 + this.#random.below(DOWN_MS);
    this.#later(this.#random.below(AFTER_MS * 1_000) / 1_000, { type: 'power', host: host.name, downMs });
  }
}
