/**
 * Ends the holds on released addresses. The leader counts on its monotonic clock, from the first tick after it has seen
 * them released; a new leader has seen none, so it holds all of them for the whole time again. What it decides names
 * the network as it was when it began to count, and `apply` refuses it when that has changed.
 */
import type { ClusterState } from '../machine/state.ts';
import { leaderLimitMs } from '../model/lock-timing.ts';
import type { Network } from '../model/network.ts';
import type { Decision } from './decision.ts';

/** What is released within this part of a hold is counted together, from the last of it: one network has few marks. */
const TOGETHER = 1 / 64;

/** Everything up to number `through` had been released at some time. */
interface Mark {
  readonly through: number;
  /** When the first of what is counted together was seen, and the last. */
  readonly beganAtMs: number;
  readonly seenAtMs: number;
  /** Null until time has been read after it was seen: the time at hand may be that of before a stall. */
  sinceMs: number | null;
}

/** What is counted for one network. */
interface Count {
  readonly createdIndex: number;
  readonly generation: number;
  readonly holdMs: number;
  /** By rising numbers. */
  readonly marks: Mark[];
}

/** The holds of all networks, for as long as this host leads. */
export class HoldExpiry {
  #counts = new Map<string, Count>();
  #state: ClusterState | undefined;
  #version = -1;

  /** This host leads no more: what it counted is void. */
  clear(): void {
    this.#counts = new Map();
    this.#state = undefined;
    this.#version = -1;
  }

  /** Holds that are over, one decision for each network. */
  plan(state: ClusterState, nowMs: number): Decision[] {
    this.#look(state, nowMs);
    const decisions: Decision[] = [];
    for (const [name, { createdIndex, generation, holdMs, marks }] of this.#counts) {
      let through = 0;
      for (const mark of marks) {
        if (mark.sinceMs === null && nowMs > mark.seenAtMs) mark.sinceMs = nowMs;
        if (mark.sinceMs !== null && nowMs - mark.sinceMs >= holdMs) through = mark.through;
      }
      if (through === 0) continue;
      const command = { type: 'networkHoldEnd', name, createdIndex, generation, through } as const;
      decisions.push({ type: 'command', key: `network/${createdIndex}`, command });
    }
    return decisions;
  }

  /** Takes in what was released and freed since the last look. */
  #look(state: ClusterState, nowMs: number): void {
    if (state === this.#state && state.networksVersion === this.#version) return;
    this.#state = state;
    this.#version = state.networksVersion;
    const before = this.#counts;
    this.#counts = new Map();
    for (const network of state.networks()) {
      if (network.released === network.freed) continue;
      this.#counts.set(network.name, counted(network, before.get(network.name), nowMs));
    }
  }
}

/** What is counted for `network`, given what was before. A change of the hold begins the count anew. */
function counted(network: Network, before: Count | undefined, nowMs: number): Count {
  const { createdIndex, generation, freed, released, spec } = network;
  const isSame = before?.createdIndex === createdIndex && before.generation === generation;
  const marks = isSame ? before.marks.filter(({ through }) => through > freed) : [];
  // Long enough by a clock that runs too fast.
  const holdMs = leaderLimitMs(spec.holdSeconds * 1000);
  const last = marks.at(-1);
  if (last === undefined || last.through < released) {
    const together = last !== undefined && nowMs - last.beganAtMs < holdMs * TOGETHER;
    if (together) marks.pop();
    marks.push({ through: released, beganAtMs: together ? last.beganAtMs : nowMs, seenAtMs: nowMs, sinceMs: null });
  }
  return { createdIndex, generation, holdMs, marks };
}
