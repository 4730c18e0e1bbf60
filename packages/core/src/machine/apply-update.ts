/** Changes of the spec of a VM that is there, and the way back. */
import { ERROR_CODES } from '../base/errors.ts';
import { hostZone } from '../model/host.ts';
import { isLeaving, withoutMove } from '../model/move.ts';
import { isFenced, type PastRevision, type Vm, type VmSpec, vmFailover, vmResources } from '../model/vm.ts';
import { wantedAddresses } from '../model/vm-address.ts';
import { reallocate } from './allocation.ts';
import { specRefusal, unknownVm } from './apply-vm.ts';
import type { Command, VmReport } from './command.ts';
import { same } from './difference.ts';
import { type Misfit, misfits } from './fit.ts';
import { describeMisfit } from './fit-text.ts';
import { withoutVms } from './occupancy.ts';
import { quotaRefusal } from './quota.ts';
import { lastReady, type NextBuild, withSpec } from './revisions.ts';
import type { ClusterState } from './state.ts';
import type { Transaction } from './transaction.ts';
import { done, no, overtaken, unchanged, type Verdict } from './verdict.ts';
import { volumeSpecs } from './volumes.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

function about(name: string): { kind: 'vm'; name: string } {
  return { kind: 'vm', name };
}

function refused(vm: Vm, message: string): Verdict {
  return no(ERROR_CODES.refused, message, { name: vm.name });
}

/** What a change of the spec cannot do to what is there already. */
export function inPlaceRefusal(
  { name, spec: before, assignment }: Pick<Vm, 'name' | 'spec' | 'assignment'>,
  spec: VmSpec,
): Verdict | undefined {
  const refuse = (message: string): Verdict => no(ERROR_CODES.refused, message, { name });
  const disks = (of: VmSpec) =>
    volumeSpecs(of).map((volume) => `${volume.name} ${volume.pool ?? ''} ${volume.from ?? ''}`);
  if (!same(disks(before), disks(spec))) {
    return refuse(
      `the volumes of ${name} are not changed with its spec, so that none is ever let go by a line that was left out: attach, detach or create them by name, \`n3xctl volume attach|detach|create\``,
    );
  }
  if (assignment !== null && isFenced(before) !== isFenced(spec)) {
    const now = vmFailover(before);
    return refuse(
      `${name} was started under failover ${now}, which cannot change while it has a host: say --failover ${now}, or make it anew`,
    );
  }
  if (!same(wantedAddresses(before), wantedAddresses(spec))) {
    return refuse(`the networks of ${name} and its addresses on them cannot change in place: make it anew`);
  }
  if (before.source.kind !== 'inline' || spec.source.kind !== 'inline') return undefined;
  for (const volume of spec.source.volumes) {
    const there = before.source.volumes.find((one) => one.name === volume.name);
    if (there === undefined) continue;
    for (const field of ['sizeMib', 'fsType'] as const) {
      if (there[field] === volume[field]) continue;
      return refuse(
        `volume ${volume.name} of ${name} is there with ${field} ${there[field]}, and its disk is not made anew: give another volume ${volume[field]}`,
      );
    }
  }
  return undefined;
}

/** Rules that are about who comes to a host; a VM that is on one already stays. */
const ABOUT_COMING: ReadonlySet<Misfit['rule']> = new Set([
  'joining',
  'leaving',
  'unreachable',
  'cordoned',
  'unreported',
]);

/** Why the changed VM cannot stay on its host. What did not fit before, and is not changed, is no reason. */
function placeRefusal(state: ClusterState, before: Vm, after: Vm): Verdict | undefined {
  const host = state.host(after.assignment?.hostId ?? 0);
  if (host === undefined) return undefined;
  const loads = withoutVms(state.indexes, host.id, hostZone(host), [before]);
  const [had, needs] = [vmResources(before), vmResources(after)];
  const newRules = !same(before.spec.placement, after.spec.placement) || !same(before.spec.labels, after.spec.labels);
  const against = misfits(after, host, loads).filter(({ rule }) => {
    if (ABOUT_COMING.has(rule)) return false;
    if (rule === 'vcpu') return needs.vcpu > had.vcpu;
    if (rule === 'memory') return needs.memoryMib > had.memoryMib;
    return rule === 'hostPort' || newRules;
  });
  if (against.length === 0) return undefined;
  const reasons = against.map(describeMisfit).join(' and ');
  return no(
    ERROR_CODES.refused,
    `VM ${after.name} cannot be changed so where it is, on ${host.name}: it ${reasons}. Make room there, or move it first`,
    { name: after.name, host: host.name, rules: against.map(({ rule }) => rule) },
  );
}

/** What a change of the spec would make of a VM. */
export type UpdateDraft = { readonly vm: Vm } | { readonly refusal: Verdict };

/** Works a change out without making it. */
export function draftUpdate(tx: Transaction, vm: Vm, next: NextBuild): UpdateDraft {
  if (vm.deleting)
    return {
      refusal: no(ERROR_CODES.conflict, `VM ${vm.name} is being deleted: wait until it is gone`, { name: vm.name }),
    };
  if (vm.moving !== undefined) {
    const message = `VM ${vm.name} is changing hosts: wait until it is where it goes`;
    return { refusal: no(ERROR_CODES.conflict, message, { name: vm.name }) };
  }
  const refusal = specRefusal(tx.state, vm.name, next.spec) ?? inPlaceRefusal(vm, next.spec);
  if (refusal !== undefined) return { refusal };
  const changed = withSpec(tx, vm, next);
  const allocated = reallocate(tx.state, vm, next.spec);
  if (!allocated.ok) return { refusal: refused(vm, `VM ${vm.name} cannot be changed: ${allocated.message}`) };
  const draft: Vm = { ...changed, allocation: allocated.allocation };
  const against = quotaRefusal(tx.state, vm, draft, 'be changed so') ?? placeRefusal(tx.state, vm, draft);
  return against === undefined ? { vm: draft } : { refusal: against };
}

/** Makes a change. The event says that it is asked for; the work follows on the host. */
export function update(tx: Transaction, vm: Vm, next: NextBuild, event: { reason: string; message: string }): Verdict {
  const draft = draftUpdate(tx, vm, next);
  if ('refusal' in draft) return draft.refusal;
  tx.putVm(draft.vm);
  tx.event(about(vm.name), event.reason, event.message);
  return done({ generation: draft.vm.generation });
}

function ofSet(vm: Vm): Verdict | undefined {
  if (vm.memberOf === undefined) return undefined;
  const { set } = vm.memberOf;
  return refused(
    vm,
    `VM ${vm.name} belongs to the set ${set}, whose VMs are all alike: change the set, as in \`n3xctl vm update ${set}\``,
  );
}

function target(
  tx: Transaction,
  command: { name: string; ifModifiedIndex?: number | undefined; ifGeneration?: number | undefined },
): { vm: Vm } | { refusal: Verdict } {
  const vm = tx.state.vm(command.name);
  if (vm === undefined) return { refusal: unknownVm(command.name) };
  const { ifModifiedIndex, ifGeneration } = command;
  const late = overtaken('VM', vm, ifModifiedIndex);
  if (late !== undefined) return { refusal: late };
  if (ifGeneration !== undefined && ifGeneration !== vm.generation) {
    const message = `VM ${vm.name} has changed: it is at generation ${vm.generation}, the request was made for ${ifGeneration}. Read it again`;
    return { refusal: no(ERROR_CODES.conflict, message, { name: vm.name, generation: vm.generation, ifGeneration }) };
  }
  const refusal = ofSet(vm);
  return refusal === undefined ? { vm } : { refusal };
}

/** `vmUpdate`. */
export function applyVmUpdate(tx: Transaction, command: CommandOf<'vmUpdate'>): Verdict {
  const found = target(tx, command);
  if ('refusal' in found) return found.refusal;
  const { vm } = found;
  const { spec, rebuild } = command;
  if (!rebuild && !vm.deleting && same(vm.spec, spec)) return unchanged({ generation: vm.generation });
  const message = same(vm.spec, spec) ? 'to be built anew' : 'its spec was changed';
  return update(tx, vm, { spec, rebuild }, { reason: 'UpdateRequested', message });
}

/** The revision to go back to, or why there is none. */
function rollbackTarget(vm: Vm, to: number | undefined): PastRevision | Verdict {
  const past = vm.revisions ?? [];
  if (to === undefined) {
    const found = lastReady(past);
    return (
      found ??
      refused(
        vm,
        `VM ${vm.name} has no earlier build that was ready: \`n3xctl vm history ${vm.name}\` shows what there was`,
      )
    );
  }
  const found = past.find(({ generation }) => generation === to);
  if (found !== undefined) return found;
  const list = past.map(({ generation }) => generation).join(', ');
  return refused(
    vm,
    `VM ${vm.name} cannot go back to generation ${to}: ${list === '' ? 'it has no earlier build' : `kept are ${list}`}`,
  );
}

/** `vmRollback`. */
export function applyVmRollback(tx: Transaction, command: CommandOf<'vmRollback'>): Verdict {
  const found = target(tx, command);
  if ('refusal' in found) return found.refusal;
  const { vm } = found;
  const back = rollbackTarget(vm, command.to);
  if ('ok' in back) return back;
  const message = `to go back to the build of generation ${back.generation}`;
  return update(tx, vm, { spec: back.spec, restores: back }, { reason: 'RollbackRequested', message });
}

/** What became of a build that had yet to prove itself. `back`: the VM returned to an earlier one. */
export type GateOutcome = 'ready' | 'back' | 'failed';

/** Takes over what the host says of a build that has yet to prove itself; undefined when that is of no interest any more. */
export function applyGate(tx: Transaction, vm: Vm, gate: NonNullable<VmReport['gate']>): GateOutcome | undefined {
  const { revision } = vm;
  if (revision === undefined || revision.generation !== gate.generation || revision.state === 'ready') return undefined;
  if (gate.outcome === 'ready') {
    const { held: _held, message: _message, ...rest } = revision;
    const { bootedRunner, evaluated } = vm.status;
    tx.putVm({
      ...vm,
      revision: {
        ...rest,
        state: 'ready',
        ...(bootedRunner === undefined ? {} : { runner: bootedRunner }),
        ...(evaluated === undefined ? {} : { evaluated }),
      },
    });
    tx.event(about(vm.name), 'Updated', `runs the build of generation ${revision.restores ?? revision.generation}`);
    return 'ready';
  }
  if (revision.state === 'failed') return undefined;
  return giveUp(tx, vm, gate.message);
}

/** A build did not prove itself: back to the last one that did, where there is one and it still fits. */
function giveUp(tx: Transaction, vm: Vm, why: string): GateOutcome {
  const { revision } = vm;
  if (revision === undefined) return 'failed';
  // What was brought back and fails again has nothing better behind it.
  const back = revision.restores === undefined ? lastReady(vm.revisions ?? []) : undefined;
  // A move that has only been prepared is of a build that will not be.
  const here = isLeaving(vm) ? vm : withoutMove(vm);
  const draft =
    back === undefined ? undefined : draftUpdate(tx, here, { spec: back.spec, restores: back, failure: why });
  if (back !== undefined && draft !== undefined && 'vm' in draft) {
    const { template } = back;
    const { memberOf } = vm;
    tx.putVm(
      memberOf === undefined || template === undefined
        ? draft.vm
        : { ...draft.vm, memberOf: { ...memberOf, template } },
    );
    const message = `the build of generation ${revision.generation} failed: ${why}. Back to that of generation ${back.generation}`;
    tx.event(about(vm.name), 'RolledBack', message, 'error');
    return 'back';
  }
  const { held: _held, ...rest } = revision;
  tx.putVm({ ...vm, revision: { ...rest, state: 'failed', message: why } });
  const refusal =
    draft !== undefined && 'refusal' in draft && !draft.refusal.ok ? `: ${draft.refusal.error.message}` : '';
  const message = `the build of generation ${revision.generation} failed: ${why}. There is nothing to go back to${refusal}`;
  tx.event(about(vm.name), 'UpdateFailed', message, 'error');
  return 'failed';
}
