/** Finds hosts for the VMs that wait. */
import type { ClusterState } from '../machine/state.ts';
import { SCHEDULE_LIMITS, type ScheduleLimits, schedule } from '../scheduler/schedule.ts';
import type { Decision } from './decision.ts';

/**
 * One pass of the scheduler. While decisions of an earlier pass are under way it comes to the same ones
 * again, in the same order, and so counts what they take; what it got wrong nevertheless `apply` refuses.
 */
export function planPlacement(state: ClusterState, limits: ScheduleLimits = SCHEDULE_LIMITS): Decision[] {
  return schedule(state, limits).map((command) => ({ type: 'command', key: `place/${command.name}`, command }));
}
