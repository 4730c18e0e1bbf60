/** Which of the hosts that may take a VM is best. */
import type { HostLoad } from '../machine/indexes.ts';
import { type Host, hostCapacity } from '../model/host.ts';
import { type Vm, vmResources } from '../model/vm.ts';

/** A strategy gives a host its score; the highest wins. */
export type Score = (vm: Vm, host: Host, load: HostLoad) => number;

function share(free: number, capacity: number): number {
  return capacity <= 0 ? 0 : free / capacity;
}

/** Most left after placing: the share, 0 to 1, of the resource that is then the scarcer one. */
export function mostAvailable(vm: Vm, host: Host, load: HostLoad): number {
  const capacity = hostCapacity(host);
  const need = vmResources(vm);
  return Math.min(
    share(capacity.vcpu - load.vcpu - need.vcpu, capacity.vcpu),
    share(capacity.memoryMib - load.memoryMib - need.memoryMib, capacity.memoryMib),
  );
}

/** The best host by `score`; of equals the one with the lowest id. Undefined without hosts. */
export function best(
  vm: Vm,
  hosts: readonly Host[],
  loadOf: (hostId: number) => HostLoad,
  score: Score,
): Host | undefined {
  let winner: Host | undefined;
  let highest = Number.NEGATIVE_INFINITY;
  for (const host of hosts) {
    const value = score(vm, host, loadOf(host.id));
    if (winner === undefined || value > highest || (value === highest && host.id < winner.id)) {
      winner = host;
      highest = value;
    }
  }
  return winner;
}
