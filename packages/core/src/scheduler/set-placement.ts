/** Where the VMs of a set are, and where those without a host would go if they were placed now, one after the other. */

import type { ClusterState } from '../machine/state.ts';
import { isLeaving } from '../model/move.ts';
import type { Vm } from '../model/vm.ts';
import { scheduleThese } from './schedule.ts';

/** Where one VM of several is or would be. */
export interface MemberPlacement {
  readonly name: string;
  /** The host that it has. */
  readonly host: string | null;
  /** The host that it has, or would get; null when none would do. */
  readonly choice: string | null;
  /** VMs that would have to make room first. */
  readonly displaces: readonly string[];
  /** All of it in one line. */
  readonly summary: string;
}

/**
 * One pass over `vms`, as the leader makes it, except that other VMs that wait are left out. They are of the state, or not
 * there yet; what one is given counts for those after it.
 */
export function placeTogether(state: ClusterState, vms: readonly Vm[], by: number): MemberPlacement[] {
  const waiting = vms.filter((vm) => vm.assignment === null);
  const limits = { assignments: waiting.length, explanations: waiting.length, preemptions: waiting.length };
  const decided = new Map(scheduleThese(state, waiting, by, limits).map((command) => [command.name, command]));
  const named = (hostId: number): string => state.host(hostId)?.name ?? `host ${hostId}`;
  return vms.map((vm) => {
    const { name, assignment } = vm;
    if (assignment !== null) {
      const host = named(assignment.hostId);
      return { name, host, choice: host, displaces: [], summary: isLeaving(vm) ? `leaves ${host}` : `is on ${host}` };
    }
    const command = decided.get(name);
    const first = vm.power === 'running' ? 'goes' : 'would go';
    const then = vm.power === 'running' ? '' : ', if it were started';
    switch (command?.type) {
      case 'vmAssign': {
        const choice = named(command.hostId);
        return { name, host: null, choice, displaces: [], summary: `${first} to ${choice}${then}` };
      }
      case 'vmPreempt': {
        const choice = named(command.hostId);
        const displaces = command.victims.map((victim) => victim.name);
        const summary = `${first} to ${choice}${then}, once ${displaces.join(', ')} made room`;
        return { name, host: null, choice, displaces, summary };
      }
      case 'vmUnplaceable':
        return { name, host: null, choice: null, displaces: [], summary: command.message };
      default:
        // It has heard why already, and nothing has changed since.
        return { name, host: null, choice: null, displaces: [], summary: vm.status.message };
    }
  });
}
