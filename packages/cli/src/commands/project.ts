/** The verbs of projects. */
import { parseNewProject, parseProjectSettings } from '../arguments/project-settings.ts';
import type { Context } from '../context.ts';
import { projectDetails, projectLine, projectTable } from '../output/project-text.ts';
import { readingVerbs } from './listing.ts';

/** `project list` and `project show NAME`. */
export const { list, show } = readingVerbs({
  kind: 'project',
  all: (client, read) => client.call('listProjects', read),
  one: (client, read) => client.call('getProject', read),
  table: projectTable,
  details: (project, _paint, nowMs) => projectDetails(project, nowMs),
});

/** `project create NAME [SETTING...]`. */
export async function create(context: Context, [name = '', ...texts]: readonly string[]): Promise<void> {
  context.refuseStale();
  const body = { name, ...parseNewProject(texts) };
  const answer = await context.client.call('createProject', { deadline: context.requestDeadline(), body });
  const text = () => projectLine(answer.project, answer.changed ? 'created' : 'unchanged');
  await context.show(answer, { names: [name], text });
}

/** `project set NAME SETTING...`. */
export async function set(context: Context, [name = '', ...texts]: readonly string[]): Promise<void> {
  context.refuseStale();
  const body = parseProjectSettings(texts);
  const deadline = context.requestDeadline();
  const answer = await context.client.call('setProject', { deadline, params: { name }, query: {}, body });
  const text = () => projectLine(answer.project, answer.changed ? 'set' : 'unchanged');
  await context.show(answer, { names: [name], text });
}

/** `project delete NAME`. */
export async function remove(context: Context, args: readonly string[]): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const deadline = context.requestDeadline();
  const answer = await context.client.call('deleteProject', { deadline, params: { name }, query: {} });
  await context.show({ name, ...answer }, { names: [name], text: () => `project ${name}: deleted\n` });
}
