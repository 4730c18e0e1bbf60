/** What is taken on each host, counting what the pass under way has placed already. */
import { type HostLoad, vmPorts } from '../machine/indexes.ts';
import type { ClusterState } from '../machine/state.ts';
import { type Vm, vmResources } from '../model/vm.ts';

/** Loads of all hosts during one pass. */
export class PassLoads {
  readonly #state: ClusterState;
  readonly #changed = new Map<number, { vcpu: number; memoryMib: number; ports: Map<string, string> }>();

  constructor(state: ClusterState) {
    this.#state = state;
  }

  /** What is taken on a host. */
  of(hostId: number): HostLoad {
    return this.#changed.get(hostId) ?? this.#state.load(hostId);
  }

  /** The pass puts `vm` on a host. */
  place(vm: Vm, hostId: number): void {
    let load = this.#changed.get(hostId);
    if (load === undefined) {
      const before = this.#state.load(hostId);
      load = { vcpu: before.vcpu, memoryMib: before.memoryMib, ports: new Map(before.ports) };
      this.#changed.set(hostId, load);
    }
    const need = vmResources(vm);
    load.vcpu += need.vcpu;
    load.memoryMib += need.memoryMib;
    for (const port of vmPorts(vm)) load.ports.set(port, vm.name);
  }
}
