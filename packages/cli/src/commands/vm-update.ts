/** The verbs that change what a VM or a set is, and take changes back. */

import type { VmView } from '@n3x/core/api/schemas';
import type { SetView } from '@n3x/core/api/set-routes';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { parseWholeNumber } from '../arguments/number.ts';
import { UsageError } from '../arguments/usage-error.ts';
import { changedSpec, type VmChangeFlags } from '../arguments/vm-change.ts';
import { checkedSpec } from '../arguments/vm-request.ts';
import type { Deadline } from '../client/deadline.ts';
import type { Context } from '../context.ts';
import { historyTable } from '../output/history-text.ts';
import { setLine } from '../output/set-text.ts';
import { vmLine } from '../output/vm-text.ts';
import { waitForSet } from '../wait/set-wait.ts';
import { waitDeadlines, waitForVm } from '../wait/vm-wait.ts';

type SpecInput = Parameters<typeof checkedSpec>[0];

/** Flags of sets. */
export interface SetFlags {
  readonly maxUnavailable?: string;
  readonly onFailure?: string;
}

/** Flags of `vm update`. */
export interface VmUpdateOptions extends VmChangeFlags, SetFlags {
  readonly rebuild?: true;
  readonly wait?: true;
}

/** Times that a change is made again on what somebody else has changed meanwhile. */
const ATTEMPTS = 3;

/** The VM or set of a name. VMs and sets share their names, so there is only ever one of the two. */
export async function findEither(
  context: Context,
  name: string,
  deadline: Deadline,
): Promise<{ readonly vm: VmView } | { readonly set: SetView }> {
  const read = { deadline, params: { name }, query: context.consistency };
  try {
    return { vm: await context.client.call('getVm', read) };
  } catch (error) {
    if (!(error instanceof N3xError) || error.code !== ERROR_CODES.notFound) throw error;
    try {
      return { set: await context.client.call('getSet', read) };
    } catch (second) {
      // What was looked for first is what users mean by a name that nothing has.
      throw second instanceof N3xError && second.code === ERROR_CODES.notFound ? error : second;
    }
  }
}

/** The limits of a set as the API takes them. Throws `UsageError`. */
export function setLimits(flags: SetFlags): { maxUnavailable?: number; onFailure?: 'pause' | 'rollback' } {
  const { maxUnavailable, onFailure } = flags;
  return {
    ...(maxUnavailable === undefined
      ? {}
      : { maxUnavailable: parseWholeNumber('--max-unavailable', maxUnavailable, 1, 256) }),
    ...(onFailure === undefined ? {} : { onFailure: onFailure === 'pause' ? 'pause' : 'rollback' }),
  };
}

interface Change {
  readonly name: string;
  readonly rebuild: boolean;
  readonly waits: boolean;
  readonly flags: SetFlags;
  /** The spec as it shall be. */
  readonly make: (before: VmView['spec']) => SpecInput | Promise<SpecInput>;
}

/** Reads, changes and writes, again when somebody else has changed it meanwhile. */
async function change(
  context: Context,
  { name, rebuild, waits, flags, make }: Change,
  attempts: number,
): Promise<void> {
  context.refuseStale();
  const deadlines = waitDeadlines(context, waits);
  const limits = setLimits(flags);
  for (let attempt = 1; ; attempt++) {
    const found = await findEither(context, name, deadlines.request);
    const before = 'vm' in found ? found.vm : found.set;
    const spec = await checkedSpec(await make('vm' in found ? found.vm.spec : found.set.template));
    try {
      if ('set' in found) {
        const body = { template: spec, rebuild, ...limits, ifGeneration: before.generation };
        const answer = await context.client.call('updateSet', { deadline: deadlines.request, params: { name }, body });
        return await showSet(context, answer, waits ? deadlines.whole : undefined, 'update requested');
      }
      if (Object.keys(limits).length > 0)
        throw new UsageError(`--max-unavailable and --on-failure are for sets, and ${name} is a VM`);
      const body = { spec, rebuild, ifGeneration: before.generation };
      const answer = await context.client.call('updateVm', {
        deadline: deadlines.request,
        params: { name },
        query: {},
        body,
      });
      return await showVm(context, answer, waits ? deadlines.whole : undefined, 'update requested');
    } catch (error) {
      const overtaken =
        error instanceof N3xError && error.code === ERROR_CODES.conflict && 'ifGeneration' in (error.details ?? {});
      if (!overtaken || attempt >= attempts) throw error;
    }
  }
}

interface Answer {
  readonly changed: boolean;
  readonly index: number;
}

/** Shows what a change of a VM came to, after it has taken effect where that is to be waited for. */
async function showVm(
  context: Context,
  answer: Answer & { readonly vm: VmView },
  until: Deadline | undefined,
  done: string,
): Promise<void> {
  const { changed, index } = answer;
  const waits = until !== undefined && answer.vm.power === 'running';
  const vm = waits ? await waitForVm(context, { goal: 'updated', vm: answer.vm, deadline: until }) : answer.vm;
  const text = () => vmLine(vm, changed ? (waits ? 'updated' : done) : 'unchanged');
  await context.show({ vm, changed, index }, { names: [vm.name], text });
}

/** Shows what a change of a set came to, after it has taken effect where that is to be waited for. */
export async function showSet(
  context: Context,
  answer: Answer & { readonly set: SetView },
  until: Deadline | undefined,
  done: string,
): Promise<void> {
  const { changed, index } = answer;
  const set = until === undefined ? answer.set : await waitForSet(context, answer.set, until);
  const text = () => setLine(set, changed ? done : 'unchanged');
  await context.show({ set, changed, index }, { names: [set.name], text });
}

/** `vm update NAME`. */
export async function update(context: Context, args: readonly string[], options: VmUpdateOptions): Promise<void> {
  const name = args[0] ?? '';
  const base = { cwd: context.terminal.cwd, home: context.terminal.env.HOME };
  const make = (before: VmView['spec']): SpecInput => changedSpec(before, name, options, base);
  const { rebuild, wait } = options;
  await change(context, { name, rebuild: rebuild === true, waits: wait === true, flags: options, make }, ATTEMPTS);
}

/** `vm edit NAME`: once, since a text that somebody wrote must not be put over a change that they have not seen. */
export async function edit(
  context: Context,
  args: readonly string[],
  options: { readonly wait?: true },
): Promise<void> {
  const name = args[0] ?? '';
  const { editSpec } = await import('./edit-spec.ts');
  const make = (before: VmView['spec']): Promise<SpecInput> => editSpec(context.terminal, name, before);
  await change(context, { name, rebuild: false, waits: options.wait === true, flags: {}, make }, 1);
}

/** `vm rollback NAME`. */
export async function rollback(
  context: Context,
  args: readonly string[],
  options: { readonly to?: string; readonly wait?: true },
): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const deadlines = waitDeadlines(context, options.wait === true);
  const until = options.wait === true ? deadlines.whole : undefined;
  const body = options.to === undefined ? {} : { to: parseWholeNumber('--to', options.to, 1, Number.MAX_SAFE_INTEGER) };
  const found = await findEither(context, name, deadlines.request);
  const request = { deadline: deadlines.request, params: { name }, body };
  if ('set' in found) {
    return await showSet(context, await context.client.call('rollbackSet', request), until, 'rollback requested');
  }
  await showVm(
    context,
    await context.client.call('rollbackVm', { ...request, query: {} }),
    until,
    'rollback requested',
  );
}

/** `vm history NAME`. */
export async function history(context: Context, args: readonly string[]): Promise<void> {
  const name = args[0] ?? '';
  const deadline = context.requestDeadline();
  const found = await findEither(context, name, deadline);
  const wide = context.options.output === 'wide';
  if ('set' in found) {
    const { set } = found;
    const { setHistoryTable } = await import('../output/history-text.ts');
    const value = { name, items: set.revisions, current: set.current };
    return await context.show(value, { names: [name], text: () => setHistoryTable(set, Date.now(), wide) });
  }
  const answer = await context.client.call('getVmHistory', { deadline, params: { name }, query: context.consistency });
  await context.show(answer, { names: [name], text: () => historyTable(answer.items, Date.now(), wide), mark: answer });
}
