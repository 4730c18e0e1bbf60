/** Volumes: made, written on and removed by hosts; deleted and begun anew by users. */

import { ERROR_CODES } from '../base/errors.ts';
import type { Host } from '../model/host.ts';
import { type Vm, vmVolumes } from '../model/vm.ts';
import { type VmVolume, volumeUid } from '../model/volume.ts';
import type { Command } from './command.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, overtaken, unchanged, type Verdict } from './verdict.ts';
import { volumeOf } from './volume-of.ts';
import { notStoppedRefusal } from './volume-quiet.ts';
import { placeText } from './volumes.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

function about(name: string): { kind: 'vm'; name: string } {
  return { kind: 'vm', name };
}

/** `volumesCreated`. It comes before the first start: a VM never runs on a volume that the log does not know to be made. */
export function applyVolumesCreated(tx: Transaction, command: CommandOf<'volumesCreated'>): Verdict {
  const { hostId, name, uid, epoch } = command;
  const vm = tx.state.vm(name);
  if (vm === undefined || vm.uid !== uid) return unchanged();
  if (vm.assignment?.hostId !== hostId || vm.assignment.epoch !== epoch) {
    return no(ERROR_CODES.conflict, `VM ${name} is not on host ${hostId} at epoch ${epoch}`, { name, hostId, epoch });
  }
  const made = new Set(command.volumes);
  let changed = false;
  const volumes = vmVolumes(vm).map((volume): VmVolume => {
    if (volume.created || !made.has(volume.uid) || volume.place?.hostId !== hostId) return volume;
    changed = true;
    return { ...volume, created: true };
  });
  if (!changed) return unchanged();
  tx.putVm({ ...vm, volumes });
  const names = volumes.filter((volume) => made.has(volume.uid)).map((volume) => volume.name);
  tx.event(about(name), 'VolumesCreated', `made ${names.join(', ')} on ${tx.state.host(hostId)?.name ?? hostId}`);
  return done();
}

/** Takes over what a host says of one volume; false when it is void or says nothing new. */
function applyReport(tx: Transaction, host: Host, report: CommandOf<'volumeReport'>['reports'][number]): boolean {
  const found = volumeOf(tx.state, report.uid);
  const place = found?.volume.place;
  if (found === undefined || place === undefined || !found.volume.created) return false;
  const { volume, vm } = found;
  // A host that was removed comes back under another id, with what it had: nobody else can have it meanwhile.
  const isBack = place.host === host.name && tx.state.host(place.hostId) === undefined && report.epoch >= volume.writer;
  if (place.hostId !== host.id && !isBack) return false;
  const next = {
    writer: Math.max(volume.writer, report.epoch),
    usedBytes: report.usedBytes,
    ...(isBack ? { place: { ...place, hostId: host.id, since: tx.index } } : {}),
  };
  if (!isBack && next.writer === volume.writer && next.usedBytes === volume.usedBytes) return false;
  if (vm === undefined) {
    const stored = tx.state.stored.get(report.uid);
    if (stored !== undefined) tx.putVolume({ ...stored, ...next });
  } else {
    const volumes = vmVolumes(vm).map((one) => (one.uid === report.uid ? { ...one, ...next } : one));
    tx.putVm({ ...vm, volumes });
  }
  if (isBack) {
    const what = `${volume.name} is on ${host.name} again, which has joined anew`;
    tx.event({ kind: 'volume', name: report.uid }, 'VolumeBack', what);
  }
  return true;
}

/** `volumeReport`. */
export function applyVolumeReport(tx: Transaction, command: CommandOf<'volumeReport'>): Verdict {
  const host = tx.state.host(command.hostId);
  if (host === undefined) return notFound('host', String(command.hostId), 'it is no member');
  let changed = false;
  for (const report of command.reports) changed = applyReport(tx, host, report) || changed;
  return changed ? done() : unchanged();
}

/** What a volume was copied from is gone. */
function forgetFormer(tx: Transaction, uid: string): Verdict {
  const found = volumeOf(tx.state, uid);
  const stored = tx.state.stored.get(uid);
  if (stored !== undefined) {
    const { former: _, ...rest } = stored;
    tx.putVolume(rest);
  } else if (found?.vm !== undefined) {
    const volumes = vmVolumes(found.vm).map((one): VmVolume => {
      if (one.uid !== uid) return one;
      const { former: _, ...rest } = one;
      return rest;
    });
    tx.putVm({ ...found.vm, volumes });
  }
  const { volume } = found ?? {};
  tx.event(
    { kind: 'volume', name: uid },
    'OldCopyRemoved',
    `removed from ${volume?.former?.host}, which it was copied from`,
  );
  return done();
}

/** `volumeRemoved`. */
export function applyVolumeRemoved(tx: Transaction, command: CommandOf<'volumeRemoved'>): Verdict {
  if (volumeOf(tx.state, command.uid)?.volume.former?.hostId === command.hostId) return forgetFormer(tx, command.uid);
  const volume = tx.state.stored.get(command.uid);
  if (volume === undefined) return unchanged();
  if (volume.deleting !== true || volume.place?.hostId !== command.hostId) {
    const { uid, hostId } = command;
    return no(ERROR_CODES.refused, `volume ${uid} is not to be removed from host ${hostId}`, { uid, hostId });
  }
  const { former, ...rest } = volume;
  // What it was copied from goes as well, and is forgotten last.
  if (former !== undefined && tx.state.host(former.hostId) !== undefined) tx.putVolume({ ...rest, place: former });
  else tx.deleteVolume(volume);
  tx.event({ kind: 'volume', name: volume.uid }, 'Removed', `removed from ${volume.place.host}`);
  return done();
}

/** `volumeDelete`. */
export function applyVolumeDelete(tx: Transaction, command: CommandOf<'volumeDelete'>): Verdict {
  const { uid } = command;
  const found = volumeOf(tx.state, uid);
  if (found === undefined) return notFound('volume', uid, '`n3xctl volume list` shows those that do');
  if (found.vm !== undefined) {
    const { name } = found.vm;
    return no(
      ERROR_CODES.refused,
      `volume ${uid} is ${found.volume.name} of VM ${name}: it goes with it, \`n3xctl vm delete ${name}\``,
      { uid, vm: name },
    );
  }
  const volume = tx.state.stored.get(uid);
  if (volume === undefined || volume.deleting === true) return unchanged();
  const isGone = volume.place === undefined || tx.state.host(volume.place.hostId) === undefined;
  const { moving: _, ...rest } = volume;
  if (isGone) tx.deleteVolume(volume);
  else tx.putVolume({ ...rest, deleting: true });
  const how = isGone ? `forgotten: ${volume.place?.host ?? 'its host'} is no member any more` : 'to be removed';
  tx.event({ kind: 'volume', name: uid }, 'DeleteRequested', `${how}; it was ${placeText(volume)}`);
  return done();
}

/** Why a VM's volumes must not be begun anew now. */
function recreateRefusal(tx: Transaction, vm: Vm, names: ReadonlySet<string>): Verdict | undefined {
  const { name } = vm;
  for (const volume of names) {
    if (vmVolumes(vm).some((one) => one.name === volume)) continue;
    const all = vmVolumes(vm).map((one) => one.name);
    const hint = all.length === 0 ? 'it has none that n3x makes' : `it has ${all.join(', ')}`;
    return no(ERROR_CODES.notFound, `VM ${name} has no volume ${volume}: ${hint}`, { kind: 'volume', name: volume });
  }
  return notStoppedRefusal(tx.state, vm, 'begun anew');
}

/** `volumeRecreate`. What was there stays as volumes of no VM: whoever finds the data again still has it. */
export function applyVolumeRecreate(tx: Transaction, command: CommandOf<'volumeRecreate'>): Verdict {
  const vm = tx.state.vm(command.name);
  if (vm === undefined) return notFound('VM', command.name, '`n3xctl vm list` shows those that do');
  const late = overtaken('VM', vm, command.ifModifiedIndex);
  if (late !== undefined) return late;
  const names = new Set(command.volumes ?? []);
  const refusal = recreateRefusal(tx, vm, names);
  if (refusal !== undefined) return refusal;
  const { assignment, home: _home, ...rest } = vm;
  const host = assignment === null ? undefined : tx.state.host(assignment.hostId);
  const renewed: string[] = [];
  const left: VmVolume[] = [];
  const volumes = vmVolumes(vm).map((volume, position): VmVolume => {
    if (!volume.created || (names.size > 0 && !names.has(volume.name))) return volume;
    renewed.push(volume.name);
    left.push(volume);
    const { place: _p, former: _f, usedBytes: _u, madeAs: _m, ...fields } = volume;
    const place = host === undefined ? {} : { place: { hostId: host.id, host: host.name, since: tx.index } };
    return { ...fields, uid: volumeUid(tx.index, position), created: false, writer: 0, ...place };
  });
  if (renewed.length === 0 && vm.home === undefined) return unchanged();
  const what =
    renewed.length === 0
      ? 'begins anew, without what it had on its host'
      : `begins anew with an empty ${renewed.join(', ')}`;
  const next: Vm = { ...rest, assignment, ...(volumes.length === 0 ? {} : { volumes }), generation: vm.generation + 1 };
  if (assignment === null && vm.power === 'running') {
    tx.putVmStatus(next, { ...vm.status, phase: 'pending', reason: 'VolumesRecreated', message: 'waits for a host' });
  } else {
    tx.putVm(next);
  }
  for (const { keep: _, ...volume } of left) {
    tx.putVolume({ ...volume, kind: 'volume', formerVm: vm.name, createdAtMs: tx.atMs });
  }
  const kept = left.map((volume) => `${volume.uid} ${placeText(volume)}`).join(', ');
  tx.event(
    about(vm.name),
    'VolumesRecreated',
    `${what}${kept === '' ? '' : `; what it had stays as ${kept}`}`,
    'warning',
  );
  return done();
}
