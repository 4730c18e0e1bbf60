/** The verb that moves one VM. */
import type { Context } from '../context.ts';
import { vmLine } from '../output/vm-text.ts';
import { waitForMove } from '../wait/move-wait.ts';
import { waitDeadlines } from '../wait/vm-wait.ts';

/** `vm migrate NAME [--to HOST] [--wait]`. */
export async function migrate(
  context: Context,
  args: readonly string[],
  options: { readonly to?: string; readonly wait?: true },
): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const deadlines = waitDeadlines(context, options.wait === true);
  const answer = await context.client.call('migrateVm', {
    deadline: deadlines.request,
    params: { name },
    query: {},
    body: options.to === undefined ? {} : { host: options.to },
  });
  const waits = options.wait === true && answer.vm.moving !== undefined;
  const vm = waits ? await waitForMove(context, answer.vm, deadlines.whole) : answer.vm;
  const to = answer.vm.movingTo;
  const done = waits
    ? 'moved'
    : answer.changed
      ? `moves${to === undefined ? ' off its host' : ` to ${to}`}`
      : 'unchanged';
  await context.show({ ...answer, vm }, { names: [name], text: () => vmLine(vm, done) });
}
