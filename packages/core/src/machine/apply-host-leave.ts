/** Hosts on their way out: asked to leave, given up, gone. */
import { ERROR_CODES } from '../base/errors.ts';
import type { Host } from '../model/host.ts';
import { withoutMove } from '../model/move.ts';
import { isFenced, type Vm, vmVolumes } from '../model/vm.ts';
import { removeVm } from './apply-vm.ts';
import { giveUpVolumeMoves } from './apply-volume-move.ts';
import type { Command } from './command.ts';
import { giveUpMovesTo } from './moving.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, unchanged, type Verdict } from './verdict.ts';
import { unsettleVolumes } from './volumes.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

/** VMs or hosts named in one message. */
const SHOWN = 8;
/** Names kept in the details of a refusal. */
const KEPT = 64;

function about(host: Host): { kind: 'host'; name: string } {
  return { kind: 'host', name: host.name };
}

function listed(names: readonly string[]): string {
  const more = names.length - SHOWN;
  return names.slice(0, SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** The hosts beside `host` that may vote: servers and those with the role auto, if they are in the group and stay. */
export function mayVote(tx: Transaction, host: Host): Host[] {
  return [...tx.state.hosts()].filter(
    ({ id, settings, membership }) =>
      id !== host.id && settings.role !== 'agent' && membership !== 'leaving' && membership !== 'lost',
  );
}

/**
 * Why `host` must not go now, for the sake of the quorum. The others have to be a quorum without it, counting
 * only those that the leader hears from: it may be gone before the change is through, or be gone already.
 */
function departureRefusal(tx: Transaction, host: Host): Verdict | undefined {
  const { name } = host;
  if (tx.state.hostCount === 1) {
    return no(
      ERROR_CODES.refused,
      `host ${name} is the only host of the cluster and cannot leave it: join another first, or stop n3xd and remove its data directory`,
      { name },
    );
  }
  const left = mayVote(tx, host);
  if (left.length === 0) {
    return no(
      ERROR_CODES.refused,
      `host ${name} is the last that may vote: join a server, or give an agent the role auto, before it goes`,
      { name },
    );
  }
  if (host.membership !== 'voter') return undefined;
  const voters = [...tx.state.hosts()].filter((other) => other.membership === 'voter' && other.id !== host.id);
  // The only voter: one of those that follow takes over, and has to be there for it.
  const needed = voters.length === 0 ? left : voters;
  const up = needed.filter((other) => other.reachable);
  const quorum = voters.length === 0 ? 1 : Math.floor(voters.length / 2) + 1;
  if (up.length >= quorum) return undefined;
  const down = needed.filter((other) => !other.reachable).map((other) => other.name);
  const one = down.length === 1;
  return no(
    ERROR_CODES.refused,
    `host ${name} is needed: ${listed(down)} ${one ? 'is' : 'are'} not heard from, and without ${name} the other voters would be no quorum. Bring ${one ? 'it' : 'them'} back, or remove ${one ? 'it' : 'them'} with \`n3xctl host remove\` first`,
    { name, unreachable: down.slice(0, KEPT) },
  );
}

function startLeaving(tx: Transaction, host: Host): void {
  tx.putHost({ ...host, membership: 'leaving', generation: host.generation + 1 });
}

/** Volumes whose data is on a host, in words: of VMs that have no host now, and of no VM. */
function volumesOn({ state }: Transaction, hostId: number): string[] {
  const found: string[] = [];
  for (const vm of state.vms()) {
    for (const { created, place, name } of vmVolumes(vm)) {
      if (created && place?.hostId === hostId) found.push(`${name} of VM ${vm.name}`);
    }
  }
  for (const { uid, created, place } of state.stored.all()) if (created && place?.hostId === hostId) found.push(uid);
  return found;
}

/** `hostLeave`. */
export function applyHostLeave(tx: Transaction, command: CommandOf<'hostLeave'>): Verdict {
  const host = tx.state.hostByName(command.name);
  if (host === undefined) return notFound('host', command.name, '`n3xctl host list` shows those that do');
  if (host.membership === 'leaving') return unchanged({ hostId: host.id });
  const refusal = departureRefusal(tx, host);
  if (refusal !== undefined) return refusal;
  const vms = [...tx.state.vmsOnHost(host.id)].map((vm) => vm.name).sort();
  if (vms.length > 0) {
    const lost = host.reachable ? '' : `, or give it up with \`n3xctl host remove ${host.name}\``;
    return no(
      ERROR_CODES.refused,
      `host ${host.name} still has the VMs ${listed(vms)}: move them off with \`n3xctl host drain ${host.name}\`, or delete them, before it leaves${lost}`,
      { name: host.name, vms: vms.slice(0, KEPT) },
    );
  }
  const volumes = volumesOn(tx, host.id);
  if (volumes.length > 0) {
    return no(
      ERROR_CODES.refused,
      `host ${host.name} still has the volumes ${listed(volumes)}: move them with \`n3xctl volume move\`, or delete them, before it leaves`,
      { name: host.name, volumes: volumes.slice(0, KEPT) },
    );
  }
  startLeaving(tx, host);
  tx.event(about(host), 'Leaving', 'asked to leave the cluster');
  return done({ hostId: host.id });
}

/** `hostRemove`. Its VMs stay assigned until it is out: should it come back before, it must not take them for orphans. */
export function applyHostRemove(tx: Transaction, command: CommandOf<'hostRemove'>): Verdict {
  const host = tx.state.hostByName(command.name);
  if (host === undefined) return notFound('host', command.name, '`n3xctl host list` shows those that do');
  const { name } = host;
  const vms = [...tx.state.vmsOnHost(host.id)].map((vm) => vm.name).sort();
  const values = { hostId: host.id, vms: vms.length };
  if (host.membership === 'leaving') return unchanged(values);
  if (host.reachable && !command.force) {
    return no(
      ERROR_CODES.refused,
      `host ${name} is up: let it leave with \`n3xctl cluster leave ${name}\`. Removal is for a host that is lost; --force removes this one all the same, and what runs on it goes on there unsupervised`,
      { name },
    );
  }
  const refusal = departureRefusal(tx, host);
  if (refusal !== undefined) return refusal;
  startLeaving(tx, host);
  const given = `given up${host.reachable ? ' although it is heard from' : ''}`;
  tx.event(about(host), 'Removing', `${given}; ${fateText(tx, host)}`, 'warning');
  return done(values);
}

/** What becomes of the VMs of a host that is given up, in words. */
function fateText(tx: Transaction, host: Host): string {
  const vms = [...tx.state.vmsOnHost(host.id)].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (vms.length === 0) return 'it had no VMs';
  const [moving, lost] = [vms.filter(({ spec }) => isFenced(spec)), vms.filter(({ spec }) => !isFenced(spec))];
  const parts: string[] = [];
  if (moving.length > 0) parts.push(`its VMs go elsewhere: ${listed(moving.map(({ name }) => name))}`);
  if (lost.length > 0) parts.push(`its VMs are lost with it: ${listed(lost.map(({ name }) => name))}`);
  return parts.join('; ');
}

/** What becomes of a VM whose host is out: it keeps its record, and starts nowhere until somebody says so. */
function abandon(tx: Transaction, vm: Vm, host: Host): void {
  const about = { kind: 'vm', name: vm.name } as const;
  if (vm.deleting) {
    removeVm(tx, vm);
    tx.event(about, 'Deleted', `went with host ${host.name}`);
    return;
  }
  const hasData = vmVolumes(vm).some(({ created }) => created) || vm.home !== undefined;
  const message = hasData
    ? `host ${host.name} was removed, and the VM's data with it: bring that host back, begin anew with \`n3xctl vm recreate-volumes ${vm.name}\` and start it, or delete it`
    : `host ${host.name} was removed: start it to make it anew, or delete it`;
  const { pid: _pid, currentRunner: _current, bootedRunner: _booted, ...status } = vm.status;
  tx.putVmStatus(
    { ...unsettleVolumes(withoutMove(vm)), power: 'stopped', assignment: null, generation: vm.generation + 1 },
    { ...status, phase: 'lost', reason: 'HostRemoved', message },
  );
  tx.event(about, 'HostRemoved', message, 'error');
}

/** `hostRemoved`. */
export function applyHostRemoved(tx: Transaction, command: CommandOf<'hostRemoved'>): Verdict {
  const host = tx.state.host(command.hostId);
  if (host === undefined) return unchanged();
  if (host.membership !== 'leaving') {
    return no(ERROR_CODES.refused, `host ${host.name} is not leaving: ask with \`n3xctl cluster leave\` first`, {
      name: host.name,
    });
  }
  // By name: a state that was read back holds them in another order, and what is answered and the history show it.
  const vms = [...tx.state.vmsOnHost(host.id)].sort((a, b) => (a.name < b.name ? -1 : 1));
  const leased = vms.filter(({ spec }) => isFenced(spec));
  if (leased.length > 0) {
    const message = `host ${host.name} may still run VMs under a lease: it is out once that has ended`;
    return no(ERROR_CODES.refused, message, { name: host.name, vms: leased.slice(0, KEPT).map(({ name }) => name) });
  }
  giveUpMovesTo(tx, host);
  giveUpVolumeMoves(tx, host);
  for (const vm of vms) abandon(tx, vm, host);
  tx.deleteHost(host);
  tx.event(about(host), 'Left', `has left the cluster; its id ${host.id} is not used again`);
  return done();
}
