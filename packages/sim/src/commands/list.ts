/** What there is to choose from, and what is checked. */
import { ADDRESS_HOLD, ADDRESS_ONCE } from '../checkers/addresses.ts';
import { LEFT_ALONE } from '../checkers/adoption.ts';
import { COMMITTED_AGREE, LEADER_COMPLETENESS } from '../checkers/committed-log.ts';
import { CAUGHT_UP, ONE_CHANGE } from '../checkers/configuration-changes.ts';
import { CONVERGENCE } from '../checkers/convergence.ts';
import { DURABLE_PROMISES } from '../checkers/durable-promises.ts';
import { ELECTION_SAFETY } from '../checkers/election-safety.ts';
import { LINEARIZABILITY } from '../checkers/linearizability.ts';
import { LOCK_FENCING, LOCK_LIMIT, LOCK_TOKENS } from '../checkers/locks.ts';
import { LEADER_APPEND_ONLY, LOG_MATCHING } from '../checkers/log-matching.ts';
import { SAFE_MEMBERSHIP } from '../checkers/membership.ts';
import { QUEUE_BOUNDS } from '../checkers/queue-bounds.ts';
import { COMMIT_QUORUM, ELECTION_QUORUM } from '../checkers/quorums.ts';
import { ACKNOWLEDGED, INVARIANTS, ONCE } from '../checkers/reference-machine.ts';
import { RESTART_POLICY } from '../checkers/restarts.ts';
import { SET_AVAILABLE, SET_GATE } from '../checkers/sets.ts';
import { VM_ONCE } from '../checkers/vm-once.ts';
import { VOLUME_DATA } from '../checkers/volume-data.ts';
import { SCENARIOS } from '../explore/scenarios.ts';
import { FAULT_FORMS } from '../faults/fault.ts';
import { MUTATIONS } from '../mutations/mutants.ts';
import { PROFILES } from '../profiles/profile.ts';
import { COMMANDS_READABLE } from '../workloads/operators.ts';
import { WORKLOADS } from '../workloads/workloads.ts';
import { ANSWERED_ONCE } from '../world/host-clients.ts';
import { RESTART_UNDISTURBED } from '../world/orderly-stop.ts';

/** The rules by name, each with what it says. */
export const RULES: Readonly<Record<string, string>> = {
  [ELECTION_SAFETY]: 'one leader per term, one vote per host and term',
  [ELECTION_QUORUM]: 'a leader has the votes of a majority',
  [COMMIT_QUORUM]: 'what a leader takes for committed is on the disks of a majority',
  [DURABLE_PROMISES]: 'a host that starts again has the term, vote and entries that it told others of',
  [LEADER_APPEND_ONLY]: 'a leader never replaces an entry of its own log',
  [LOG_MATCHING]: 'logs with an entry of the same index and term are the same up to there',
  [LEADER_COMPLETENESS]: 'a leader has every entry that was committed in an earlier term',
  [COMMITTED_AGREE]: 'the same entry committed, and the same state, at the same index on every host',
  [SAFE_MEMBERSHIP]: 'no change of the voters that those who live and are heard from could not carry, or without need',
  [ONE_CHANGE]: 'no change of the configuration begins before the last one is committed',
  [CAUGHT_UP]: 'no host gets a vote before it has the log',
  [VM_ONCE]: 'no VM runs on two hosts at any instant, as long as clocks keep within their bound',
  [RESTART_UNDISTURBED]: 'what runs under the lease of an orderly restart of n3xd runs on until that ends',
  [LEFT_ALONE]: 'what n3x took over as it was runs on, and is not touched once it was handed back',
  [ANSWERED_ONCE]: 'a request is answered once, by its deadline',
  [ACKNOWLEDGED]: 'what a client was answered is in the log and is what the log decided',
  [ONCE]: 'a request takes effect once, however often it is repeated',
  [LINEARIZABILITY]: 'the history of every object has an order that explains it',
  [LOCK_LIMIT]: 'never more holders of a lock than it has slots, those included whose own count is not over',
  [LOCK_TOKENS]: 'fencing tokens of a lock only grow, and a holder is told the one that the log gave it',
  [LOCK_FENCING]: 'what refuses older tokens never sees the work of two holders mixed',
  [ADDRESS_ONCE]: 'no address is given to two VMs at once',
  [ADDRESS_HOLD]: 'an address is given to nobody else before it was held for as long as its network says',
  [VOLUME_DATA]: 'a VM finds on its volumes what was written last, and data that is wanted is always somewhere',
  [INVARIANTS]: 'capacity, allocation and bookkeeping hold at every index',
  [RESTART_POLICY]: 'a VM that ended is started again as its policy allows, and not after n3x has given up',
  [QUEUE_BOUNDS]: 'nothing that waits grows without bound',
  [SET_AVAILABLE]: 'an update of a set of VMs takes no more of them down than it may',
  [SET_GATE]: 'what failed on one VM of a set reaches no other, and nobody goes back to it',
  [CONVERGENCE]: 'once faults stop the cluster comes to rest, with every VM as asked',
  [COMMANDS_READABLE]: 'a host that votes can read every command in force',
  'no-crash': 'no daemon ends by a broken invariant or an unexpected error',
  'no-malformed-entry': 'every committed entry can be read',
};

/** Everything as plain data. */
export function listing(): {
  profiles: Record<string, string>;
  workloads: Record<string, string>;
  faults: Record<string, string>;
  scenarios: Record<string, string>;
  rules: Record<string, string>;
  'planted bugs': Record<string, string>;
} {
  const summaries = (all: Readonly<Record<string, { summary: string }>>): Record<string, string> =>
    Object.fromEntries(Object.entries(all).map(([name, { summary }]) => [name, summary]));
  return {
    profiles: summaries(PROFILES),
    workloads: summaries(WORKLOADS),
    faults: { ...FAULT_FORMS },
    scenarios: summaries(SCENARIOS),
    rules: { ...RULES },
    'planted bugs': Object.fromEntries(MUTATIONS.map(({ name, summary }) => [name, summary])),
  };
}

/** Everything as text. */
export function describeListing(): string {
  return Object.entries(listing())
    .map(([kind, all]) => {
      const width = Math.max(...Object.keys(all).map((name) => name.length));
      return [`${kind}:`, ...Object.entries(all).map(([name, text]) => `  ${name.padEnd(width)}  ${text}`)].join('\n');
    })
    .join('\n\n');
}
