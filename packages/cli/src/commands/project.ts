/** The verbs of projects. */
import { parseNewProject, parseProjectSettings } from '../arguments/project-settings.ts';
import type { Context } from '../context.ts';
import { projectDetails, projectLine, projectTable } from '../output/project-text.ts';
import { findStale } from './stale-lookup.ts';

/** `project list`. */
export async function list(context: Context): Promise<void> {
  const answer = await context.client.call('listProjects', {
    deadline: context.requestDeadline(),
    query: context.consistency,
  });
  await context.show(answer, {
    names: answer.items.map((project) => project.name),
    text: () => projectTable(answer.items, context.paint, Date.now(), context.options.output === 'wide'),
    mark: answer,
  });
}

/** `project show NAME`. */
export async function show(context: Context, args: readonly string[]): Promise<void> {
  const name = args[0] ?? '';
  const deadline = context.requestDeadline();
  const query = context.consistency;
  if (context.options.stale === true) {
    const answer = await context.client.call('listProjects', { deadline, query });
    const { item, mark } = findStale('project', name, answer);
    return context.show({ ...item, ...mark }, { names: [name], text: () => projectDetails(item, Date.now()), mark });
  }
  const project = await context.client.call('getProject', { deadline, params: { name }, query });
  await context.show(project, { names: [project.name], text: () => projectDetails(project, Date.now()) });
}

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
