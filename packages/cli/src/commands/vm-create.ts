import { type VmCreateFlags, vmRequest } from '../arguments/vm-request.ts';
import type { Context } from '../context.ts';
import { placementText } from '../output/placement-text.ts';
import { vmLine } from '../output/vm-text.ts';
import { waitDeadlines, waitForVm } from '../wait/vm-wait.ts';

/** Flags of `vm create`. */
export interface VmCreateOptions extends VmCreateFlags {
  readonly wait?: true;
  readonly dryRun?: true;
}

/** `vm create NAME`. */
export async function create(context: Context, args: readonly string[], options: VmCreateOptions): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const base = { cwd: context.terminal.cwd, home: context.terminal.env.HOME };
  const request = await vmRequest(name, options, base);
  if (options.dryRun === true) {
    const placement = await context.client.call('planVm', { deadline: context.requestDeadline(), body: request });
    const text = () => `${placementText(placement, context.paint)}\nnothing was changed\n`;
    return await context.show({ request, placement }, { names: [name], text });
  }
  const deadlines = waitDeadlines(context, options.wait === true);
  const answer = await context.client.call('createVm', { deadline: deadlines.request, body: request });
  const vm =
    options.wait === true
      ? await waitForVm(context, {
          goal: options.start ? 'running' : 'stopped',
          vm: answer.vm,
          deadline: deadlines.whole,
        })
      : answer.vm;
  await context.show(
    { vm, changed: answer.changed, index: answer.index },
    { names: [name], text: () => vmLine(vm, answer.changed ? 'created' : 'unchanged') },
  );
}
