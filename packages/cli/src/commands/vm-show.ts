import type { Context } from '../context.ts';
import { vmDetails } from '../output/vm-text.ts';
import { findStale } from './stale-lookup.ts';
import { findEither } from './vm-update.ts';

/** `vm show NAME`: a VM or a set. */
export async function show(context: Context, args: readonly string[]): Promise<void> {
  const name = args[0] ?? '';
  const deadline = context.requestDeadline();
  const query = context.consistency;
  if (context.options.stale === true) {
    const { item, mark } = findStale('vm', name, await context.client.call('listVms', { deadline, query }));
    const text = () => vmDetails(item, context.paint, Date.now());
    return context.show({ ...item, ...mark }, { names: [name], text, mark });
  }
  const found = await findEither(context, name, deadline);
  if ('set' in found) {
    const { setDetails } = await import('../output/set-text.ts');
    const { set } = found;
    return context.show(set, { names: [set.name], text: () => setDetails(set, context.paint, Date.now()) });
  }
  const { vm } = found;
  await context.show(vm, { names: [vm.name], text: () => vmDetails(vm, context.paint, Date.now()) });
}
