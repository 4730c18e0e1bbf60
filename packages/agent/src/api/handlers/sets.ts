/** Sets of VMs. */
import { randomUUID } from 'node:crypto';
import type { RouteResult } from '@n3x/core/api/routes';
import type { Command } from '@n3x/core/machine/command';
import { type Call, unknownSet } from '../call.ts';
import { setView } from '../set-view.ts';
import { checkVmRequest } from '../vm-request.ts';

type RunCall = Call<'startSet'> | Call<'stopSet'> | Call<'restartSet'>;
type ChangeCall = RunCall | Call<'scaleSet'> | Call<'updateSet'> | Call<'rollbackSet'>;

async function change(
  call: ChangeCall | Call<'createSet'>,
  name: string,
  command: Command,
): Promise<RouteResult<'scaleSet'>> {
  const { changed, index } = await call.command(command);
  const state = await call.stateAt(index);
  const set = state.vmSet(name);
  if (set === undefined) throw unknownSet(state, name);
  return { set: setView(state, set), changed, index };
}

function condition({ body: { ifGeneration } }: ChangeCall): { ifGeneration?: number } {
  return ifGeneration === undefined ? {} : { ifGeneration };
}

/** `GET /v1/sets` */
export function listSets(call: Call<'listSets'>): Promise<RouteResult<'listSets'>> {
  return call.list(call.query, (state) => [...state.vmSets()].map((set) => setView(state, set)));
}

/** `GET /v1/sets/:name` */
export async function getSet(call: Call<'getSet'>): Promise<RouteResult<'getSet'>> {
  const state = await call.stateFor(call.query.consistency);
  const set = state.vmSet(call.params.name);
  if (set === undefined) throw unknownSet(state, call.params.name);
  return setView(state, set);
}

/** `POST /v1/sets` */
export async function createSet(call: Call<'createSet'>): Promise<RouteResult<'createSet'>> {
  const { power, ...asked } = call.body;
  checkVmRequest({ spec: asked.template });
  const stopped = power === 'stopped' ? { power } : {};
  return await change(call, asked.name, { type: 'vmSetCreate', uid: randomUUID(), ...asked, ...stopped });
}

/** `DELETE /v1/sets/:name` */
export async function deleteSet(call: Call<'deleteSet'>): Promise<RouteResult<'deleteSet'>> {
  const { changed, index } = await call.command({
    type: 'vmSetDelete',
    name: call.params.name,
    ...(call.query.keepVolumes === 'true' ? { keepVolumes: true } : {}),
  });
  return { changed, index };
}

function run(call: RunCall, action: 'start' | 'stop' | 'restart'): Promise<RouteResult<'startSet'>> {
  const { name } = call.params;
  return change(call, name, { type: 'vmSetRun', name, action, ...condition(call) });
}

/** `POST /v1/sets/:name/start` */
export function startSet(call: Call<'startSet'>): Promise<RouteResult<'startSet'>> {
  return run(call, 'start');
}

/** `POST /v1/sets/:name/stop` */
export function stopSet(call: Call<'stopSet'>): Promise<RouteResult<'stopSet'>> {
  return run(call, 'stop');
}

/** `POST /v1/sets/:name/restart` */
export function restartSet(call: Call<'restartSet'>): Promise<RouteResult<'restartSet'>> {
  return run(call, 'restart');
}

/** `POST /v1/sets/:name/scale` */
export async function scaleSet(call: Call<'scaleSet'>): Promise<RouteResult<'scaleSet'>> {
  const { name } = call.params;
  return await change(call, name, { type: 'vmSetScale', name, replicas: call.body.replicas, ...condition(call) });
}

/** `POST /v1/sets/:name/template` */
export async function updateSet(call: Call<'updateSet'>): Promise<RouteResult<'updateSet'>> {
  const { name } = call.params;
  const { template, rebuild, maxUnavailable, onFailure } = call.body;
  checkVmRequest({ spec: template });
  return await change(call, name, {
    ...{ type: 'vmSetUpdate', name, template, rebuild, ...condition(call) },
    ...(maxUnavailable === undefined ? {} : { maxUnavailable }),
    ...(onFailure === undefined ? {} : { onFailure }),
  });
}

/** `POST /v1/sets/:name/rollback` */
export async function rollbackSet(call: Call<'rollbackSet'>): Promise<RouteResult<'rollbackSet'>> {
  const { name } = call.params;
  const { to } = call.body;
  return await change(call, name, {
    ...{ type: 'vmSetRollback', name, ...condition(call) },
    ...(to === undefined ? {} : { to }),
  });
}
