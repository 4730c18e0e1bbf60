/** Finds hosts for the VMs that wait. */
import type { ClusterState } from '../machine/state.ts';
import { SCHEDULE_LIMITS, type ScheduleLimits, schedule } from '../scheduler/schedule.ts';
import type { Decision, LeaderView } from './decision.ts';

const PREFIX = 'place/';

/**
 * One pass of the scheduler. Nothing while decisions of the last pass are under way: a pass counts what is
 * applied and what it places itself, not what is in between.
 */
export function planPlacement(
  state: ClusterState,
  view: LeaderView,
  limits: ScheduleLimits = SCHEDULE_LIMITS,
): Decision[] {
  for (const key of view.inFlight) if (key.startsWith(PREFIX)) return [];
  return schedule(state, view.selfId, limits).map((command) => ({
    type: 'command',
    key: PREFIX + command.name,
    command,
  }));
}
