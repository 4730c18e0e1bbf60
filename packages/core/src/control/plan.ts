/**
 * The leader's controllers: `plan(state, view, nowMs, options)` says what the leader should do next. Pure
 * and level-triggered: it may be called at any time and as often as one likes, on the leader only.
 *
 * The caller proposes a command unless one with the same key is under way, and hands configuration changes
 * and handovers to Raft, which refuses what comes at the wrong time. Refusals need no care: the next plan
 * starts from the state as it then is.
 */
import type { ClusterState } from '../machine/state.ts';
import { CONTROL_OPTIONS, type ControlOptions, type Decision, type LeaderView } from './decision.ts';
import { planMembership } from './membership.ts';
import { planPlacement } from './placement.ts';
import { planReachability } from './reachability.ts';

export { CONTROL_OPTIONS, type ControlOptions, type Decision, type LeaderView } from './decision.ts';

/** What to do next, in the order in which to do it. */
export function plan(
  state: ClusterState,
  view: LeaderView,
  nowMs: number,
  options: ControlOptions = CONTROL_OPTIONS,
): Decision[] {
  if (state.cluster === undefined) return [];
  return [
    ...planReachability(state, view, nowMs, options),
    ...planMembership(state, view, nowMs, options),
    ...planPlacement(state),
  ];
}
