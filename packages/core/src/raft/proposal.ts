/** Proposals at the leader, and the conditions on configuration changes among them (thesis chapter 4). */

import type { NodeState } from './node-state.ts';
import { broadcastAppend } from './replication.ts';
import type { ProposeResult } from './step-result.ts';
import { describeConfig } from './tracker/tracker.ts';
import { type ConfChange, NONE, type ProposedEntry } from './types.ts';

/** Appends `proposed` and sends it off, or says why not. */
export function proposeAsLeader(r: NodeState, proposed: readonly ProposedEntry[]): ProposeResult {
  // A leader that was removed goes on replicating its removal, and takes nothing new.
  if (!r.tracker.progress.has(r.id)) return { status: 'dropped', reason: 'notMember' };
  if (r.leadTransferee !== NONE) return { status: 'dropped', reason: 'transferring' };

  const first = r.log.lastIndex() + 1;
  const pendingBefore = r.pendingConfIndex;
  let entries = proposed;
  let refusal: string | undefined;
  for (const [i, entry] of proposed.entries()) {
    if (entry.type !== 'confChange') continue;
    const problem = r.config.disableConfChangeValidation ? undefined : confChangeProblem(r, entry.change);
    if (problem === undefined) {
      r.pendingConfIndex = first + i;
      continue;
    }
    // An empty entry takes its place, so that the positions of the others hold.
    refusal = problem;
    const replaced: ProposedEntry[] = entries.slice();
    replaced[i] = { type: 'normal', data: new Uint8Array(0) };
    entries = replaced;
  }
  if (!r.appendOwn(entries)) {
    r.pendingConfIndex = pendingBefore;
    return { status: 'dropped', reason: 'uncommittedLimit' };
  }
  if (refusal !== undefined) r.emit({ type: 'confChangeRefused', reason: refusal });
  broadcastAppend(r);
  const position = { status: 'accepted', index: r.log.lastIndex(), term: r.term } as const;
  return refusal === undefined ? position : { ...position, confChangeRefused: refusal };
}

/**
 * Why `change` may not enter the log now. Only one change may be pending at a time: the next is judged
 * against a configuration that is in force.
 */
function confChangeProblem(r: NodeState, change: ConfChange): string | undefined {
  const joint = r.tracker.config.voters.outgoing.size > 0;
  const leaves = change.changes.length === 0;
  if (r.pendingConfIndex > r.log.applied) {
    return `a configuration change may be pending at ${r.pendingConfIndex}, applied is ${r.log.applied}`;
  }
  if (joint && !leaves) return `the joint configuration ${describeConfig(r.tracker.config)} has to be left first`;
  if (!joint && leaves) return 'there is no joint configuration to leave';
  return undefined;
}
