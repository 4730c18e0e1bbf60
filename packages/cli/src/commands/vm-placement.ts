/** The verbs about where a VM runs. */
import type { PlacementView } from '@n3x/core/api/placement-routes';
import type { SetPlacementView } from '@n3x/core/api/set-routes';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { UsageError } from '../arguments/usage-error.ts';
import type { Deadline } from '../client/deadline.ts';
import type { Context } from '../context.ts';
import { placementText } from '../output/placement-text.ts';
import { setPlacementText } from '../output/set-placement-text.ts';
import { vmLine } from '../output/vm-text.ts';

/** Where a VM is, or where those of a set of this name are. */
async function explainEither(
  context: Context,
  name: string,
  asOf: PlacementView['asOf'],
  deadline: Deadline,
): Promise<{ readonly vm: PlacementView } | { readonly set: SetPlacementView }> {
  const request = { deadline, params: { name } };
  try {
    return { vm: await context.client.call('explainVm', { ...request, query: { ...context.consistency, asOf } }) };
  } catch (error) {
    if (!(error instanceof N3xError) || error.code !== ERROR_CODES.notFound) throw error;
    try {
      return { set: await context.client.call('explainSet', { ...request, query: context.consistency }) };
    } catch (second) {
      // Who names something that is not there at all is told about VMs.
      throw second instanceof N3xError && second.code === ERROR_CODES.notFound ? error : second;
    }
  }
}

/** `vm explain NAME [--as-of now|decision]`: of a VM or of all of a set. */
export async function explain(
  context: Context,
  args: readonly string[],
  options: { readonly asOf: PlacementView['asOf'] },
): Promise<void> {
  const name = args[0] ?? '';
  const deadline = context.requestDeadline();
  const found = await explainEither(context, name, options.asOf, deadline);
  if ('set' in found) {
    const { set } = found;
    if (options.asOf === 'decision') {
      const first = set.members[0]?.name ?? `${name}-0`;
      throw new UsageError(
        `--as-of decision is for one VM, and ${name} is a set: n3xctl vm explain ${first} --as-of decision`,
      );
    }
    const mark = context.options.stale === true ? { mark: set } : {};
    return await context.show(set, { names: [name], text: () => setPlacementText(set, context.paint), ...mark });
  }
  const view = found.vm;
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
