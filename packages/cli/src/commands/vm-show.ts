import type { Context } from '../context.ts';
import { vmDetails } from '../output/vm-text.ts';
import { findStale } from './stale-lookup.ts';

/** `vm show NAME`. */
export async function show(context: Context, args: readonly string[]): Promise<void> {
  const name = args[0] ?? '';
  const deadline = context.requestDeadline();
  const query = context.consistency;
  if (context.options.stale === true) {
    const { item, mark } = findStale('vm', name, await context.client.call('listVms', { deadline, query }));
    const text = () => vmDetails(item, context.paint, Date.now());
    return context.show({ ...item, ...mark }, { names: [name], text, mark });
  }
  const vm = await context.client.call('getVm', { deadline, params: { name }, query });
  await context.show(vm, { names: [vm.name], text: () => vmDetails(vm, context.paint, Date.now()) });
}
