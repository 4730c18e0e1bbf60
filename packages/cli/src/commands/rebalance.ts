/** The verb that evens out the hosts. */
import { parseWholeNumber } from '../arguments/number.ts';
import type { Context } from '../context.ts';
import { planText } from '../output/drain-text.ts';
import { printable } from '../output/table.ts';

/** Most VMs that one plan moves. */
const PLAN_MAX = 64;

/** `cluster rebalance [--dry-run] [--max N]`. */
export async function rebalance(
  context: Context,
  _args: readonly string[],
  options: { readonly dryRun?: true; readonly max?: string },
): Promise<void> {
  const isDry = options.dryRun === true;
  if (!isDry) context.refuseStale();
  const max = options.max === undefined ? undefined : parseWholeNumber('--max', options.max, 1, PLAN_MAX);
  const plan = await context.client.call('planRebalance', {
    deadline: context.requestDeadline(),
    query: { ...context.consistency, ...(max === undefined ? {} : { max: String(max) }) },
  });
  const names = plan.moves.map(({ name }) => name);
  if (isDry || plan.moves.length === 0) {
    return await context.show({ plan }, { names, text: () => planText(plan), mark: plan });
  }
  const moves = plan.moves.map(({ name, uid, epoch, targetId }) => ({ name, uid, epoch, targetId }));
  const answer = await context.client.call('rebalanceCluster', {
    deadline: context.requestDeadline(),
    body: { moves },
  });
  const left = answer.left === 0 ? '' : `, ${answer.left} left out: ${printable(answer.reason ?? '')}`;
  const text = () =>
    `${planText(plan)}\ncluster: ${answer.moved} VM${answer.moved === 1 ? '' : 's'} on the move${left}\n`;
  await context.show({ plan, ...answer }, { names, text });
}
