/** `vm annotate`, `host annotate` and `project annotate`. */
import { parseAnnotations } from '../arguments/annotations.ts';
import type { Context } from '../context.ts';

async function annotate(
  context: Context,
  operation: 'annotateVm' | 'annotateHost' | 'annotateProject',
  noun: 'vm' | 'host' | 'project',
  [name = '', ...texts]: readonly string[],
): Promise<void> {
  context.refuseStale();
  const set = parseAnnotations(texts);
  const answer = await context.client.call(operation, {
    deadline: context.requestDeadline(),
    params: { name },
    query: {},
    body: { set },
  });
  const { changed, index } = answer;
  const line = `${noun} ${name}: ${changed ? 'annotated' : 'unchanged'}\n`;
  await context.show({ name, changed, index }, { names: [name], text: () => line });
}

/** `vm annotate NAME KEY=VALUE|KEY-...`. */
export function annotateVm(context: Context, args: readonly string[]): Promise<void> {
  return annotate(context, 'annotateVm', 'vm', args);
}

/** `host annotate NAME KEY=VALUE|KEY-...`. */
export function annotateHost(context: Context, args: readonly string[]): Promise<void> {
  return annotate(context, 'annotateHost', 'host', args);
}

/** `project annotate NAME KEY=VALUE|KEY-...`. */
export function annotateProject(context: Context, args: readonly string[]): Promise<void> {
  return annotate(context, 'annotateProject', 'project', args);
}
