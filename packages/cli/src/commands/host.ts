/** The verbs of hosts. */
import type { Context } from '../context.ts';
import { hostDetails, hostTable } from '../output/host-text.ts';
import { findStale } from './stale-lookup.ts';

/** `host list`. */
export async function list(context: Context): Promise<void> {
  const answer = await context.client.call('listHosts', {
    deadline: context.requestDeadline(),
    query: context.consistency,
  });
  await context.show(answer, {
    names: answer.items.map((host) => host.name),
    text: () => hostTable(answer.items, context.paint, Date.now(), context.options.output === 'wide'),
    mark: answer,
  });
}

/** `host show NAME`. */
export async function show(context: Context, args: readonly string[]): Promise<void> {
  const name = args[0] ?? '';
  const deadline = context.requestDeadline();
  const query = context.consistency;
  if (context.options.stale === true) {
    const { item, mark } = findStale('host', name, await context.client.call('listHosts', { deadline, query }));
    const text = () => hostDetails(item, context.paint, Date.now());
    return context.show({ ...item, ...mark }, { names: [name], text, mark });
  }
  const host = await context.client.call('getHost', { deadline, params: { name }, query });
  await context.show(host, { names: [host.name], text: () => hostDetails(host, context.paint, Date.now()) });
}
