/** A VM whose host is lost goes to another: what the leader concludes from the end of that host's lease. */
import { ERROR_CODES } from '../base/errors.ts';
import type { Host } from '../model/host.ts';
import { withoutMove } from '../model/move.ts';
import { isFenced, type Vm } from '../model/vm.ts';
import type { Term } from '../raft/types.ts';
import { removeVm } from './apply-vm.ts';
import type { Command } from './command.ts';
import type { Transaction } from './transaction.ts';
import { done, no, unchanged, type Verdict } from './verdict.ts';
import { unsettleVolumes } from './volumes.ts';

/** Takes a VM off a host on which it runs no more. */
function takeOff(tx: Transaction, vm: Vm, from: string): void {
  const about = { kind: 'vm', name: vm.name } as const;
  if (vm.deleting) {
    removeVm(tx, vm);
    tx.event(about, 'Deleted', `its lease on ${from} has run out: what is left of it there goes once ${from} is back`);
    return;
  }
  const rest = withoutMove(vm);
  const { pid: _pid, currentRunner: _current, bootedRunner: _booted, ...status } = vm.status;
  const waits = vm.power === 'running';
  const message = `its lease on ${from} has run out${waits ? ': it waits for another host' : ''}`;
  tx.putVmStatus(
    { ...unsettleVolumes(rest), assignment: null },
    { ...status, phase: waits ? 'pending' : 'stopped', reason: 'HostLost', message },
  );
  tx.event(about, 'FailedOver', message, 'warning');
}

/** `vmFailover` in an entry of `term`. */
export function applyVmFailover(
  tx: Transaction,
  term: Term,
  command: Extract<Command, { type: 'vmFailover' }>,
): Verdict {
  const { name, uid, hostId, epoch } = command;
  const vm = tx.state.vm(name);
  if (vm === undefined || vm.uid !== uid) return unchanged();
  if (vm.assignment?.hostId !== hostId || vm.assignment.epoch !== epoch) return unchanged();
  if (term !== command.term) {
    const message = `VM ${name} was to fail over by the leader of term ${command.term}, and term ${term} has another: it decides anew`;
    return no(ERROR_CODES.conflict, message, { name });
  }
  if (!isFenced(vm.spec)) {
    return no(ERROR_CODES.refused, `VM ${name} stays with its host, and may run on there: it cannot fail over`, {
      name,
    });
  }
  const host = tx.state.host(hostId);
  if (host?.restarting !== undefined) {
    const message = `VM ${name} may run on while ${host.name} restarts its n3xd: it fails over once that is overdue`;
    return no(ERROR_CODES.conflict, message, { name });
  }
  takeOff(tx, vm, hostName(host, hostId));
  return done();
}

function hostName(host: Host | undefined, hostId: number): string {
  return host?.name ?? `host ${hostId}`;
}
