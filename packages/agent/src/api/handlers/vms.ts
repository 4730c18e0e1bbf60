/** VMs: what is there, and what shall be. */
import { randomUUID } from 'node:crypto';
import type { RouteResult } from '@n3x/core/api/routes';
import type { Command, CommandResult } from '@n3x/core/machine/command';
import { vmsOfProject } from '@n3x/core/machine/project-use';
import { type Call, unknownProject, unknownVm } from '../call.ts';
import { vmView } from '../views.ts';
import { checkVmRequest } from '../vm-request.ts';

/** `GET /v1/vms` */
export async function listVms(call: Call<'listVms'>): Promise<RouteResult<'listVms'>> {
  const { consistency, project } = call.query;
  const state = await call.stateFor(consistency);
  if (project !== undefined && state.project(project) === undefined) throw unknownProject(state, project);
  const vms = project === undefined ? state.vms() : vmsOfProject(state, project);
  const items = [...vms].map((vm) => vmView(state, vm));
  return { items, index: state.index, stale: consistency === 'stale' };
}

/** `GET /v1/vms/:name` */
export async function getVm(call: Call<'getVm'>): Promise<RouteResult<'getVm'>> {
  const state = await call.stateFor(call.query.consistency);
  const vm = state.vm(call.params.name);
  if (vm === undefined) throw unknownVm(state, call.params.name);
  return vmView(state, vm);
}

/** `POST /v1/vms` */
export async function createVm(call: Call<'createVm'>): Promise<RouteResult<'createVm'>> {
  checkVmRequest(call.body);
  const { name, spec, power } = call.body;
  return await shown(call, name, await call.command({ type: 'vmCreate', name, uid: randomUUID(), spec, power }));
}

/** `DELETE /v1/vms/:name` */
export async function deleteVm(call: Call<'deleteVm'>): Promise<RouteResult<'deleteVm'>> {
  const keepVolumes = call.query.keepVolumes === 'true' ? { keepVolumes: true } : {};
  const name = call.params.name;
  const { changed, index } = await call.command({ type: 'vmDelete', name, ...keepVolumes, ...condition(call) });
  return { changed, index };
}

/** `POST /v1/vms/:name/start` */
export async function startVm(call: Call<'startVm'>): Promise<RouteResult<'startVm'>> {
  return await change(call, { type: 'vmSetPower', name: call.params.name, power: 'running', ...condition(call) });
}

/** `POST /v1/vms/:name/stop` */
export async function stopVm(call: Call<'stopVm'>): Promise<RouteResult<'stopVm'>> {
  return await change(call, { type: 'vmSetPower', name: call.params.name, power: 'stopped', ...condition(call) });
}

/** `POST /v1/vms/:name/restart` */
export async function restartVm(call: Call<'restartVm'>): Promise<RouteResult<'restartVm'>> {
  return await change(call, { type: 'vmRestart', name: call.params.name, ...condition(call) });
}

type ConditionalCall = Call<'deleteVm'> | Call<'startVm'> | Call<'stopVm'> | Call<'restartVm'>;
type ChangeCall = Exclude<ConditionalCall, Call<'deleteVm'>>;

function condition(call: ConditionalCall): { ifModifiedIndex?: number } {
  const { ifModifiedIndex } = call.query;
  return ifModifiedIndex === undefined ? {} : { ifModifiedIndex };
}

async function change(call: ChangeCall, command: Command): Promise<RouteResult<'startVm'>> {
  return await shown(call, call.params.name, await call.command(command));
}

/** The VM as it is after the change, which another one may have overtaken. */
async function shown(
  call: ChangeCall | Call<'createVm'>,
  name: string,
  { changed, index }: CommandResult & { ok: true },
): Promise<RouteResult<'startVm'>> {
  const state = await call.stateAt(index);
  const vm = state.vm(name);
  if (vm === undefined) throw unknownVm(state, name);
  return { vm: vmView(state, vm), changed, index };
}
