/** The search for one planted bug, in the thread that it is planted in. */
import { PROFILES } from '../profiles/profile.ts';
import { type RunResult, simulate } from '../simulator.ts';
import { WORKLOADS } from '../workloads/workloads.ts';
import { HUNT_HOSTS, HUNT_MS, type Mutation } from './mutation.ts';

/** What a search for a planted bug came to. */
export interface Hunt {
  /** Seeds tried, the one that found it included. */
  readonly seeds: number;
  /** Undefined when it was not found. */
  readonly found: RunResult['violation'];
}

/** What says of a crash that a check of the product ended it, and not a slip in the planted text. */
const CHECKED = /invariant broken: |raft storage: |the record of the cluster is missing/;

/** Tries seeds from `first` on until one finds the bug or its budget is used up. Throws when what was planted does not run. */
export function hunt(mutation: Mutation, first: number): Hunt {
  const { name, budget, make } = mutation;
  const workload = WORKLOADS[mutation.workload] ?? never(name);
  const profile = PROFILES[mutation.profile ?? 'hostile'] ?? never(name);
  for (let seeds = 1; seeds <= budget; seeds++) {
    const { violation } = simulate({
      ...{ seed: first + seeds - 1, hosts: mutation.hosts ?? HUNT_HOSTS },
      ...{ durationMs: mutation.durationMs ?? HUNT_MS, profile, workload },
      ...(make === undefined ? {} : { tampering: make() }),
    });
    if (violation === undefined) continue;
    if (violation.rule === 'no-crash' && !CHECKED.test(violation.message)) {
      throw new Error(`${name} is no bug but broken code: ${violation.message}`);
    }
    return { seeds, found: violation };
  }
  return { seeds: budget, found: undefined };
}

function never(name: string): never {
  throw new Error(`planted bug ${name} names a workload or profile that there is not`);
}
