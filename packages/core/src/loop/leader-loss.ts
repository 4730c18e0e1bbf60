/**
 * What a host makes of the stream to its leader when that breaks. When a process ends, its kernel closes its
 * streams: long before an election timeout the followers know that something happened, and a stream that could be
 * had again would be back by then. So a voter forgets a leader that does not come back at once, and campaigns
 * soon after. Nothing rests on its being right: a leader that lives and is heard by the others keeps their
 * votes, because the campaign begins with a pre-vote, and takes this follower back with its next heartbeat.
 */
import type { Random } from '../base/random.ts';
import { NONE, type NodeId } from '../raft/types.ts';

/** How long a stream may be gone, in ms, before its leader is forgotten: a few attempts to connect again. */
export const FORGET_MS = 100;
/** The first time for a campaign, in ms after the stream broke: by then the other followers have forgotten as well. */
const CAMPAIGN_MS = 150;
/** Campaigns of several followers are spread over this many ms, so that one of them is mostly the first. */
const SPREAD_MS = 200;

/** What is to be done now. */
export type LossStep = 'forget' | 'campaign';

/** One host's view of the stream to its leader. */
export class LeaderLoss {
  readonly #random: Random;
  #leader: NodeId = NONE;
  #forgetAtMs = 0;
  #campaignAtMs = 0;
  #forgotten = false;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The stream to `peer` broke; `leader` is whom this host follows. */
  broke(peer: NodeId, leader: NodeId, nowMs: number): void {
    if (peer !== leader || peer === this.#leader) return;
    this.#leader = peer;
    this.#forgotten = false;
    this.#forgetAtMs = nowMs + FORGET_MS;
    this.#campaignAtMs = nowMs + CAMPAIGN_MS + this.#random.below(SPREAD_MS);
  }

  /** The stream to `peer` is there again. */
  opened(peer: NodeId): void {
    if (peer === this.#leader) this.#leader = NONE;
  }

  /** What to do at `nowMs` while `leader` is followed; each step is told once. */
  due(leader: NodeId, nowMs: number): LossStep | undefined {
    if (this.#leader === NONE) return undefined;
    // Somebody else leads by now, or this one was heard again.
    if (leader !== NONE && (this.#forgotten || leader !== this.#leader)) this.#leader = NONE;
    else if (!this.#forgotten) {
      if (nowMs < this.#forgetAtMs) return undefined;
      this.#forgotten = true;
      return 'forget';
    } else if (nowMs >= this.#campaignAtMs) {
      this.#leader = NONE;
      return 'campaign';
    }
    return undefined;
  }
}
