import { UsageError } from '../arguments/usage-error.ts';
import { type VmCreateFlags, vmRequest } from '../arguments/vm-request.ts';
import type { Context } from '../context.ts';
import { placementText } from '../output/placement-text.ts';
import { vmLine } from '../output/vm-text.ts';
import { waitDeadlines, waitForVm } from '../wait/vm-wait.ts';
import { parseReplicas } from './vm-sets.ts';
import { type SetFlags, setLimits, showSet } from './vm-update.ts';

/** Flags of `vm create`. */
export interface VmCreateOptions extends VmCreateFlags, SetFlags {
  readonly wait?: true;
  readonly dryRun?: true;
  readonly replicas?: string;
}

/** `vm create NAME`. */
export async function create(context: Context, args: readonly string[], options: VmCreateOptions): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const base = { cwd: context.terminal.cwd, home: context.terminal.env.HOME };
  const request = await vmRequest(name, options, base, (ref) => {
    const query = { consistency: 'linearizable' } as const;
    return context.client.call('getVolume', { deadline: context.requestDeadline(), params: { ref }, query });
  });
  if (options.replicas !== undefined) return await createSet(context, request, options.replicas, options);
  if (Object.keys(setLimits(options)).length > 0) {
    throw new UsageError('--max-unavailable and --on-failure are for sets: give --replicas too');
  }
  if (options.dryRun === true) {
    const placement = await context.client.call('planVm', { deadline: context.requestDeadline(), body: request });
    const text = () =>
      `${placementText(placement, context.paint, Date.now(), context.options.output === 'wide')}\nnothing was changed\n`;
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

/** `vm create NAME --replicas N`: a set, and VMs of it. */
async function createSet(
  context: Context,
  { name, spec, power }: Awaited<ReturnType<typeof vmRequest>>,
  replicas: string,
  options: VmCreateOptions,
): Promise<void> {
  const request = { name, template: spec, replicas: parseReplicas(replicas), ...setLimits(options), power };
  if (options.dryRun === true) {
    const placement = await context.client.call('planSet', { deadline: context.requestDeadline(), body: request });
    const { setPlacementText } = await import('../output/set-placement-text.ts');
    const text = () => `${setPlacementText(placement, context.paint)}\nnothing was changed\n`;
    return await context.show({ request, placement }, { names: [name], text });
  }
  const deadlines = waitDeadlines(context, options.wait === true);
  const answer = await context.client.call('createSet', { deadline: deadlines.request, body: request });
  await showSet(context, answer, options.wait === true ? deadlines.whole : undefined, 'created');
}
