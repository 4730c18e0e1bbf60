import type { Context } from '../context.ts';
import { vmTable } from '../output/vm-text.ts';

/** `vm list`. */
export async function list(context: Context): Promise<void> {
  const answer = await context.client.call('listVms', {
    deadline: context.requestDeadline(),
    query: context.consistency,
  });
  await context.show(answer, {
    names: answer.items.map((vm) => vm.name),
    text: () => vmTable(answer.items, context.paint, Date.now(), context.options.output === 'wide'),
    mark: answer,
  });
}
