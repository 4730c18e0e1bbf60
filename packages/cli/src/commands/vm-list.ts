import type { Context } from '../context.ts';
import { vmTable } from '../output/vm-text.ts';
import { showList } from './listing.ts';

/** `vm list`. */
export async function list(
  context: Context,
  _args: readonly string[] = [],
  options: { readonly allProjects?: true } = {},
): Promise<void> {
  const { project } = context;
  const answer = await context.client.call('listVms', {
    deadline: context.requestDeadline(),
    query: { ...context.consistency, ...(options.allProjects === true ? {} : { project }) },
  });
  await showList(context, answer, { name: (vm) => vm.name, table: vmTable });
}
