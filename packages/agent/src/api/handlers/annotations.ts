/** Routes of the annotations of VMs, hosts and projects. */
import type { RouteResult } from '@n3x/core/api/routes';
import type { Annotations } from '@n3x/core/model/names';
import { type Call, unknownHost, unknownProject, unknownVm } from '../call.ts';

type ReadCall = Call<'getVmAnnotations'> | Call<'getHostAnnotations'> | Call<'getProjectAnnotations'>;
type ChangeCall = Call<'annotateVm'> | Call<'annotateHost'> | Call<'annotateProject'>;
type Annotated = { readonly annotations?: Annotations | undefined; readonly modifiedIndex: number };

function answer(call: ReadCall, index: number, object: Annotated): RouteResult<'getVmAnnotations'> {
  const { annotations = {}, modifiedIndex } = object;
  return { annotations, modifiedIndex, index, stale: call.query.consistency === 'stale' };
}

async function annotate(call: ChangeCall, kind: 'vm' | 'host' | 'project'): Promise<RouteResult<'annotateVm'>> {
  const { ifModifiedIndex } = call.query;
  const { name } = call.params;
  const { set } = call.body;
  const condition = ifModifiedIndex === undefined ? {} : { ifModifiedIndex };
  const { changed, index } = await call.command({ type: 'annotate', kind, name, set, ...condition });
  return { changed, index };
}

/** `GET /v1/vms/:name/annotations` */
export async function getVmAnnotations(call: Call<'getVmAnnotations'>): Promise<RouteResult<'getVmAnnotations'>> {
  const state = await call.stateFor(call.query.consistency);
  const vm = state.vm(call.params.name);
  if (vm === undefined) throw unknownVm(state, call.params.name);
  return answer(call, state.index, vm);
}

/** `POST /v1/vms/:name/annotations` */
export function annotateVm(call: Call<'annotateVm'>): Promise<RouteResult<'annotateVm'>> {
  return annotate(call, 'vm');
}

/** `GET /v1/hosts/:name/annotations` */
export async function getHostAnnotations(call: Call<'getHostAnnotations'>): Promise<RouteResult<'getHostAnnotations'>> {
  const state = await call.stateFor(call.query.consistency);
  const host = state.hostByName(call.params.name);
  if (host === undefined) throw unknownHost(state, call.params.name);
  return answer(call, state.index, host);
}

/** `POST /v1/hosts/:name/annotations` */
export function annotateHost(call: Call<'annotateHost'>): Promise<RouteResult<'annotateHost'>> {
  return annotate(call, 'host');
}

/** `GET /v1/projects/:name/annotations` */
export async function getProjectAnnotations(
  call: Call<'getProjectAnnotations'>,
): Promise<RouteResult<'getProjectAnnotations'>> {
  const state = await call.stateFor(call.query.consistency);
  const project = state.project(call.params.name);
  if (project === undefined) throw unknownProject(state, call.params.name);
  return answer(call, state.index, project);
}

/** `POST /v1/projects/:name/annotations` */
export function annotateProject(call: Call<'annotateProject'>): Promise<RouteResult<'annotateProject'>> {
  return annotate(call, 'project');
}
