/**
 * Whether the others have taken this host out of the cluster while it could not hear of it. One member whose
 * state is old may not know a host that has just joined, so it takes a while of nothing but such answers.
 */
import type { NodeId } from '@n3x/core/raft/types';

/** For how long, in ms, members have to say so, and none the opposite. */
const CERTAIN_MS = 3_000;

/** What the members have said of this host, as they were connected to. */
export class Exclusion {
  readonly #accepting = new Set<NodeId>();
  #unknownSinceMs: number | null = null;
  #isCertain = false;

  /** Whether it is out. */
  get isCertain(): boolean {
    return this.#isCertain;
  }

  /** The way to a member opened, so that one takes this host for a member, or it closed. */
  connected(id: NodeId, isOpen: boolean): void {
    if (!isOpen) {
      this.#accepting.delete(id);
      return;
    }
    this.#accepting.add(id);
    this.#unknownSinceMs = null;
    this.#isCertain = false;
  }

  /** A member has said that it does not know this host; true when that has just become certain. `nowMs` is monotonic. */
  unknown(nowMs: number): boolean {
    if (this.#accepting.size > 0 || this.#isCertain) return false;
    this.#unknownSinceMs ??= nowMs;
    this.#isCertain = nowMs - this.#unknownSinceMs >= CERTAIN_MS;
    return this.#isCertain;
  }
}
