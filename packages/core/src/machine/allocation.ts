/**
 * What the cluster gives a VM so that nothing collides on any host: vsock CID, MACs, interface names, host
 * ports. All but the ports follow from one number, the slot: the VM's ordinal modulo 2^24, skipping slots of
 * VMs that still live, so that it stays right after sixteen million VMs.
 */
import type { Allocation, Forward, Vm, VmSpec } from '../model/vm.ts';
import { CID_BASE, vmSlot } from './indexes.ts';
import type { ClusterState } from './state.ts';

/** Number of slots; three bytes of a MAC. */
export const SLOT_COUNT = 2 ** 24;

/** Ports that are handed out to forwards without a host port: first and last. */
export const AUTO_PORTS: readonly [number, number] = [20_000, 29_999];

/** What came of an allocation. */
export type AllocationResult =
  | { readonly ok: true; readonly allocation: Allocation; readonly nextVmOrdinal: number }
  | { readonly ok: false; readonly message: string };

/** `02:6e:ss:ss:ss:ii`: locally administered unicast, three bytes of slot, one of the interface's position. */
function mac(slot: number, position: number): string {
  const bytes = [0x02, 0x6e, (slot >>> 16) & 0xff, (slot >>> 8) & 0xff, slot & 0xff, position];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function freePort(state: ClusterState, start: number, mine: ReadonlySet<number>): number | undefined {
  const [first, last] = AUTO_PORTS;
  const count = last - first + 1;
  for (let i = 0; i < count; i++) {
    const port = first + ((start + i) % count);
    if (!state.indexes.portTaken(port) && !mine.has(port)) return port;
  }
  return undefined;
}

/** The host ports of forwards: those asked for, else those that are kept for the same guest port, else free ones. */
function hostPortsFor(
  state: ClusterState,
  slot: number,
  forwards: readonly Forward[],
  kept: (forward: Forward) => number | undefined = () => undefined,
): { readonly ports: number[] } | { readonly message: string } {
  const mine = new Set(forwards.flatMap((forward) => forward.hostPort ?? kept(forward) ?? []));
  const ports: number[] = [];
  for (const forward of forwards) {
    const port = forward.hostPort ?? kept(forward) ?? freePort(state, slot, mine);
    if (port === undefined) {
      return {
        message: `every host port from ${AUTO_PORTS[0]} to ${AUTO_PORTS[1]} is allocated: name a host port for guest port ${forward.guestPort}, or delete VMs that forward ports`,
      };
    }
    mine.add(port);
    ports.push(port);
  }
  return { ports };
}

function interfacesAndForwards({ source }: VmSpec): { interfaces: readonly unknown[]; forwards: readonly Forward[] } {
  return source.kind === 'inline' ? source : { interfaces: [], forwards: [] };
}

function allocationOf(slot: number, interfaces: readonly unknown[], hostPorts: number[]): Allocation {
  return {
    cid: CID_BASE + slot,
    macs: interfaces.map((_, position) => mac(slot, position)),
    interfaceNames: interfaces.map((_, position) => `n3x${slot.toString(36)}x${position}`),
    hostPorts,
  };
}

/** What a VM has once its spec is another: as much as possible stays as it was. */
export function reallocate(
  state: ClusterState,
  vm: Vm,
  spec: VmSpec,
): Omit<AllocationResult & { ok: true }, 'nextVmOrdinal'> | (AllocationResult & { ok: false }) {
  const slot = vmSlot(vm);
  const { interfaces, forwards } = interfacesAndForwards(spec);
  const before = interfacesAndForwards(vm.spec).forwards;
  const left = before.map((forward, at) => ({ forward, port: vm.allocation.hostPorts[at] }));
  const kept = new Map<Forward, number>();
  for (const forward of forwards) {
    const at = left.findIndex(
      ({ forward: { protocol, guestPort, hostPort } }) =>
        hostPort === undefined && protocol === forward.protocol && guestPort === forward.guestPort,
    );
    const port = at < 0 ? undefined : left.splice(at, 1)[0]?.port;
    if (port !== undefined) kept.set(forward, port);
  }
  const given = hostPortsFor(state, slot, forwards, (forward) => kept.get(forward));
  if ('message' in given) return { ok: false, message: given.message };
  const { addresses } = vm.allocation;
  const allocation = allocationOf(slot, interfaces, given.ports);
  return { ok: true, allocation: addresses === undefined ? allocation : { ...allocation, addresses } };
}

/** Allocates for a new VM from what no living VM has. Fails only when slots or ports are used up. */
export function allocate(state: ClusterState, nextVmOrdinal: number, spec: VmSpec): AllocationResult {
  const { indexes } = state;
  if (indexes.slotCount >= SLOT_COUNT)
    return { ok: false, message: `the cluster has ${SLOT_COUNT} VMs, which is its limit` };
  let ordinal = nextVmOrdinal;
  while (indexes.slotTaken(ordinal % SLOT_COUNT)) ordinal += 1;
  const slot = ordinal % SLOT_COUNT;
  const { interfaces, forwards } = interfacesAndForwards(spec);
  const given = hostPortsFor(state, slot, forwards);
  if ('message' in given) return { ok: false, message: given.message };
  return { ok: true, nextVmOrdinal: ordinal + 1, allocation: allocationOf(slot, interfaces, given.ports) };
}
