/** Builds of a VM one after the other: which change asks for another one, and what is remembered of those before. */
import { REVISIONS_MAX } from '../model/revision.ts';
import { type PastRevision, type Vm, type VmSpec, vmResources } from '../model/vm.ts';
import { same } from './difference.ts';
import type { Transaction } from './transaction.ts';

/** Whether a change of the spec asks for another build. What a flake of the user's needs is for its evaluation to say. */
export function needsBuild(before: VmSpec, after: VmSpec): boolean {
  if (!same(before.source, after.source)) return true;
  return after.source.kind === 'inline' && (before.vcpu !== after.vcpu || before.memoryMib !== after.memoryMib);
}

/** Whether the first build of a VM, of which there is no record, has proved itself as far as is known. */
function firstWasReady({ phase, currentRunner }: Vm['status']): boolean {
  if (phase === 'running' || phase === 'unhealthy' || phase === 'stopping') return true;
  return phase === 'stopped' && currentRunner !== undefined;
}

/** What is remembered of the build that a VM is to run now, once another takes its place. */
export function asPast(vm: Vm, failure?: string): PastRevision {
  const { revision, status } = vm;
  const template = vm.memberOf === undefined ? {} : { template: vm.memberOf.template };
  if (revision === undefined) {
    const ready = failure === undefined && firstWasReady(status);
    const runner = status.bootedRunner ?? status.currentRunner;
    return {
      ...{ generation: 1, atMs: vm.createdAtMs, spec: vm.spec, ...template },
      outcome: ready ? 'ready' : failure === undefined ? 'replaced' : 'failed',
      ...(failure === undefined ? {} : { message: failure }),
      ...(ready && runner !== undefined ? { runner } : {}),
      ...(ready && status.evaluated !== undefined ? { evaluated: status.evaluated } : {}),
    };
  }
  const { generation, atMs, state, rebuilds, restores, runner, evaluated } = revision;
  const message = failure ?? revision.message;
  return {
    ...{ generation, atMs, spec: vm.spec, ...template },
    outcome: failure !== undefined || state === 'failed' ? 'failed' : state === 'ready' ? 'ready' : 'replaced',
    ...(rebuilds === undefined ? {} : { rebuilds }),
    ...(restores === undefined ? {} : { restores }),
    ...(runner === undefined ? {} : { runner }),
    ...(evaluated === undefined ? {} : { evaluated }),
    ...(message === undefined ? {} : { message }),
  };
}

/** The revisions of the past with one more. The newest that was ready stays, whatever came after it. */
export function remembered(past: readonly PastRevision[], more: PastRevision): PastRevision[] {
  const all = [...past, more];
  const keep = lastReady(all);
  while (all.length > REVISIONS_MAX) all.splice(all[0] === keep ? 1 : 0, 1);
  return all;
}

/** The newest revision of the past that was ready. */
export function lastReady(past: readonly PastRevision[]): PastRevision | undefined {
  return past.findLast(({ outcome }) => outcome === 'ready');
}

/** What a change asks for. */
export interface NextBuild {
  readonly spec: VmSpec;
  /** Whether the same source is to be built anew. */
  readonly rebuild?: boolean;
  /** The revision of the past that it brings back. */
  readonly restores?: PastRevision;
  /** Why the one before failed. */
  readonly failure?: string;
}

/** The VM with another spec as of this entry, its allocation left as it was. */
export function withSpec(tx: Transaction, vm: Vm, { spec, rebuild, restores, failure }: NextBuild): Vm {
  const generation = vm.generation + 1;
  if (rebuild !== true && restores === undefined && !needsBuild(vm.spec, spec)) return { ...vm, spec, generation };
  const rebuilds =
    restores === undefined ? (vm.revision?.rebuilds ?? 0) + (rebuild === true ? 1 : 0) : restores.rebuilds;
  const runner = restores?.runner;
  const evaluated = restores?.evaluated;
  return {
    ...vm,
    // Whatever ended or was given up before says nothing of the new build.
    ...{ spec, generation, poweredGeneration: generation },
    revision: {
      ...{ generation, index: tx.index, atMs: tx.atMs, state: 'pending' },
      ...(rebuilds === undefined || rebuilds === 0 ? {} : { rebuilds }),
      ...(restores === undefined ? {} : { restores: restores.generation }),
      ...(runner === undefined ? {} : { runner }),
      ...(evaluated === undefined ? {} : { evaluated }),
      // Without a host nothing of the one before can be running.
      ...(vm.assignment === null ? {} : { held: vmResources(vm) }),
    },
    revisions: remembered(vm.revisions ?? [], asPast(vm, failure)),
  };
}
