/** Changes of VMs in place, and what there was before. */
import type { RevisionView } from '@n3x/core/api/revision-routes';
import type { RouteResult } from '@n3x/core/api/routes';
import type { Vm } from '@n3x/core/model/vm';
import { type Call, unknownVm } from '../call.ts';
import { vmView } from '../views.ts';
import { checkVmRequest } from '../vm-request.ts';

type ChangeCall = Call<'updateVm'> | Call<'rollbackVm'>;

async function shown(call: ChangeCall, changed: boolean, index: number): Promise<RouteResult<'updateVm'>> {
  const state = await call.stateAt(index);
  const vm = state.vm(call.params.name);
  if (vm === undefined) throw unknownVm(state, call.params.name);
  return { vm: vmView(state, vm), changed, index };
}

function condition({ query: { ifModifiedIndex } }: ChangeCall): { ifModifiedIndex?: number } {
  return ifModifiedIndex === undefined ? {} : { ifModifiedIndex };
}

/** `POST /v1/vms/:name/spec` */
export async function updateVm(call: Call<'updateVm'>): Promise<RouteResult<'updateVm'>> {
  const { name } = call.params;
  const { spec, rebuild, ifGeneration } = call.body;
  checkVmRequest({ spec });
  const { changed, index } = await call.command({
    ...{ type: 'vmUpdate', name, spec, rebuild, ...condition(call) },
    ...(ifGeneration === undefined ? {} : { ifGeneration }),
  });
  return await shown(call, changed, index);
}

/** `POST /v1/vms/:name/rollback` */
export async function rollbackVm(call: Call<'rollbackVm'>): Promise<RouteResult<'rollbackVm'>> {
  const { to } = call.body;
  const { changed, index } = await call.command({
    ...{ type: 'vmRollback', name: call.params.name, ...condition(call) },
    ...(to === undefined ? {} : { to }),
  });
  return await shown(call, changed, index);
}

/** Every kept build of a VM, oldest first; the last is the one that it is to run. */
export function historyOf(vm: Vm): RevisionView[] {
  const past = (vm.revisions ?? []).map(({ rebuilds: _rebuilds, evaluated: _evaluated, ...one }) => ({
    ...one,
    current: false,
  }));
  const { revision, status } = vm;
  const template = vm.memberOf === undefined ? {} : { template: vm.memberOf.template };
  const runner =
    revision?.runner ?? (revision?.state === 'pending' ? undefined : (status.bootedRunner ?? status.currentRunner));
  const wasReady = status.phase === 'running' || status.phase === 'unhealthy';
  const now: RevisionView = {
    ...{ generation: revision?.generation ?? 1, atMs: revision?.atMs ?? vm.createdAtMs, current: true },
    outcome: revision?.state ?? (wasReady || status.phase === 'stopped' ? 'ready' : 'pending'),
    ...(revision?.restores === undefined ? {} : { restores: revision.restores }),
    ...(runner === undefined ? {} : { runner }),
    ...(revision?.message === undefined ? {} : { message: revision.message }),
    ...template,
    spec: vm.spec,
  };
  return [...past, now];
}

/** `GET /v1/vms/:name/history` */
export async function getVmHistory(call: Call<'getVmHistory'>): Promise<RouteResult<'getVmHistory'>> {
  const { consistency } = call.query;
  const state = await call.stateFor(consistency);
  const vm = state.vm(call.params.name);
  if (vm === undefined) throw unknownVm(state, call.params.name);
  return { name: vm.name, items: historyOf(vm), index: state.index, stale: consistency === 'stale' };
}
