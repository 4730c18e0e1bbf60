/** The verbs of networks. */
import { type NetworkFlags, networkChanges, networkRequest } from '../arguments/network-request.ts';
import type { Context } from '../context.ts';
import { networkDetails, networkTable } from '../output/network-text.ts';
import { readingVerbs } from './listing.ts';

/** `network list` and `network show NAME`. */
export const { list, show } = readingVerbs({
  kind: 'network',
  all: (client, read) => client.call('listNetworks', read),
  one: (client, read) => client.call('getNetwork', read),
  table: networkTable,
  details: (network, _paint, nowMs) => networkDetails(network, nowMs),
});

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
