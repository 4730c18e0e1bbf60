/** Who is heard from: for display and placement, never for safety. */
import type { ClusterState } from '../machine/state.ts';
import type { Host } from '../model/host.ts';
import type { NodeId } from '../raft/types.ts';
import { type ControlOptions, type Decision, heard, type LeaderView } from './decision.ts';

function inGroup(view: LeaderView, id: NodeId): boolean {
  const { voters, votersOutgoing, learners, learnersNext } = view.confState;
  return [voters, votersOutgoing, learners, learnersNext].some((list) => list.includes(id));
}

/** The judgement on a host when it differs from what stands, else undefined. */
function judge(host: Host, view: LeaderView, nowMs: number, options: ControlOptions): boolean | undefined {
  // The leader exchanges nothing with a host outside of the group.
  if (!inGroup(view, host.id)) return undefined;
  if (!host.reachable) return heard(view, host.id, options.backWithinMs, nowMs) ? true : undefined;
  if (heard(view, host.id, options.lostAfterMs, nowMs)) return undefined;
  // A new leader, or one that has just taken the host in, has yet to give it the time to be heard.
  const isNew = (view.peers.get(host.id)?.lastHeardMs ?? null) === null;
  const sinceMs = isNew ? Math.max(view.leaderSinceMs, view.confSinceMs) : view.leaderSinceMs;
  return nowMs - sinceMs > options.lostAfterMs ? false : undefined;
}

/** `hostReachable` for each host whose standing has changed. */
export function planReachability(
  state: ClusterState,
  view: LeaderView,
  nowMs: number,
  options: ControlOptions,
): Decision[] {
  const decisions: Decision[] = [];
  for (const host of state.hosts()) {
    const reachable = judge(host, view, nowMs, options);
    if (reachable === undefined) continue;
    decisions.push({
      type: 'command',
      key: `reachable/${host.id}`,
      command: { type: 'hostReachable', hostId: host.id, reachable },
    });
  }
  return decisions;
}
