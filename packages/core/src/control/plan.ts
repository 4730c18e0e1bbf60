/**
 * The leader's controllers: `plan(state, view, nowMs, options)` says what the leader should do next. Pure
 * and level-triggered: it may be called at any time and as often as one likes, on the leader only.
 *
 * The caller acts on each decision once and keeps its key in `view.inFlight` until the command's result was
 * applied, it was dropped, or this node leads no more; a `confChange` until it is applied or refused. A
 * refused command needs no care: the next plan starts from the state as it then is.
 */
import type { ClusterState } from '../machine/state.ts';
import { isSafeChange, type SafetyRule } from './change-safety.ts';
import { planCommandFormat } from './command-format.ts';
import { CONTROL_OPTIONS, type ControlOptions, type Decision, type LeaderView } from './decision.ts';
import { planMembership } from './membership.ts';
import { planMoves } from './moves.ts';
import { planPlacement } from './placement.ts';
import { planReachability } from './reachability.ts';
import { planSets } from './vm-sets.ts';

export { CONTROL_OPTIONS, type ControlOptions, type Decision, type LeaderView, type PeerView } from './decision.ts';

/** Decides what the leader should do. */
export type Planner = typeof plan;

/**
 * What to do next, in the order in which to do it. Nothing that is in flight already. `isSafe` is for tests of
 * what watches over the changes of the group.
 */
export function plan(
  state: ClusterState,
  view: LeaderView,
  nowMs: number,
  options: ControlOptions = CONTROL_OPTIONS,
  isSafe: SafetyRule = isSafeChange,
): Decision[] {
  if (state.cluster === undefined) return [];
  const decisions = [
    ...planReachability(state, view, nowMs, options),
    ...planCommandFormat(state, view),
    ...planMembership(state, view, nowMs, options, isSafe),
    ...planSets(state),
    ...planPlacement(state, view),
    ...planMoves(state, view),
  ];
  return decisions.filter((decision) => !view.inFlight.has(decision.key));
}
