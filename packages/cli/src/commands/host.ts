/** The verbs of hosts. */
import type { HostView } from '@n3x/core/api/schemas';
import type { Context } from '../context.ts';
import { drainTable } from '../output/drain-text.ts';
import { hostDetails, hostTable } from '../output/host-text.ts';
import { readingVerbs } from './listing.ts';

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

/** `host list` and `host show NAME`. */
export const { list, show } = readingVerbs({
  kind: 'host',
  all: (client, read) => client.call('listHosts', read),
  one: (client, read) => client.call('getHost', read),
  table: hostTable,
  details: hostDetails,
  below: drained,
});
