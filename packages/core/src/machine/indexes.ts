/**
 * What the scheduler and `apply` ask of the VMs, kept change by change: who is on a host and what it takes
 * there, which ports are in use, which allocations are taken, who waits for a host. Never stored: it
 * follows from the VMs.
 */
import type { Vm } from '../model/vm.ts';
import { vmResources } from '../model/vm.ts';

/** First context id that is handed out is this plus 1. Below are the reserved ones and those a user may pick by hand. */
export const CID_BASE = 1000;

/** Protocol and port on a host, as in `tcp/8080`. */
export type PortKey = string;

/** What is taken on a host. */
export interface HostLoad {
  readonly vcpu: number;
  readonly memoryMib: number;
  /** Name of the VM that holds each port. */
  readonly ports: ReadonlyMap<PortKey, string>;
}

interface HostIndex {
  readonly vms: Set<string>;
  readonly ports: Map<PortKey, string>;
  vcpu: number;
  memoryMib: number;
}

const EMPTY_LOAD: HostLoad = { vcpu: 0, memoryMib: 0, ports: new Map() };
const EMPTY_SET: ReadonlySet<string> = new Set();

/** The host ports of a VM with their protocols. */
export function vmPorts(vm: Vm): PortKey[] {
  const { source } = vm.spec;
  if (source.kind !== 'inline') return [];
  return vm.allocation.hostPorts.map((port, i) => `${source.forwards[i]?.protocol ?? 'tcp'}/${port}`);
}

/** The number all of a VM's allocations are made from. */
export function vmSlot(vm: Vm): number {
  return vm.allocation.cid - CID_BASE;
}

/** Whether the scheduler has to find a host for it. */
export function waitsForHost(vm: Vm): boolean {
  return vm.assignment === null && vm.power === 'running' && !vm.deleting;
}

/** The derived indexes over all VMs. */
export class VmIndexes {
  readonly #byHost = new Map<number, HostIndex>();
  readonly #waiting = new Set<string>();
  readonly #slots = new Map<number, string>();
  readonly #portUsers = new Map<number, number>();

  /** Names of VMs that have no host and want one, in no particular order. */
  get waiting(): ReadonlySet<string> {
    return this.#waiting;
  }

  /** Names of the VMs assigned to a host, in no particular order. */
  onHost(hostId: number): ReadonlySet<string> {
    return this.#byHost.get(hostId)?.vms ?? EMPTY_SET;
  }

  /** What is taken on a host. The object is live: copy what must not change. */
  load(hostId: number): HostLoad {
    return this.#byHost.get(hostId) ?? EMPTY_LOAD;
  }

  /** Whether a living VM was allocated from this slot. */
  slotTaken(slot: number): boolean {
    return this.#slots.has(slot);
  }

  /** Number of slots in use. */
  get slotCount(): number {
    return this.#slots.size;
  }

  /** Whether any VM, wherever it is, has this host port. */
  portTaken(port: number): boolean {
    return this.#portUsers.has(port);
  }

  /** Number of different host ports in use. */
  get portCount(): number {
    return this.#portUsers.size;
  }

  /** One VM was replaced: `before` is absent when it is new, `after` when it went. */
  replace(before: Vm | undefined, after: Vm | undefined): void {
    if (before !== undefined) this.#remove(before);
    if (after !== undefined) this.#add(after);
  }

  #add(vm: Vm): void {
    if (waitsForHost(vm)) this.#waiting.add(vm.name);
    this.#slots.set(vmSlot(vm), vm.name);
    for (const port of vm.allocation.hostPorts) this.#portUsers.set(port, (this.#portUsers.get(port) ?? 0) + 1);
    if (vm.assignment === null) return;
    let host = this.#byHost.get(vm.assignment.hostId);
    if (host === undefined) {
      host = { vms: new Set(), ports: new Map(), vcpu: 0, memoryMib: 0 };
      this.#byHost.set(vm.assignment.hostId, host);
    }
    const resources = vmResources(vm);
    host.vms.add(vm.name);
    host.vcpu += resources.vcpu;
    host.memoryMib += resources.memoryMib;
    for (const key of vmPorts(vm)) host.ports.set(key, vm.name);
  }

  #remove(vm: Vm): void {
    this.#waiting.delete(vm.name);
    this.#slots.delete(vmSlot(vm));
    for (const port of vm.allocation.hostPorts) {
      const users = (this.#portUsers.get(port) ?? 0) - 1;
      if (users > 0) this.#portUsers.set(port, users);
      else this.#portUsers.delete(port);
    }
    const host = vm.assignment === null ? undefined : this.#byHost.get(vm.assignment.hostId);
    if (vm.assignment === null || host === undefined) return;
    const resources = vmResources(vm);
    host.vms.delete(vm.name);
    host.vcpu -= resources.vcpu;
    host.memoryMib -= resources.memoryMib;
    for (const key of vmPorts(vm)) host.ports.delete(key);
    if (host.vms.size === 0) this.#byHost.delete(vm.assignment.hostId);
  }
}
