/** Projects: their quotas, and what they use. */
import type { ProjectView } from '@n3x/core/api/project-routes';
import type { RouteResult } from '@n3x/core/api/routes';
import type { CommandResult } from '@n3x/core/machine/command';
import type { ClusterState } from '@n3x/core/machine/state';
import { DEFAULT_PROJECT } from '@n3x/core/model/vm-name';
import { type Call, unknownProject } from '../call.ts';
import { projectView } from '../views.ts';

/** By name, the project `default` among them also while it has no record. */
function allProjects(state: ClusterState): ProjectView[] {
  const projects = [...state.projects()];
  const untouched = state.project(DEFAULT_PROJECT);
  const isListed = projects.some(({ name }) => name === DEFAULT_PROJECT);
  if (!isListed && untouched !== undefined) projects.push(untouched);
  return projects.sort((a, b) => (a.name < b.name ? -1 : 1)).map((project) => projectView(state, project));
}

/** `GET /v1/projects` */
export function listProjects(call: Call<'listProjects'>): Promise<RouteResult<'listProjects'>> {
  return call.list(call.query, allProjects);
}

/** `GET /v1/projects/:name` */
export async function getProject(call: Call<'getProject'>): Promise<RouteResult<'getProject'>> {
  const state = await call.stateFor(call.query.consistency);
  const project = state.project(call.params.name);
  if (project === undefined) throw unknownProject(state, call.params.name);
  return projectView(state, project);
}

/** The project as it is after the change, which another one may have overtaken. */
async function shown(
  call: Call<'createProject'> | Call<'setProject'>,
  name: string,
  { changed, index }: CommandResult & { ok: true },
): Promise<RouteResult<'setProject'>> {
  const state = await call.stateAt(index);
  const project = state.project(name);
  if (project === undefined) throw unknownProject(state, name);
  return { project: projectView(state, project), changed, index };
}

/** `POST /v1/projects` */
export async function createProject(call: Call<'createProject'>): Promise<RouteResult<'createProject'>> {
  const { name, quotas, strategy } = call.body;
  const asked = { type: 'projectCreate', name, quotas, ...(strategy === undefined ? {} : { strategy }) } as const;
  return await shown(call, name, await call.command(asked));
}

/** `POST /v1/projects/:name/settings` */
export async function setProject(call: Call<'setProject'>): Promise<RouteResult<'setProject'>> {
  const { name } = call.params;
  const { quotas = {}, strategy } = call.body;
  const { ifModifiedIndex } = call.query;
  const result = await call.command({
    ...{ type: 'projectSet', name, quotas },
    ...(strategy === undefined ? {} : { strategy }),
    ...(ifModifiedIndex === undefined ? {} : { ifModifiedIndex }),
  });
  return await shown(call, name, result);
}

/** `DELETE /v1/projects/:name` */
export async function deleteProject(call: Call<'deleteProject'>): Promise<RouteResult<'deleteProject'>> {
  const { name } = call.params;
  const { ifModifiedIndex } = call.query;
  const condition = ifModifiedIndex === undefined ? {} : { ifModifiedIndex };
  const { changed, index } = await call.command({ type: 'projectDelete', name, ...condition });
  return { changed, index };
}
