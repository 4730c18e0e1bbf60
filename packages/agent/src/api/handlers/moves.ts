/** Moving VMs: off hosts that are to be empty, to where a user wants them, and to even out the hosts. */
import type { RouteResult } from '@n3x/core/api/routes';
import { N3xError } from '@n3x/core/base/errors';
import { drainProgress } from '@n3x/core/control/drain-progress';
import type { Command } from '@n3x/core/machine/command';
import type { ClusterState } from '@n3x/core/machine/state';
import { DRAIN_PARALLEL, DRAIN_PARALLEL_MAX } from '@n3x/core/model/drain';
import type { Vm } from '@n3x/core/model/vm';
import { planRebalance as planMoves } from '@n3x/core/scheduler/rebalance';
import { relocate } from '@n3x/core/scheduler/relocation';
import { type Call, unknownHost, unknownVm } from '../call.ts';
import { vmView } from '../views.ts';

/** `POST /v1/hosts/:name/drain` */
export async function drainHost(call: Call<'drainHost'>): Promise<RouteResult<'drainHost'>> {
  const { mode, parallel, deadlineSeconds } = call.body;
  const { changed, index } = await call.command({
    ...{ type: 'hostDrain', name: call.params.name, mode },
    parallel: parallel ?? (mode === 'evacuate' ? DRAIN_PARALLEL_MAX : DRAIN_PARALLEL),
    ...(deadlineSeconds === undefined ? {} : { deadlineMs: Date.now() + deadlineSeconds * 1000 }),
  });
  return { changed, index };
}

/** `POST /v1/hosts/:name/undrain` */
export async function undrainHost(call: Call<'undrainHost'>): Promise<RouteResult<'undrainHost'>> {
  const { changed, index } = await call.command({ type: 'hostUndrain', name: call.params.name });
  return { changed, index };
}

/** `GET /v1/hosts/:name/drain` */
export async function getDrain(call: Call<'getDrain'>): Promise<RouteResult<'getDrain'>> {
  const { consistency } = call.query;
  const state = await call.stateFor(consistency);
  const host = state.hostByName(call.params.name);
  if (host === undefined) throw unknownHost(state, call.params.name);
  const { vms, ...progress } = drainProgress(state, host, Date.now());
  return { ...progress, vms: vms.map((vm) => ({ ...vm })), index: state.index, stale: consistency === 'stale' };
}

/** The host that is to take a VM: the one that the user named, else the best. */
function targetOf(
  state: ClusterState,
  vm: Vm,
  name: string | undefined,
  by: number,
): Pick<Extract<Command, { type: 'vmMove' }>, 'targetId' | 'weighing'> {
  if (name !== undefined) {
    const host = state.hostByName(name);
    if (host === undefined) throw unknownHost(state, name);
    return { targetId: host.id };
  }
  const goal = relocate(state, vm, 'migrate');
  switch (goal.type) {
    case 'to':
      return { targetId: goal.host.id, weighing: goal.weigh(by) };
    case 'release':
      return {};
    case 'stuck':
      throw new N3xError('N3X_REFUSED', `VM ${vm.name} ${goal.message}`, { details: { name: vm.name } });
  }
}

/** `POST /v1/vms/:name/migrate`: the best host is found here, and the log has the last word on it. */
export async function migrateVm(call: Call<'migrateVm'>): Promise<RouteResult<'migrateVm'>> {
  const { name } = call.params;
  const { ifModifiedIndex } = call.query;
  const before = await call.stateFor('linearizable');
  const vm = before.vm(name);
  if (vm === undefined) throw unknownVm(before, name);
  if (vm.assignment === null) {
    const message = `VM ${name} has no host to leave: \`n3xctl vm explain ${name}\` says where it would go`;
    throw new N3xError('N3X_REFUSED', message, { details: { name } });
  }
  const target = targetOf(before, vm, call.body.host, call.backend.local().hostId ?? 0);
  const { changed, index } = await call.command({
    ...{ type: 'vmMove', name, uid: vm.uid, epoch: vm.assignment.epoch, cause: 'migrate' },
    ...target,
    ...(ifModifiedIndex === undefined ? {} : { ifModifiedIndex }),
  });
  const state = await call.stateAt(index);
  const after = state.vm(name);
  if (after === undefined) throw unknownVm(state, name);
  return { vm: vmView(state, after), changed, index };
}

/** `POST /v1/vms/:name/migrate/cancel` */
export async function cancelMigration(call: Call<'cancelMigration'>): Promise<RouteResult<'cancelMigration'>> {
  const { name } = call.params;
  const { ifModifiedIndex } = call.query;
  const condition = ifModifiedIndex === undefined ? {} : { ifModifiedIndex };
  const { changed, index } = await call.command({ type: 'vmMigrateCancel', name, ...condition });
  const state = await call.stateAt(index);
  const vm = state.vm(name);
  if (vm === undefined) throw unknownVm(state, name);
  return { vm: vmView(state, vm), changed, index };
}

/** `GET /v1/cluster/rebalance` */
export async function planRebalance(call: Call<'planRebalance'>): Promise<RouteResult<'planRebalance'>> {
  const { consistency, max } = call.query;
  const state = await call.stateFor(consistency);
  const { moves, considered } = planMoves(state, max);
  return { moves: moves.map((move) => ({ ...move })), considered, index: state.index, stale: consistency === 'stale' };
}

/** `POST /v1/cluster/rebalance` */
export async function rebalanceCluster(call: Call<'rebalanceCluster'>): Promise<RouteResult<'rebalanceCluster'>> {
  const { changed, index, values } = await call.command({ type: 'clusterRebalance', moves: call.body.moves });
  const reason = values?.['reason'];
  return {
    ...{ changed, index, moved: Number(values?.['moved'] ?? 0), left: Number(values?.['left'] ?? 0) },
    reason: typeof reason === 'string' ? reason : null,
  };
}
