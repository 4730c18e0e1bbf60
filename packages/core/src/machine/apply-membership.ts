/** The Raft configuration as it shows on the hosts. */
import type { Host, Membership } from '../model/host.ts';
import type { ConfState } from '../raft/types.ts';
import type { ClusterState } from './state.ts';
import { type Changes, Transaction } from './transaction.ts';

/** Where a node stands in a configuration; in neither list it has yet to be taken in. */
function standing(confState: ConfState, id: number): 'voter' | 'learner' | 'joining' {
  if (confState.voters.includes(id) || confState.votersOutgoing.includes(id)) return 'voter';
  if (confState.learners.includes(id) || confState.learnersNext.includes(id)) return 'learner';
  return 'joining';
}

const EVENTS: Record<Exclude<Membership, 'leaving' | 'lost'>, readonly [reason: string, message: string]> = {
  voter: ['BecameVoter', 'votes in the Raft group'],
  learner: ['BecameLearner', 'follows the Raft group without a vote'],
  joining: ['LeftGroup', 'is no longer in the Raft group'],
};

/**
 * The configuration change at `index` took effect. Sets each host's membership; a host that is leaving
 * stays so until `hostRemoved`, and one that is lost until it joins again.
 */
export function applyConfState(state: ClusterState, index: number, confState: ConfState): Changes {
  state.advance(index);
  // A configuration change carries no time of its own; that of the newest event is the same on every host.
  const tx = new Transaction(state, index, state.lastEvent?.atMs ?? state.cluster?.createdAtMs ?? 0);
  const moved: [Host, keyof typeof EVENTS][] = [];
  for (const host of state.hosts()) {
    const membership = standing(confState, host.id);
    if (host.membership === 'leaving' || host.membership === 'lost' || host.membership === membership) continue;
    moved.push([host, membership]);
  }
  for (const [host, membership] of moved) {
    tx.putHost({ ...host, membership });
    const [reason, message] = EVENTS[membership];
    tx.event({ kind: 'host', name: host.name }, reason, message);
  }
  return tx.finish();
}
