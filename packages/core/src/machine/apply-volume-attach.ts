/**
 * Volumes that come to a VM that is there, and leave it again: by commands of their own, never by an edit of its spec,
 * so that nothing is let go because a line was left out. All of them wait until the VM is known to be stopped.
 */

import { ERROR_CODES } from '../base/errors.ts';
import { type Host, hostZone } from '../model/host.ts';
import { isFenced, type Vm, type VmSpec, VOLUMES_MAX, type Volume, vmResources, vmVolumes } from '../model/vm.ts';
import { DEFAULT_POOL, type StoredVolume, type VmVolume, volumeUid } from '../model/volume.ts';
import { unknownVm } from './apply-vm.ts';
import { decision } from './assign.ts';
import type { Command } from './command.ts';
import { differences, shown } from './difference.ts';
import { misfits } from './fit.ts';
import { describeMisfit } from './fit-text.ts';
import { withoutVms } from './occupancy.ts';
import { quotaRefusal } from './quota.ts';
import { withSpec } from './revisions.ts';
import type { ClusterState } from './state.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, overtaken, unchanged, type Verdict } from './verdict.ts';
import { volumeOf } from './volume-of.ts';
import { notStoppedRefusal } from './volume-quiet.ts';
import { freshVolume, letGo, ownVolume, placeText, takeRefusal, volumeSpecs, withVolumes } from './volumes.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

/** What this entry would make of a VM, or why it cannot. */
type Draft = { readonly vm: Vm } | { readonly refusal: Verdict };

function refused(vm: Vm, message: string): Verdict {
  return no(ERROR_CODES.refused, message, { name: vm.name });
}

/** Why the list of a VM's volumes cannot change now, whatever the change is. */
function changeRefusal(state: ClusterState, vm: Vm): Verdict | undefined {
  const { name, memberOf, spec } = vm;
  if (memberOf !== undefined) {
    const { set } = memberOf;
    return refused(
      vm,
      `VM ${name} belongs to the set ${set}, whose VMs are all alike: its volumes are those of the set`,
    );
  }
  if (spec.source.kind === 'flake') {
    return refused(vm, `VM ${name} is made from a flake of yours, which says what disks it has: change it there`);
  }
  return notStoppedRefusal(state, vm, 'changed');
}

/** Why a VM cannot have one more volume of this name, mounted there. */
function listRefusal(vm: Vm, { name, mountPoint }: Pick<Volume, 'name' | 'mountPoint'>): Verdict | undefined {
  const all = volumeSpecs(vm.spec);
  if (all.some((one) => one.name === name)) {
    return refused(vm, `VM ${vm.name} has a volume ${name} already: give this one another name`);
  }
  const other = all.find((one) => mountPoint !== undefined && one.mountPoint === mountPoint);
  if (other !== undefined) {
    return refused(vm, `VM ${vm.name} mounts its volume ${other.name} at ${mountPoint}: mount this one elsewhere`);
  }
  if (all.length >= VOLUMES_MAX) return refused(vm, `VM ${vm.name} has ${VOLUMES_MAX} volumes, and no VM has more`);
  return undefined;
}

/** The VM with another list of volumes, stopped as it is. */
function withList(tx: Transaction, vm: Vm, asked: readonly Volume[], volumes: VmVolume[]): Vm {
  const { source } = vm.spec;
  if (source.kind !== 'inline') return vm;
  const spec: VmSpec = { ...vm.spec, source: { ...source, volumes: [...asked] } };
  const next = withVolumes(withSpec(tx, vm, { spec }), volumes);
  if (vm.power === 'running') return next;
  // Nobody has wished anything of its power: what its host said of that goes on to hold.
  const { poweredGeneration: _, ...rest } = next;
  return vm.poweredGeneration === undefined ? rest : { ...next, poweredGeneration: vm.poweredGeneration };
}

/** Why the VM cannot have its new list of volumes where it is. `anew`: whether it is given its host once more. */
function placeRefusal(state: ClusterState, before: Vm, after: Vm, volume: string, anew: boolean): Verdict | undefined {
  const host = state.host(after.assignment?.hostId ?? 0);
  if (host === undefined) return undefined;
  const loads = withoutVms(state.indexes, host.id, hostZone(host), [before]);
  const [had, needs] = [vmResources(before), vmResources(after)];
  const against = misfits(after, host, loads).filter(({ rule }) => {
    if (anew || rule === 'data' || rule === 'pool' || rule === 'disk') return true;
    return (rule === 'vcpu' && needs.vcpu > had.vcpu) || (rule === 'memory' && needs.memoryMib > had.memoryMib);
  });
  if (against.length === 0) return undefined;
  const reasons = against.map(describeMisfit).join(' and ');
  return no(
    ERROR_CODES.refused,
    `VM ${after.name} cannot have volume ${volume} on ${host.name}, where it is: that host ${reasons}`,
    { name: after.name, host: host.name, rules: against.map(({ rule }) => rule) },
  );
}

/** Why the volume and the VM cannot come together: a VM finds all its volumes on its host. */
function apartRefusal(state: ClusterState, vm: Vm, { uid, place }: StoredVolume): Verdict | undefined {
  if (place === undefined || state.host(place.hostId) === undefined) {
    const where = place?.host ?? 'a host';
    return refused(
      vm,
      `volume ${uid} is on ${where}, which is no member any more: it can be attached once that has joined again`,
    );
  }
  const { name, assignment, spec } = vm;
  const move = `\`n3xctl vm migrate ${name} --to ${place.host}\``;
  if (assignment !== null) {
    if (assignment.hostId === place.hostId) return undefined;
    const at = state.host(assignment.hostId)?.name ?? `host ${assignment.hostId}`;
    return refused(
      vm,
      `volume ${uid} is on ${place.host}, and VM ${name} on ${at}: move the VM there first, ${move}, or the volume here, \`n3xctl volume move ${uid} --to ${at}\``,
    );
  }
  const other = vmVolumes(vm).find((one) => one.created && one.place?.hostId !== place.hostId);
  if (other !== undefined) {
    return refused(
      vm,
      `volume ${uid} is on ${place.host}, and volume ${other.name} of VM ${name} ${placeText(other)}: a VM finds all its volumes on one host. Once it has its host, move it, ${move}`,
    );
  }
  const { host } = spec.placement;
  if (host === undefined || host === place.host) return undefined;
  return refused(
    vm,
    `volume ${uid} is on ${place.host}, and VM ${name} is to run on ${host} alone: say \`n3xctl vm update ${name} --host ${place.host}\` first`,
  );
}

/** The VM that a change is for, or why it cannot be made. */
function target(tx: Transaction, name: string, ifModifiedIndex: number | undefined): Draft {
  const vm = tx.state.vm(name);
  if (vm === undefined) return { refusal: unknownVm(name) };
  const late = overtaken('VM', vm, ifModifiedIndex);
  return late === undefined ? { vm } : { refusal: late };
}

/** Writes the changed VM. One without a host that shall run may fit elsewhere now, or somewhere at all. */
function put(tx: Transaction, vm: Vm): void {
  if (vm.assignment !== null || vm.power === 'stopped') tx.putVm(vm);
  else tx.putVmStatus(vm, { ...vm.status, phase: 'pending', reason: 'VolumesChanged', message: 'waits for a host' });
}

function tell(tx: Transaction, vm: Vm, volume: VmVolume, reason: string, what: string): void {
  tx.event({ kind: 'vm', name: vm.name }, reason, what);
  tx.event({ kind: 'volume', name: volume.uid }, reason, what);
}

/** The volume is one of this VM already: as it is asked for, or not. */
function there(vm: Vm, uid: string, command: CommandOf<'volumeAttach'>): Verdict | undefined {
  const position = vmVolumes(vm).findIndex((one) => one.uid === uid);
  const asked = volumeSpecs(vm.spec)[position];
  if (asked === undefined) return undefined;
  const { as = asked.name, mountPoint = asked.mountPoint } = command;
  if (as === asked.name && mountPoint === asked.mountPoint) return unchanged();
  const where = asked.mountPoint === undefined ? 'not mounted' : `mounted at ${asked.mountPoint}`;
  return refused(
    vm,
    `volume ${uid} is ${asked.name} of VM ${vm.name} already, ${where}: detach it before it is attached otherwise`,
  );
}

/** The VM with its new volume, given its host anew where that is needed; or why not. */
function draftAttached(tx: Transaction, vm: Vm, volume: VmVolume, asked: Volume): Draft {
  const { assignment } = vm;
  // Whoever starts it stamps it with the epoch of its assignment, and no stamp is ever older than the one before.
  const anew = assignment !== null && volume.writer > assignment.epoch;
  const listed = withList(tx, vm, [...volumeSpecs(vm.spec), asked], [...vmVolumes(vm), volume]);
  const next: Vm = anew
    ? {
        ...listed,
        assignment: { ...assignment, epoch: tx.index },
        decision: decision(tx, { maker: 'attachment' }, { hostId: assignment.hostId }),
      }
    : listed;
  const refusal =
    quotaRefusal(tx.state, vm, next, `be given volume ${volume.name}`) ??
    placeRefusal(tx.state, vm, next, volume.name, anew);
  return refusal === undefined ? { vm: next } : { refusal };
}

/** `volumeAttach`. */
export function applyVolumeAttach(tx: Transaction, command: CommandOf<'volumeAttach'>): Verdict {
  const { uid } = command;
  const vm = tx.state.vm(command.name);
  // Attaching twice is fine whatever index the second request was made for.
  const already = vm === undefined ? undefined : there(vm, uid, command);
  if (already !== undefined) return already;
  const found = target(tx, command.name, command.ifModifiedIndex);
  if ('refusal' in found) return found.refusal;
  const known = volumeOf(tx.state, uid)?.volume;
  const { sizeMib = 1, fsType = 'ext4', pool = DEFAULT_POOL } = known ?? {};
  const asked: Volume = {
    ...{ name: command.as ?? known?.name ?? uid, sizeMib, fsType, from: uid },
    ...(command.mountPoint === undefined ? {} : { mountPoint: command.mountPoint }),
    ...(pool === DEFAULT_POOL ? {} : { pool }),
  };
  const impossible = takeRefusal(tx.state, found.vm.name, asked, uid);
  const stored = tx.state.stored.get(uid);
  if (impossible !== undefined || stored === undefined) {
    return impossible ?? notFound('volume', uid, '`n3xctl volume list` shows those that do');
  }
  const refusal =
    changeRefusal(tx.state, found.vm) ??
    listRefusal(found.vm, asked) ??
    disposableRefusal(found.vm, uid) ??
    apartRefusal(tx.state, found.vm, stored);
  if (refusal !== undefined) return refusal;
  const volume = ownVolume(stored, asked);
  const draft = draftAttached(tx, found.vm, volume, asked);
  if ('refusal' in draft) return draft.refusal;
  tx.deleteVolume(stored);
  put(tx, draft.vm);
  const { name } = draft.vm;
  tell(
    tx,
    draft.vm,
    volume,
    'VolumeAttached',
    `volume ${uid}, ${placeText(stored)}, is ${volume.name} of VM ${name} now`,
  );
  return done({ generation: draft.vm.generation });
}

function disposableRefusal(vm: Vm, uid: string): Verdict | undefined {
  if (vm.spec.disposable !== true) return undefined;
  const message = `VM ${vm.name} is disposable, and its volumes go with it when it makes room: volume ${uid} has data. Change that first, \`n3xctl vm edit ${vm.name}\``;
  return refused(vm, message);
}

/** `volumeCreate`. Its host makes it, as that of a new VM, before the VM starts. */
export function applyVolumeCreate(tx: Transaction, command: CommandOf<'volumeCreate'>): Verdict {
  const asked: Volume = command.volume;
  const vm = tx.state.vm(command.name);
  const same = vm === undefined ? undefined : volumeSpecs(vm.spec).find(({ name }) => name === asked.name);
  if (vm !== undefined && same !== undefined && !vm.deleting) {
    const { from: _, ...there } = same;
    const found = differences(there, asked);
    if (found.length === 0) return unchanged();
    const how = found
      .map(({ path, old, new: next }) => `${path} is ${shown(old)}, asked for ${shown(next)}`)
      .join('; ');
    return no(
      ERROR_CODES.conflict,
      `VM ${vm.name} has a volume ${asked.name} already: ${how}. Give this one another name`,
      {
        name: vm.name,
        volume: asked.name,
      },
    );
  }
  const found = target(tx, command.name, command.ifModifiedIndex);
  if ('refusal' in found) return found.refusal;
  const refusal = changeRefusal(tx.state, found.vm) ?? listRefusal(found.vm, asked);
  if (refusal !== undefined) return refusal;
  const { assignment } = found.vm;
  const host = assignment === null ? undefined : tx.state.host(assignment.hostId);
  const place = host === undefined ? {} : { place: { hostId: host.id, host: host.name, since: tx.index } };
  const volume: VmVolume = { ...freshVolume(asked, volumeUid(tx.index, 0)), ...place };
  const draft = draftAttached(tx, found.vm, volume, asked);
  if ('refusal' in draft) return draft.refusal;
  put(tx, draft.vm);
  tell(tx, draft.vm, volume, 'VolumeAdded', `VM ${draft.vm.name} gets a new volume ${volume.name}`);
  return done({ generation: draft.vm.generation });
}

/** Why the VM could not start without the volume: without any it runs under a lease, which its host may not be able to keep. */
function fenceRefusal(host: Host | undefined, before: Vm, after: Vm): Verdict | undefined {
  if (host === undefined || isFenced(before.spec) || !isFenced(after.spec) || host.facts?.fence?.works === true) {
    return undefined;
  }
  const why = host.facts?.fence?.message ?? 'it has not been tried';
  const { name } = before;
  return refused(
    before,
    `without a volume VM ${name} would fail over, and on ${host.name} no VM may run that does (${why}): let it stay first, \`n3xctl vm update ${name} --failover stay\``,
  );
}

/** `volumeDetach`. Its data is kept, whether it was to go with the VM or not. */
export function applyVolumeDetach(tx: Transaction, command: CommandOf<'volumeDetach'>): Verdict {
  const { uid } = command;
  const owned = volumeOf(tx.state, uid);
  if (owned === undefined) return notFound('volume', uid, '`n3xctl volume list` shows those that do');
  if (owned.vm === undefined) return unchanged();
  const { vm } = owned;
  const late = overtaken('VM', vm, command.ifModifiedIndex);
  if (late !== undefined) return late;
  const refusal = changeRefusal(tx.state, vm);
  if (refusal !== undefined) return refusal;
  const position = vmVolumes(vm).findIndex((one) => one.uid === uid);
  const volume = vmVolumes(vm)[position];
  if (volume === undefined) return unchanged();
  const without = <T>(list: readonly T[]): T[] => list.filter((_, at) => at !== position);
  const next = withList(tx, vm, without(volumeSpecs(vm.spec)), without(vmVolumes(vm)));
  const fence = fenceRefusal(tx.state.host(vm.assignment?.hostId ?? 0), vm, next);
  if (fence !== undefined) return fence;
  put(tx, next);
  letGo(tx, next, volume, true);
  const fate = volume.created ? `stays ${placeText(volume)} as ${uid}, of no VM` : 'was never made, and is forgotten';
  tell(tx, next, volume, 'VolumeDetached', `volume ${volume.name} of VM ${vm.name} ${fate}`);
  return done({ generation: next.generation });
}
