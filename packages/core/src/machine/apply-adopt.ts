/** Taking over a VM that was on a host before n3x managed it, and handing one back. */
import { ERROR_CODES } from '../base/errors.ts';
import type { Cluster } from '../model/cluster.ts';
import { isLeaving } from '../model/move.ts';
import { takeAddresses } from './address-allocation.ts';
import { draftVm } from './apply-vm.ts';
import { decision, unfit } from './assign.ts';
import type { Command } from './command.ts';
import { misfits } from './fit.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, overtaken, unchanged, type Verdict } from './verdict.ts';
import { settleVolumes } from './volumes.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

/** `vmAdopt`: the VM is made with its host, in one entry, so that no other host ever gets it. */
export function applyVmAdopt(tx: Transaction, cluster: Cluster, command: CommandOf<'vmAdopt'>): Verdict {
  const { name, hostId } = command;
  const host = tx.state.host(hostId);
  if (host === undefined) return notFound('host', String(hostId), '`n3xctl host list` shows those that do');
  const there = tx.state.vm(name);
  // Asked again, because the first time the host did not come to take it over.
  if (there !== undefined && there.adoptedAt === there.assignment?.epoch && there.assignment?.hostId === hostId) {
    if (!there.deleting) return unchanged({ hostId, epoch: there.assignment.epoch });
  }
  if (there !== undefined) {
    const message = `a VM ${name} exists already: the one on ${host.name} cannot be adopted under the same name. It runs on as it was`;
    return no(ERROR_CODES.conflict, message, { name, host: host.name });
  }
  const draft = draftVm(tx.state, cluster, command, tx);
  if (draft.type === 'refused') return draft.verdict;
  if (draft.type === 'there') return unchanged();
  const against = misfits(draft.vm, host, tx.state.indexes);
  const refusal = unfit(draft.vm, host, against, 'It runs on there as it was, unmanaged');
  if (refusal !== undefined) return refusal;
  tx.putCluster({ ...cluster, nextVmOrdinal: draft.nextVmOrdinal });
  takeAddresses(tx, draft.addresses);
  const message = `was on ${host.name} before; its host takes it over`;
  for (const volume of draft.taken) tx.deleteVolume(volume);
  const settled = settleVolumes(tx, draft.vm, host);
  const told = decision(tx, { maker: 'adoption' }, { hostId });
  const vm = { ...settled, assignment: { hostId, epoch: tx.index }, adoptedAt: tx.index, decision: told };
  const phase = command.power === 'running' ? 'starting' : 'stopped';
  tx.putVm({ ...vm, status: { ...vm.status, phase, reason: 'Adopted', message } });
  tx.event({ kind: 'vm', name }, 'Adopted', `adopted on ${host.name}, ${command.power}`);
  return done({ hostId, epoch: tx.index });
}

/** `vmRelease`: its host takes the marks of n3x away and leaves the rest; then the VM is gone from the cluster. */
export function applyVmRelease(tx: Transaction, command: CommandOf<'vmRelease'>): Verdict {
  const { name, ifModifiedIndex } = command;
  const vm = tx.state.vm(name);
  if (vm === undefined) return notFound('VM', name, '`n3xctl vm list` shows those that do');
  if (vm.deleting) {
    if (vm.releasing === true) return unchanged();
    return no(ERROR_CODES.conflict, `VM ${name} is being deleted: it cannot be handed back any more`, { name });
  }
  const late = overtaken('VM', vm, ifModifiedIndex);
  if (late !== undefined) return late;
  if (isLeaving(vm) || vm.moving !== undefined) {
    const message = `VM ${name} is moving to another host: hand it back once it is there`;
    return no(ERROR_CODES.refused, message, { name });
  }
  if (vm.assignment === null) {
    const message = `VM ${name} has no host that it could be handed back on: delete it with \`n3xctl vm delete ${name}\``;
    return no(ERROR_CODES.refused, message, { name });
  }
  tx.putVm({ ...vm, deleting: true, releasing: true });
  tx.event({ kind: 'vm', name }, 'ReleaseRequested', 'to be handed back on its host as it is');
  return done({ hostId: vm.assignment.hostId, epoch: vm.assignment.epoch });
}
