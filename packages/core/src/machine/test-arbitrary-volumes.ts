/** For property tests: commands about volumes that know, most of the time, how things stand. */
import fc from 'fast-check';
import { type Vm, vmVolumes } from '../model/vm.ts';
import type { Command } from './command.ts';
import type { ClusterState } from './state.ts';

/** Volumes of a VM, as a spec has them. */
export const arbitraryVolumes = fc.constantFrom<{ name: string; sizeMib: number; keep?: boolean }[]>(
  ...[[], [], [], []],
  [{ name: 'data', sizeMib: 100 }],
  [{ name: 'data', sizeMib: 100, keep: true }],
);

/** Whether nothing of the VM may write, as far as the log can tell. */
function isStill({ assignment, power, status, generation }: Vm): boolean {
  return assignment === null || (power === 'stopped' && status.observedGeneration === generation);
}

/** The next step by which a VM comes to be stopped. */
function toStill(vm: Vm | undefined): Command {
  if (vm === undefined || vm.assignment === null || vm.power === 'running') {
    return { type: 'vmSetPower', name: vm?.name ?? 'a', power: 'stopped' };
  }
  const { name, uid, assignment, generation } = vm;
  const { halt: _, ...before } = vm.status;
  const status = { ...before, phase: 'stopped', reason: '', message: '', observedGeneration: generation } as const;
  return { type: 'vmReport', hostId: assignment.hostId, reports: [{ name, uid, epoch: assignment.epoch, status }] };
}

/** Commands about volumes. */
export const volumeCommand = fc
  .record({
    kind: fc.constantFrom(
      ...(['created', 'created', 'created', 'created'] as const),
      ...(['report', 'removed', 'removed', 'delete', 'delete'] as const),
      ...(['still', 'still', 'still', 'still', 'attach', 'attach', 'more', 'detach', 'detach'] as const),
    ),
    which: fc.nat(7),
    stale: fc.constantFrom(0, 0, 0, 1),
  })
  .map(({ kind, which, stale }) => (state: ClusterState): Command => {
    const vms = [...state.vms()].filter((vm) => vmVolumes(vm).length > 0);
    const assigned = vms.filter((vm) => vm.assignment !== null);
    const fitting = kind === 'created' ? assigned : vms;
    const from = fitting.length > 0 ? fitting : vms;
    const vm = from[which % Math.max(1, from.length)];
    const stored = [...state.stored.all()];
    const kept = stored.find((volume) => volume.deleting !== true) ?? stored[0];
    const own = vm === undefined ? undefined : vmVolumes(vm)[0];
    const uid = own?.uid ?? 'v1-0';
    const all = [...state.vms()];
    const still = all.filter(isStill);
    const quiet = still[which % Math.max(1, still.length)] ?? vm;
    if (kind === 'still') return toStill(all[which % Math.max(1, all.length)]);
    if (kind === 'attach') {
      const taken = stored.find((volume) => volume.deleting !== true)?.uid ?? uid;
      return { type: 'volumeAttach', name: quiet?.name ?? 'a', uid: taken, ...(stale === 0 ? {} : { as: 'other' }) };
    }
    if (kind === 'more') {
      const volume = { name: stale === 0 ? 'data' : 'more', sizeMib: 100, fsType: 'ext4' } as const;
      return { type: 'volumeCreate', name: quiet?.name ?? 'a', volume };
    }
    if (kind === 'detach') {
      const owner = still.find((one) => vmVolumes(one).length > 0) ?? vm;
      return { type: 'volumeDetach', uid: vmVolumes(owner ?? {})[0]?.uid ?? uid };
    }
    const hostId = own?.place?.hostId ?? 1;
    const gone = stored.find((volume) => volume.deleting === true);
    if (gone !== undefined && kind !== 'created') {
      return { type: 'volumeRemoved', hostId: (gone.place?.hostId ?? 1) + stale, uid: gone.uid };
    }
    switch (kind) {
      case 'created': {
        const at = vm?.assignment ?? { hostId: 1, epoch: 1 };
        const base = { name: vm?.name ?? 'a', uid: vm?.uid ?? 'u1', epoch: at.epoch + stale };
        return { type: 'volumesCreated', hostId: at.hostId, ...base, volumes: [uid] };
      }
      case 'report': {
        const epoch = vm?.assignment?.epoch ?? 0;
        return { type: 'volumeReport', hostId: hostId + stale, reports: [{ uid, epoch, usedBytes: which * 4096 }] };
      }
      default:
        return { type: 'volumeDelete', uid: kept?.uid ?? uid };
    }
  });

/** What comes before the move of a volume of no VM: a VM with data goes without it. */
function toStored(state: ClusterState, which: number): Command {
  const made = [...state.vms()].filter((vm) => vm.moving === undefined && vmVolumes(vm).some(({ created }) => created));
  const going = made.find((vm) => vm.deleting && vm.assignment !== null);
  if (going?.assignment != null) {
    const { name, uid, assignment } = going;
    return { type: 'vmRemoved', name, uid, hostId: assignment.hostId, epoch: assignment.epoch };
  }
  const name = made[which % Math.max(1, made.length)]?.name ?? 'a';
  return { type: 'vmDelete', name, keepVolumes: true };
}

/** Moves of volumes of no VM, step by step. */
export const arbitraryVolumeMove = fc
  .record({ which: fc.nat(7), stale: fc.constantFrom(0, 0, 0, 1) })
  .map(({ which, stale }) => (state: ClusterState): Command => {
    const stored = [...state.stored.all()].filter(({ created, deleting }) => created && deleting !== true);
    const moving = stored.find((volume) => volume.moving !== undefined);
    const still = stored.find((volume) => volume.moving === undefined);
    if (moving?.moving === undefined) {
      const others = [...state.hosts()].filter(({ id, reachable }) => reachable && id !== still?.place?.hostId);
      const host = others[which % Math.max(1, others.length)]?.name ?? 'n2';
      return still === undefined ? toStored(state, which) : { type: 'volumeMove', uid: still.uid, host };
    }
    const { uid } = moving;
    const base = { hostId: moving.moving.targetId, uid, index: moving.moving.index + stale };
    if (which < 2) return { type: 'volumeMoveCancel', uid };
    if (which < 4) return { type: 'volumeMoveCopying', ...base, copiedBytes: which * 4096 };
    const failure = which === 7 ? { failure: 'it cannot be read' } : {};
    return { type: 'volumeMoveCopied', ...base, epoch: moving.writer, ...failure };
  });

/** VMs that begin anew, step by step: their volumes are made, they are stopped, and then what they have is left behind. */
export const arbitraryRecreation = fc
  .record({ which: fc.nat(7), stale: fc.constantFrom(0, 0, 0, 1) })
  .map(({ which, stale }) => (state: ClusterState): Command => {
    const there = [...state.vms()].filter(
      (vm) => vm.assignment !== null && vm.moving === undefined && !vm.deleting && vmVolumes(vm).length > 0,
    );
    const made = there.filter((vm) => vmVolumes(vm)[0]?.created === true);
    const vm = made.find(isStill) ?? made[which % Math.max(1, made.length)];
    if (vm !== undefined) {
      if (!isStill(vm)) return toStill(vm);
      return { type: 'volumeRecreate', name: vm.name, ...(stale === 0 ? {} : { volumes: ['other'] }) };
    }
    const [next] = there;
    const { hostId, epoch } = next?.assignment ?? { hostId: 1, epoch: 1 };
    const base = { hostId, name: next?.name ?? 'a', uid: next?.uid ?? 'u1', epoch };
    return { type: 'volumesCreated', ...base, volumes: [vmVolumes(next ?? {})[0]?.uid ?? 'v1-0'] };
  });
