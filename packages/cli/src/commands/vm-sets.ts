/** The verbs of sets of VMs alone. */
import { parseWholeNumber } from '../arguments/number.ts';
import type { Context } from '../context.ts';
import { setTable } from '../output/set-text.ts';
import { waitDeadlines } from '../wait/vm-wait.ts';
import { showList } from './listing.ts';
import { showSet } from './vm-update.ts';

/** Most VMs of one set. */
const REPLICAS_MAX = 256;

/** Reads a number of replicas. Throws `UsageError`. */
export function parseReplicas(text: string): number {
  return parseWholeNumber('--replicas', text, 0, REPLICAS_MAX);
}

/** `vm sets`. */
export async function sets(context: Context): Promise<void> {
  const answer = await context.client.call('listSets', {
    deadline: context.requestDeadline(),
    query: context.consistency,
  });
  await showList(context, answer, { name: ({ name }) => name, table: setTable });
}

/** `vm scale NAME --replicas N`. */
export async function scale(
  context: Context,
  args: readonly string[],
  options: { readonly replicas: string; readonly wait?: true },
): Promise<void> {
  context.refuseStale();
  const deadlines = waitDeadlines(context, options.wait === true);
  const answer = await context.client.call('scaleSet', {
    deadline: deadlines.request,
    params: { name: args[0] ?? '' },
    body: { replicas: parseReplicas(options.replicas) },
  });
  await showSet(context, answer, options.wait === true ? deadlines.whole : undefined, 'scale requested');
}
