/** The verbs that change whether a VM runs, or is there at all. */
import type { Context } from '../context.ts';
import { vmLine } from '../output/vm-text.ts';
import { type VmGoal, waitDeadlines, waitForVm } from '../wait/vm-wait.ts';

/** Flags of these verbs. */
export interface PowerOptions {
  readonly wait?: true;
}

async function change(
  context: Context,
  operation: 'startVm' | 'stopVm' | 'restartVm',
  goal: VmGoal,
  done: string,
  name: string,
  options: PowerOptions,
): Promise<void> {
  context.refuseStale();
  const deadlines = waitDeadlines(context, options.wait === true);
  const answer = await context.client.call(operation, { deadline: deadlines.request, params: { name }, query: {} });
  const vm =
    options.wait === true ? await waitForVm(context, { goal, vm: answer.vm, deadline: deadlines.whole }) : answer.vm;
  await context.show(
    { vm, changed: answer.changed, index: answer.index },
    { names: [name], text: () => vmLine(vm, answer.changed ? done : 'unchanged') },
  );
}

/** `vm start NAME`. */
export function start(context: Context, args: readonly string[], options: PowerOptions): Promise<void> {
  return change(context, 'startVm', 'running', 'start requested', args[0] ?? '', options);
}

/** `vm stop NAME`. */
export function stop(context: Context, args: readonly string[], options: PowerOptions): Promise<void> {
  return change(context, 'stopVm', 'stopped', 'stop requested', args[0] ?? '', options);
}

/** `vm restart NAME`. */
export function restart(context: Context, args: readonly string[], options: PowerOptions): Promise<void> {
  return change(context, 'restartVm', 'running', 'restart requested', args[0] ?? '', options);
}

/** `vm delete NAME`. */
export async function remove(context: Context, args: readonly string[], options: PowerOptions): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const deadlines = waitDeadlines(context, options.wait === true);
  // What is waited for is that this very VM goes, not one that is made under its name meanwhile.
  const before =
    options.wait === true
      ? await context.client.call('getVm', {
          deadline: deadlines.request,
          params: { name },
          query: context.consistency,
        })
      : undefined;
  const answer = await context.client.call('deleteVm', { deadline: deadlines.request, params: { name }, query: {} });
  if (before !== undefined) await waitForVm(context, { goal: 'gone', vm: before, deadline: deadlines.whole });
  const done = before === undefined ? (answer.changed ? 'delete requested' : 'unchanged') : 'deleted';
  await context.show(
    { name, changed: answer.changed, index: answer.index },
    { names: [name], text: () => `vm ${name}: ${done}\n` },
  );
}
