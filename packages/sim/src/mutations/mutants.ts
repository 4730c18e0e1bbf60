/** All planted bugs, and the search for one. */
import { PROFILES } from '../profiles/profile.ts';
import { type RunResult, simulate } from '../simulator.ts';
import { WORKLOADS } from '../workloads/workloads.ts';
import { CLIENT_MUTATIONS } from './clients.ts';
import { DURABILITY_MUTATIONS } from './durability.ts';
import { HUNT_HOSTS, type Mutation } from './mutation.ts';
import { PROTOCOL_MUTATIONS } from './protocol.ts';

/** All planted bugs. */
export const MUTATIONS: readonly Mutation[] = [...DURABILITY_MUTATIONS, ...PROTOCOL_MUTATIONS, ...CLIENT_MUTATIONS];

/** Virtual ms of load and faults in one run of a search. */
const DURATION_MS = 15_000;

/** What a search for a planted bug came to. */
export interface Hunt {
  /** Seeds tried, the one that found it included. */
  readonly seeds: number;
  /** Undefined when it was not found. */
  readonly found: RunResult['violation'];
}

/** Tries seeds from `first` on until one finds the bug or `limit` are used up. */
export function hunt(mutation: Mutation, first: number, limit: number): Hunt {
  const workload = WORKLOADS[mutation.workload] ?? never();
  const profile = PROFILES[mutation.profile ?? 'hostile'] ?? never();
  for (let seeds = 1; seeds <= limit; seeds++) {
    const { violation } = simulate({
      ...{ seed: first + seeds - 1, hosts: HUNT_HOSTS, durationMs: DURATION_MS, profile, workload },
      tampering: mutation.make(),
    });
    if (violation !== undefined) return { seeds, found: violation };
  }
  return { seeds: limit, found: undefined };
}

function never(): never {
  throw new Error('a planted bug names a workload or profile that there is not');
}
