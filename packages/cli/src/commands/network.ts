/** The verbs of networks. */
import { type NetworkFlags, networkChanges, networkRequest } from '../arguments/network-request.ts';
import type { Context } from '../context.ts';
import { networkDetails, networkTable } from '../output/network-text.ts';
import { findStale } from './stale-lookup.ts';

/** `network list`. */
export async function list(context: Context): Promise<void> {
  const answer = await context.client.call('listNetworks', {
    deadline: context.requestDeadline(),
    query: context.consistency,
  });
  await context.show(answer, {
    names: answer.items.map((network) => network.name),
    text: () => networkTable(answer.items, context.paint, Date.now(), context.options.output === 'wide'),
    mark: answer,
  });
}

/** `network show NAME`. */
export async function show(context: Context, args: readonly string[]): Promise<void> {
  const name = args[0] ?? '';
  const deadline = context.requestDeadline();
  const query = context.consistency;
  if (context.options.stale === true) {
    const { item, mark } = findStale('network', name, await context.client.call('listNetworks', { deadline, query }));
    return context.show({ ...item, ...mark }, { names: [name], text: () => networkDetails(item, Date.now()), mark });
  }
  const network = await context.client.call('getNetwork', { deadline, params: { name }, query });
  await context.show(network, { names: [name], text: () => networkDetails(network, Date.now()) });
}

/** `network create NAME --ipv4 SUBNET ...`. */
export async function create(context: Context, args: readonly string[], flags: NetworkFlags): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const body = await networkRequest(name, flags);
  const answer = await context.client.call('createNetwork', { deadline: context.requestDeadline(), body });
  const text = () => `network ${name}: ${answer.changed ? 'created' : 'unchanged'}\n`;
  await context.show(answer, { names: [name], text });
}

/** `network set NAME [--gateway IP] [--dns IP] [--exclude RANGE] [--hold DURATION]`. */
export async function set(context: Context, args: readonly string[], flags: NetworkFlags): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const body = await networkChanges(flags);
  const deadline = context.requestDeadline();
  const answer = await context.client.call('setNetwork', { deadline, params: { name }, body });
  const text = () => `network ${name}: ${answer.changed ? 'set' : 'unchanged'}\n`;
  await context.show(answer, { names: [name], text });
}

/** `network delete NAME`. */
export async function remove(context: Context, args: readonly string[]): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const answer = await context.client.call('deleteNetwork', { deadline: context.requestDeadline(), params: { name } });
  await context.show({ name, ...answer }, { names: [name], text: () => `network ${name}: deleted\n` });
}
