/**
 * The scheduler: from the state to placement commands. Pure and complete in itself: `schedule(state, limits)`
 * considers every VM that waits for a host, oldest first, and counts what it has placed in the same pass.
 *
 * Room for growth: hard rules are in `machine/fit.ts` (apply holds them too), strategies are a `Score` of
 * `rank.ts`, the order of VMs is `queue`, and an explanation is made of `judgeHosts` and the scores.
 */
import type { Command } from '../machine/command.ts';
import { vmSlot } from '../machine/indexes.ts';
import type { ClusterState } from '../machine/state.ts';
import type { Host } from '../model/host.ts';
import type { Vm } from '../model/vm.ts';
import { explainUnplaceable, judgeHosts } from './feasible.ts';
import { PassLoads } from './loads.ts';
import { best, mostAvailable } from './rank.ts';

/** A decision about one VM. */
export type PlacementCommand = Extract<Command, { type: 'vmAssign' | 'vmUnplaceable' }>;

/** How much one pass may decide. What is left waits for the next. */
export interface ScheduleLimits {
  /** VMs given a host. */
  readonly assignments: number;
  /** VMs told anew why they have none. */
  readonly explanations: number;
}

/** Limits of one pass that keep its commands within one round of the log. */
export const SCHEDULE_LIMITS: ScheduleLimits = { assignments: 256, explanations: 64 };

/** VMs that want a host, oldest first. */
function queue(state: ClusterState): Vm[] {
  const waiting: Vm[] = [];
  for (const name of state.waiting) {
    const vm = state.vm(name);
    if (vm !== undefined) waiting.push(vm);
  }
  return waiting.sort((a, b) => vmSlot(a) - vmSlot(b));
}

/** Decisions for the VMs that wait. A VM whose explanation has not changed gets none. */
export function schedule(state: ClusterState, limits: ScheduleLimits = SCHEDULE_LIMITS): PlacementCommand[] {
  if (state.waiting.size === 0) return [];
  const hosts: Host[] = [...state.hosts()];
  const loads = new PassLoads(state);
  const commands: PlacementCommand[] = [];
  let assignments = 0;
  let explanations = 0;
  for (const vm of queue(state)) {
    if (assignments >= limits.assignments) break;
    const base = { name: vm.name, uid: vm.uid, baseIndex: vm.modifiedIndex };
    const verdicts = judgeHosts(vm, hosts, loads);
    const fitting = verdicts.filter((verdict) => verdict.misfits.length === 0).map((verdict) => verdict.host);
    const host = best(vm, fitting, (id) => loads.of(id), mostAvailable);
    if (host !== undefined) {
      loads.place(vm, host.id);
      commands.push({ type: 'vmAssign', ...base, hostId: host.id });
      assignments += 1;
      continue;
    }
    const { reason, message } = explainUnplaceable(vm, verdicts);
    if (vm.status.reason === reason && vm.status.message === message) continue;
    if (explanations >= limits.explanations) continue;
    commands.push({ type: 'vmUnplaceable', ...base, reason, message });
    explanations += 1;
  }
  return commands;
}
