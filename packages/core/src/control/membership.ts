/**
 * Brings the Raft group in line with the hosts: takes joining hosts in as learners, lets servers vote once
 * they have caught up, takes leaving hosts out. One change at a time, and never one after which the voters
 * that are heard from now would be no majority.
 */
import { nextFormat, reads } from '../machine/command-format.ts';
import type { ClusterState } from '../machine/state.ts';
import type { Host } from '../model/host.ts';
import type { ConfChangeSingle, NodeId } from '../raft/types.ts';
import { COMMAND_FORMAT_KEY } from './command-format.ts';
import { type ControlOptions, type Decision, heard, type LeaderView } from './decision.ts';

const KEY = 'membership';

function change(type: ConfChangeSingle['type'], node: NodeId): Decision {
  return {
    type: 'confChange',
    key: KEY,
    change: { transition: 'auto', changes: [{ type, node }], context: new Uint8Array() },
  };
}

/** Whether those of `voters` that are heard from are a majority of them. */
function quorumHeard(voters: readonly NodeId[], view: LeaderView, nowMs: number, options: ControlOptions): boolean {
  const count = voters.filter((id) => heard(view, id, options.backWithinMs, nowMs)).length;
  return voters.length > 0 && count > Math.floor(voters.length / 2);
}

/** Takes `host` out, or first hands over what stands in the way. */
function planLeaving(
  state: ClusterState,
  host: Host,
  view: LeaderView,
  nowMs: number,
  options: ControlOptions,
): Decision | undefined {
  const { voters } = view.confState;
  if (!voters.includes(host.id)) return change('remove', host.id);
  const left = voters.filter((id) => id !== host.id);
  if (!quorumHeard(left, view, nowMs, options)) return undefined;
  if (host.id !== view.selfId) return change('remove', host.id);
  // The leader hands over first: its successor takes it out while it can still be told so.
  let successor: NodeId | undefined;
  let highest = -1;
  for (const id of left) {
    const match = view.peers.get(id)?.match ?? 0;
    const leaving = state.host(id)?.membership === 'leaving';
    if (leaving || !heard(view, id, options.backWithinMs, nowMs) || match <= highest) continue;
    successor = id;
    highest = match;
  }
  return successor === undefined ? undefined : { type: 'transferLeader', key: KEY, to: successor };
}

/** Whether a host reads the commands that are in force, and none are about to be that it may not read. */
function readsCommands(state: ClusterState, host: Host, view: LeaderView): boolean {
  const { cluster } = state;
  if (cluster === undefined || host.facts === undefined) return false;
  if (view.inFlight.has(COMMAND_FORMAT_KEY) || nextFormat(state) !== undefined) return false;
  return reads(host.facts.commandFormats, cluster.commandFormat);
}

/** Lets a learner vote when it should, can, and nothing is risked by it. */
function planPromotion(
  state: ClusterState,
  host: Host,
  view: LeaderView,
  nowMs: number,
  options: ControlOptions,
): Decision | undefined {
  const { voters } = view.confState;
  if (host.settings.role !== 'server' || voters.length >= options.maxVoters) return undefined;
  if (!heard(view, host.id, options.backWithinMs, nowMs)) return undefined;
  const match = view.peers.get(host.id)?.match ?? 0;
  if (match + options.caughtUpEntries < view.lastIndex) return undefined;
  if (!quorumHeard([...voters, host.id], view, nowMs, options)) return undefined;
  if (!readsCommands(state, host, view)) return undefined;
  return change('addVoter', host.id);
}

/** Takes out a node that is no host any more: it left while the change that took it in was under way. */
function planStray(
  state: ClusterState,
  view: LeaderView,
  nowMs: number,
  options: ControlOptions,
): Decision | undefined {
  const { voters, learners } = view.confState;
  const stray = [...learners, ...voters].find((id) => state.host(id) === undefined && id !== view.selfId);
  if (stray === undefined) return undefined;
  const left = voters.filter((id) => id !== stray);
  return quorumHeard(left, view, nowMs, options) ? change('remove', stray) : undefined;
}

/** The next step for the group: at most one configuration change or handover, and `hostRemoved` for hosts that are out. */
export function planMembership(
  state: ClusterState,
  view: LeaderView,
  nowMs: number,
  options: ControlOptions,
): Decision[] {
  const { confState } = view;
  const settled = confState.votersOutgoing.length === 0 && !view.confChangePending && !view.transferring;
  const decisions: Decision[] = [];
  let step = settled ? planStray(state, view, nowMs, options) : undefined;
  for (const host of state.hosts()) {
    const inGroup = confState.voters.includes(host.id) || confState.learners.includes(host.id);
    if (host.membership === 'leaving' && !inGroup) {
      if (!settled) continue;
      const command = { type: 'hostRemoved', hostId: host.id } as const;
      decisions.push({ type: 'command', key: `removed/${host.id}`, command });
    } else if (step === undefined && settled) {
      if (host.membership === 'leaving') step = planLeaving(state, host, view, nowMs, options);
      else if (!inGroup) step = change('addLearner', host.id);
      else if (confState.learners.includes(host.id)) step = planPromotion(state, host, view, nowMs, options);
    }
  }
  if (step !== undefined) decisions.push(step);
  return decisions;
}
