/** The verbs about where a VM runs. */
import type { PlacementView } from '@n3x/core/api/placement-routes';
import type { Context } from '../context.ts';
import { placementText } from '../output/placement-text.ts';
import { vmLine } from '../output/vm-text.ts';

/** `vm explain NAME [--as-of now|decision]`. */
export async function explain(
  context: Context,
  args: readonly string[],
  options: { readonly asOf: PlacementView['asOf'] },
): Promise<void> {
  const name = args[0] ?? '';
  const view = await context.client.call('explainVm', {
    deadline: context.requestDeadline(),
    params: { name },
    query: { ...context.consistency, asOf: options.asOf },
  });
  const mark = context.options.stale === true ? { stale: view.stale, index: view.index } : undefined;
  const text = () => placementText(view, context.paint, Date.now(), context.options.output === 'wide');
  await context.show(view, { names: [name], text, ...(mark === undefined ? {} : { mark }) });
}

/** `vm place NAME --host HOST`. */
export async function place(
  context: Context,
  args: readonly string[],
  options: { readonly host: string },
): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const answer = await context.client.call('placeVm', {
    deadline: context.requestDeadline(),
    params: { name },
    query: {},
    body: { host: options.host },
  });
  const text = () => vmLine(answer.vm, answer.changed ? 'placed' : 'unchanged');
  await context.show(answer, { names: [name], text });
}
