/** Whether the hosts that a schedule written by hand names are in the run that it is for. */
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { formatFault } from '../faults/fault.ts';
import type { Fault, TimedFault } from '../faults/fault-kinds.ts';

function namesOf(fault: Fault): readonly string[] {
  if (fault.type === 'partition') return fault.groups.flat();
  if ('from' in fault) return [fault.from, fault.to];
  return 'host' in fault ? [fault.host] : [];
}

/**
 * Refuses a fault of a host that a run of `hosts` never has: it would pass over in silence. A schedule in which hosts
 * join, or a run in which they do (`grows`), may name later ones. Throws `N3X_INVALID`.
 */
export function checkFaultHosts(schedule: readonly TimedFault[], hosts: number, grows: boolean): void {
  const most = grows || schedule.some(({ fault }) => fault.type === 'join') ? Number.POSITIVE_INFINITY : hosts;
  for (const timed of schedule) {
    for (const name of namesOf(timed.fault)) {
      if (name === 'leader') continue;
      const number = Number(/^n([1-9]\d*)$/.exec(name)?.[1] ?? Number.NaN);
      if (number <= most) continue;
      const there = hosts === 1 ? 'n1' : `n1 to n${hosts}`;
      throw new N3xError(
        ERROR_CODES.invalid,
        `there is no host ${name}: there are ${there}, and leader: ${formatFault(timed)}`,
      );
    }
  }
}
