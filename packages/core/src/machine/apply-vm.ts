/** What users do to VMs: create, power, restart, delete. */
import { ERROR_CODES } from '../base/errors.ts';
import type { Cluster } from '../model/cluster.ts';
import { isHalted, type Vm, type VmSpec, vmVolumes } from '../model/vm.ts';
import { projectOf } from '../model/vm-name.ts';
import type { StoredVolume } from '../model/volume.ts';
import { type AddressDraft, draftAddresses, takeAddresses } from './address-allocation.ts';
import { allocate } from './allocation.ts';
import { unknownProject } from './apply-project.ts';
import type { Command } from './command.ts';
import { type Difference, differences, shown } from './difference.ts';
import { quotaRefusal } from './quota.ts';
import type { ClusterState } from './state.ts';
import { clip, type Transaction } from './transaction.ts';
import { done, no, notFound, overtaken, unchanged, type Verdict } from './verdict.ts';
import { draftVolumes, releaseVolumes } from './volumes.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

/** Differences named in a message. */
const SHOWN_DIFFERENCES = 6;
/** Differences kept in the details. */
const KEPT_DIFFERENCES = 64;
/** Longest text kept of a differing value. */
const KEPT_TEXT = 256;

function about(name: string): { kind: 'vm'; name: string } {
  return { kind: 'vm', name };
}

function kept(value: unknown): unknown {
  if (typeof value === 'string') return clip(value, KEPT_TEXT);
  const text = JSON.stringify(value);
  return text.length <= KEPT_TEXT ? value : clip(text, KEPT_TEXT);
}

function specConflict(vm: Vm, found: readonly Difference[]): Verdict {
  const named = found
    .slice(0, SHOWN_DIFFERENCES)
    .map((entry) => `${entry.path} is ${shown(entry.old)}, asked for ${shown(entry.new)}`);
  if (found.length > SHOWN_DIFFERENCES) named.push(`${found.length - SHOWN_DIFFERENCES} more`);
  return no(
    ERROR_CODES.conflict,
    `VM ${vm.name} exists with another spec: ${named.join('; ')}. Delete it first, or choose another name`,
    {
      name: vm.name,
      fields: found
        .slice(0, KEPT_DIFFERENCES)
        .map((entry) => ({ path: entry.path, old: kept(entry.old), new: kept(entry.new) })),
    },
  );
}

function beingDeleted(vm: Vm): Verdict {
  return no(ERROR_CODES.conflict, `VM ${vm.name} is being deleted: wait until it is gone`, {
    name: vm.name,
    deleting: true,
  });
}

/** There is no such VM. */
export function unknownVm(name: string): Verdict {
  return notFound('VM', name, '`n3xctl vm list` shows those that do');
}

/** A rule of the spec that needs the cluster to judge it. */
export function specRefusal(state: ClusterState, name: string, spec: VmSpec): Verdict | undefined {
  const { host } = spec.placement;
  if (host !== undefined && state.hostByName(host) === undefined) {
    const names = [...state.hosts()].map((entry) => entry.name);
    const some = names.length > 8 ? [...names.slice(0, 8), `${names.length - 8} more`] : names;
    return no(
      ERROR_CODES.notFound,
      `host ${host}, on which VM ${name} is to run, does not exist: the cluster has ${some.join(', ')}`,
      { kind: 'host', name: host },
    );
  }
  if (spec.source.kind !== 'inline') return undefined;
  const seen = new Set<string>();
  for (const forward of spec.source.forwards) {
    if (forward.hostPort === undefined) continue;
    const key = `${forward.protocol}/${forward.hostPort}`;
    if (seen.has(key)) {
      return no(ERROR_CODES.invalid, `VM ${name} forwards host port ${key} twice: give each forward its own`, {
        issues: [{ path: 'source.forwards', message: `host port ${key} twice` }],
      });
    }
    seen.add(key);
  }
  return undefined;
}

/** What a request for a VM comes to. */
export type VmDraft =
  /** The VM that is to be made. */
  | {
      readonly type: 'new';
      readonly vm: Vm;
      readonly nextVmOrdinal: number;
      readonly addresses: AddressDraft;
      /** Volumes of no VM that become its own. */
      readonly taken: readonly StoredVolume[];
    }
  /** It is there already, as asked for. */
  | { readonly type: 'there'; readonly vm: Vm }
  | { readonly type: 'refused'; readonly verdict: Verdict };

/** What `vmCreate` would do, without doing it. `at` is the index and the wall clock that the VM is to bear. */
export function draftVm(
  state: ClusterState,
  cluster: Cluster,
  command: Omit<CommandOf<'vmCreate'>, 'type'>,
  at: { readonly index: number; readonly atMs: number },
): VmDraft {
  const { name, spec, power } = command;
  const existing = state.vm(name);
  if (existing !== undefined) {
    if (existing.deleting) return { type: 'refused', verdict: beingDeleted(existing) };
    const found = differences(existing.spec, spec);
    if (found.length === 0) return { type: 'there', vm: existing };
    return { type: 'refused', verdict: specConflict(existing, found) };
  }
  if (state.vmSet(name) !== undefined) {
    const message = `there is a set ${name}, and VMs share their names with sets: choose another name`;
    return { type: 'refused', verdict: no(ERROR_CODES.conflict, message, { name }) };
  }
  const project = projectOf(name);
  if (state.project(project) === undefined) return { type: 'refused', verdict: unknownProject(project) };
  const refusal = specRefusal(state, name, spec);
  if (refusal !== undefined) return { type: 'refused', verdict: refusal };
  const drafted = draftVolumes(state, name, spec, at.index);
  if (!drafted.ok) return { type: 'refused', verdict: drafted.verdict };
  const allocated = allocate(state, cluster.nextVmOrdinal, spec);
  if (!allocated.ok) {
    const message = `VM ${name} cannot be created: ${allocated.message}`;
    return { type: 'refused', verdict: no(ERROR_CODES.refused, message, { name }) };
  }
  const given = draftAddresses(state, name, spec);
  if (!given.ok) return { type: 'refused', verdict: given.refusal };
  const { addresses } = given.draft;
  const vm: Vm = {
    kind: 'vm',
    name,
    uid: command.uid,
    generation: 1,
    modifiedIndex: at.index,
    createdAtMs: at.atMs,
    spec,
    power,
    restarts: 0,
    deleting: false,
    allocation: addresses.length === 0 ? allocated.allocation : { ...allocated.allocation, addresses: [...addresses] },
    assignment: null,
    ...(drafted.volumes.length === 0 ? {} : { volumes: drafted.volumes }),
    status: {
      phase: power === 'running' ? 'pending' : 'stopped',
      reason: power === 'running' ? 'Created' : 'NotStarted',
      message: power === 'running' ? 'waits for a host' : '',
      sinceMs: at.atMs,
      observedGeneration: 0,
      observedRestarts: 0,
    },
  };
  const overQuota = quotaRefusal(state, undefined, vm, 'be created');
  if (overQuota !== undefined) return { type: 'refused', verdict: overQuota };
  const { nextVmOrdinal } = allocated;
  return { type: 'new', vm, nextVmOrdinal, addresses: given.draft, taken: drafted.taken };
}

/** `vmCreate`. */
export function applyVmCreate(tx: Transaction, cluster: Cluster, command: CommandOf<'vmCreate'>): Verdict {
  const { name, power } = command;
  const draft = draftVm(tx.state, cluster, command, tx);
  if (draft.type === 'refused') return draft.verdict;
  if (draft.type === 'there') return unchanged();
  tx.putCluster({ ...cluster, nextVmOrdinal: draft.nextVmOrdinal });
  takeAddresses(tx, draft.addresses);
  for (const volume of draft.taken) tx.deleteVolume(volume);
  tx.putVm(draft.vm);
  tx.event(about(name), 'Created', power === 'running' ? 'created, to be started' : 'created, to stay stopped');
  return done();
}

/** The VM that a change is for, or why it cannot be made. */
function target(
  tx: Transaction,
  command: { name: string; ifModifiedIndex?: number | undefined },
): { vm: Vm } | { refusal: Verdict } {
  const vm = tx.state.vm(command.name);
  if (vm === undefined) return { refusal: unknownVm(command.name) };
  const refusal = overtaken('VM', vm, command.ifModifiedIndex);
  return refusal === undefined ? { vm } : { refusal };
}

/** `vmSetPower`. */
export function applyVmSetPower(tx: Transaction, command: CommandOf<'vmSetPower'>): Verdict {
  const found = target(tx, command);
  if ('refusal' in found) return found.refusal;
  return setPower(tx, found.vm, command.power);
}

/** Lets a VM run, or stops it for as long as nobody says otherwise. */
export function setPower(tx: Transaction, vm: Vm, power: Vm['power']): Verdict {
  if (vm.deleting) return beingDeleted(vm);
  // One that ended and is not started any more has the power it shall have: to start it is a wish of its own.
  if (vm.power === power && !isHalted(vm)) return unchanged();
  // One that was held counts in full again once it is started.
  const { overQuota, ...free } = vm;
  const starts = power === 'running';
  const held = starts && overQuota !== undefined;
  const refusal = held ? quotaRefusal(tx.state, vm, free, 'be started') : undefined;
  if (refusal !== undefined) return refusal;
  const generation = vm.generation + 1;
  const next: Vm = { ...(held ? free : vm), power, generation, poweredGeneration: generation };
  if (vm.assignment === null) {
    // No host will report on it: what its status says is for the cluster to write.
    tx.putVmStatus(next, {
      ...vm.status,
      phase: starts ? 'pending' : 'stopped',
      reason: starts ? 'StartRequested' : 'NotStarted',
      message: starts ? 'waits for a host' : '',
    });
  } else {
    tx.putVm(next);
  }
  tx.event(about(vm.name), starts ? 'StartRequested' : 'StopRequested', starts ? 'to be started' : 'to be stopped');
  return done();
}

/** `vmRestart`. */
export function applyVmRestart(tx: Transaction, command: CommandOf<'vmRestart'>): Verdict {
  const found = target(tx, command);
  if ('refusal' in found) return found.refusal;
  const { vm } = found;
  if (vm.deleting) return beingDeleted(vm);
  if (vm.power === 'stopped') {
    return no(ERROR_CODES.refused, `VM ${vm.name} is stopped: start it with \`n3xctl vm start ${vm.name}\``, {
      name: vm.name,
      power: vm.power,
    });
  }
  tx.putVm({ ...vm, restarts: vm.restarts + 1 });
  tx.event(about(vm.name), 'RestartRequested', 'to be restarted');
  return done();
}

/** The VM with all of its volumes marked to be kept. */
export function keepingVolumes(vm: Vm): Vm {
  if (vm.volumes === undefined) return vm;
  return { ...vm, volumes: vm.volumes.map((volume) => ({ ...volume, keep: true as const })) };
}

/** Whether all of its volumes are marked to be kept. */
export function keepsVolumes(vm: Vm): boolean {
  return vmVolumes(vm).every(({ keep }) => keep === true);
}

/** `vmDelete`. */
export function applyVmDelete(tx: Transaction, command: CommandOf<'vmDelete'>): Verdict {
  const vm = tx.state.vm(command.name);
  const isKept = command.keepVolumes === true;
  // Deleting twice is fine whatever index the second request was made for, and never too late to keep something.
  if (vm?.deleting === true) {
    if (!isKept || keepsVolumes(vm)) return unchanged();
    tx.putVm(keepingVolumes(vm));
    return done();
  }
  const found = target(tx, command);
  if ('refusal' in found) return found.refusal;
  const next = isKept ? keepingVolumes(found.vm) : found.vm;
  if (next.assignment === null) {
    removeVm(tx, next);
    tx.event(about(next.name), 'Deleted', 'deleted');
    return done();
  }
  tx.putVm({ ...next, deleting: true });
  tx.event(about(next.name), 'DeleteRequested', 'to be stopped and removed from its host');
  return done();
}

/** Takes a VM out of the state. What becomes of its volumes is theirs to say. */
export function removeVm(tx: Transaction, vm: Vm): void {
  tx.deleteVm(vm);
  releaseVolumes(tx, vm);
}
