/** Moving VMs: off hosts that are to be empty, to where a user wants them, and to even out the hosts. */
import type { RouteResult } from '@n3x/core/api/routes';
import { N3xError } from '@n3x/core/base/errors';
import { drainProgress } from '@n3x/core/control/drain-progress';
import type { Command } from '@n3x/core/machine/command';
import type { ClusterState } from '@n3x/core/machine/state';
import { DRAIN_PARALLEL, DRAIN_PARALLEL_MAX } from '@n3x/core/model/drain';
import type { Vm } from '@n3x/core/model/vm';
import { planRebalance as planMoves } from '@n3x/core/scheduler/rebalance';
import { relocate, relocateTogether } from '@n3x/core/scheduler/relocation';
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
  const { vms, volumes, ...progress } = drainProgress(state, host, Date.now());
  return {
    ...progress,
    volumes: [...volumes],
    vms: vms.map((vm) => ({ ...vm })),
    index: state.index,
    stale: consistency === 'stale',
  };
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
    case 'together': {
      const others = goal.vms.slice(1).map((one) => one.name);
      const why = `goes only together with ${others.join(', ')} (near ${goal.labels.join(', ')})`;
      throw refused(vm, `${why}: \`n3xctl vm migrate ${vm.name} --together\` moves them all`);
    }
    case 'stuck':
      throw refused(vm, goal.message);
  }
}

function refused({ name }: Vm, text: string): N3xError {
  return new N3xError('N3X_REFUSED', `VM ${name} ${text}`, { details: { name } });
}

/** The move of a VM with those that it is to be near; undefined when it goes by itself. */
function companyMove(
  state: ClusterState,
  vm: Vm,
  host: string | undefined,
  by: number,
): Extract<Command, { type: 'vmMoveTogether' }> | undefined {
  const others = [...state.hosts()].filter(({ id, name }) => id !== vm.assignment?.hostId && name === (host ?? name));
  if (host !== undefined && state.hostByName(host) === undefined) throw unknownHost(state, host);
  const goal = relocateTogether(state, vm, 'migrate', others);
  if (goal === undefined) return undefined;
  if (goal.type === 'stuck') throw refused(vm, goal.message);
  if (goal.type !== 'together') return undefined;
  const weighings = goal.weigh(by);
  const moves = goal.vms.map(({ name, uid, assignment }, at) => {
    const weighing = weighings[at];
    return { name, uid, epoch: assignment?.epoch ?? 0, ...(weighing === undefined ? {} : { weighing }) };
  });
  return { type: 'vmMoveTogether', cause: 'migrate', targetId: goal.host.id, moves };
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
  const { host, together } = call.body;
  const by = call.backend.local().hostId ?? 0;
  const company = together ? companyMove(before, vm, host, by) : undefined;
  if (company !== undefined && ifModifiedIndex !== undefined && ifModifiedIndex !== vm.modifiedIndex) {
    const message = `VM ${name} has changed: it is at index ${vm.modifiedIndex}, the request was made for ${ifModifiedIndex}. Read it again`;
    throw new N3xError('N3X_CONFLICT', message, { details: { name, modifiedIndex: vm.modifiedIndex } });
  }
  const { changed, index } = await call.command(
    company ?? {
      ...{ type: 'vmMove', name, uid: vm.uid, epoch: vm.assignment.epoch, cause: 'migrate' },
      ...targetOf(before, vm, host, by),
      ...(ifModifiedIndex === undefined ? {} : { ifModifiedIndex }),
    },
  );
  const state = await call.stateAt(index);
  const after = state.vm(name);
  if (after === undefined) throw unknownVm(state, name);
  const others = company?.moves.slice(1).map((move) => move.name) ?? [];
  return { vm: vmView(state, after), changed, index, together: others };
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
