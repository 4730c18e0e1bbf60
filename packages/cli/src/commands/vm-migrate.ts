/** The verb that moves one VM. */
import type { Context } from '../context.ts';
import { vmLine } from '../output/vm-text.ts';
import { waitForMove } from '../wait/move-wait.ts';
import { waitDeadlines, waitForVm } from '../wait/vm-wait.ts';

/** `vm migrate NAME --cancel [--wait]`. */
async function cancel(context: Context, name: string, waits: boolean): Promise<void> {
  const deadlines = waitDeadlines(context, waits);
  const answer = await context.client.call('cancelMigration', {
    deadline: deadlines.request,
    params: { name },
    query: {},
  });
  // It may have stopped already, and is then started where it was.
  const vm =
    waits && answer.vm.power === 'running'
      ? await waitForVm(context, { goal: 'running', vm: answer.vm, deadline: deadlines.whole })
      : answer.vm;
  const done = answer.changed ? 'its move was taken back' : 'unchanged, it does not move';
  await context.show({ ...answer, vm }, { names: [name], text: () => vmLine(vm, done) });
}

/** `vm migrate NAME [--to HOST] [--wait]`, or `--cancel` to take it back. */
export async function migrate(
  context: Context,
  args: readonly string[],
  options: { readonly to?: string; readonly cancel?: true; readonly together?: true; readonly wait?: true },
): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  if (options.cancel === true) return await cancel(context, name, options.wait === true);
  const deadlines = waitDeadlines(context, options.wait === true);
  const answer = await context.client.call('migrateVm', {
    deadline: deadlines.request,
    params: { name },
    query: {},
    body: {
      ...(options.to === undefined ? {} : { host: options.to }),
      ...(options.together === true ? { together: true } : {}),
    },
  });
  const waits = options.wait === true && answer.vm.moving !== undefined;
  const vm = waits ? await waitForMove(context, answer.vm, deadlines.whole) : answer.vm;
  const to = answer.vm.movingTo;
  const others = answer.together.length === 0 ? '' : ` together with ${answer.together.join(', ')}`;
  const done = waits
    ? 'moved'
    : answer.changed
      ? `moves${to === undefined ? ' off its host' : ` to ${to}`}${others}`
      : 'unchanged';
  await context.show({ ...answer, vm }, { names: [name], text: () => vmLine(vm, done) });
}
