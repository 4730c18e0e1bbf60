/** What is asked of VMs that move, or might: what keeps them, where they are counted, and how a move is given up. */
import { type Host, hostZone } from '../model/host.ts';
import { type Move, type MoveCause, moveOf, moveTargetId, withoutMove } from '../model/move.ts';
import { isDisposable, type Vm } from '../model/vm.ts';
import { withoutVm } from './occupancy.ts';
import type { ClusterState } from './state.ts';
import type { Transaction } from './transaction.ts';

/** Why a VM must not be moved for this cause, to be put after its name; undefined when it may. */
export function staysPut(vm: Vm, cause: MoveCause): { readonly reason: string; readonly message: string } | undefined {
  if (vm.spec.source.kind === 'flake' && !isDisposable(vm)) {
    const message =
      'is from a flake of its own, which may keep data on its host: a spec with `disposable` says that it does not';
    return { reason: 'HasData', message };
  }
  if (cause === 'rebalance' && !isDisposable(vm)) {
    const message = 'has volumes, and no data is copied to even out the hosts: move it with n3xctl vm migrate';
    return { reason: 'HasData', message };
  }
  if (cause === 'migrate' || vm.spec.failover !== 'stay') return undefined;
  return { reason: 'Stays', message: 'is to stay on its host (failover: stay)' };
}

/** What is taken where, were it not for a VM that has a host. */
export function loadsWithout(state: ClusterState, vm: Vm): ReturnType<typeof withoutVm> {
  const place = (hostId: number) => {
    const host = state.host(hostId);
    return { hostId, zone: host === undefined ? '' : hostZone(host) };
  };
  const targetId = moveTargetId(vm);
  const held = targetId === undefined ? undefined : place(targetId);
  return withoutVm(state.indexes, vm, place(vm.assignment?.hostId ?? 0), held);
}

/** Number of VMs that are on their way off a host because it is to be empty. */
export function emptying(state: ClusterState, hostId: number): number {
  let count = 0;
  for (const vm of state.vmsOnHost(hostId)) {
    const cause = moveOf(vm)?.cause;
    if (cause === 'drain' || cause === 'evacuate') count += 1;
  }
  return count;
}

/** The VM with exactly this move. */
export function withMove(
  state: ClusterState,
  command: { name: string; uid: string; index: number },
): { vm: Vm; move: Move } | undefined {
  const vm = state.vm(command.name);
  const move = vm === undefined ? undefined : moveOf(vm);
  if (vm === undefined || vm.uid !== command.uid || move?.index !== command.index) return undefined;
  return { vm, move };
}

/** The VM is its old host's again, and of no other: what the target has built is removed there. */
export function giveUp(tx: Transaction, vm: Vm, reason: string): void {
  tx.putVm(withoutMove(vm));
  const host = tx.state.host(vm.assignment?.hostId ?? 0)?.name ?? 'its host';
  tx.event({ kind: 'vm', name: vm.name }, 'MoveCancelled', `stays on ${host}: ${reason}`, 'warning');
}

/** Gives up every move to a host that is no more. To be called before the host goes. */
export function giveUpMovesTo(tx: Transaction, host: Host): void {
  const vms = [...tx.state.vmsMovingTo(host.id)].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const vm of vms) {
    giveUp(tx, vm, `host ${host.name} has left the cluster`);
  }
}

/** Whether a VM is on its way off, so that it need not be moved. */
export function goesAnyway(vm: Vm): boolean {
  return vm.deleting || vm.moving?.cause === 'preempted';
}
