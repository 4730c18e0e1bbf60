/** The verbs of hosts. */
import type { HostView } from '@n3x/core/api/schemas';
import type { Context } from '../context.ts';
import { drainTable } from '../output/drain-text.ts';
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

/** The VMs that are left on a host which is drained, each with where it goes or why it stays. */
async function drained(context: Context, { name, drain, vms }: HostView): Promise<string> {
  if (drain === undefined || vms === 0) return '';
  const view = await context.client.call('getDrain', {
    deadline: context.requestDeadline(),
    params: { name },
    query: {},
  });
  return view.vms.length === 0 ? '' : `\n${drainTable(view, context.paint)}`;
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
  const text = async () => `${hostDetails(host, context.paint, Date.now())}${await drained(context, host)}`;
  await context.show(host, { names: [host.name], text });
}
