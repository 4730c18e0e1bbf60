/** The verbs that change whether a VM runs, or is there at all. */
import type { RouteResult } from '@n3x/core/api/routes';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import type { Deadline } from '../client/deadline.ts';
import type { Context } from '../context.ts';
import { vmLine } from '../output/vm-text.ts';
import { waitForSetGone } from '../wait/set-wait.ts';
import { type VmGoal, waitDeadlines, waitForVm } from '../wait/vm-wait.ts';
import { findEither, showSet } from './vm-update.ts';

/** Flags of `delete`. */
export interface DeleteOptions extends PowerOptions {
  readonly keepVolumes?: true;
}

/** Flags of these verbs. */
export interface PowerOptions {
  readonly wait?: true;
}

interface Answer {
  readonly changed: boolean;
  readonly index: number;
}

type Power = 'start' | 'stop' | 'restart';

const GOALS: Readonly<Record<Power, VmGoal>> = { start: 'running', stop: 'stopped', restart: 'running' };

/** Does it to the VM of this name; undefined when there is none, but a set, to which it was done. */
async function changeEither(
  context: Context,
  verb: Power,
  name: string,
  deadline: Deadline,
): Promise<{ readonly vm: RouteResult<'startVm'> } | { readonly set: RouteResult<'startSet'> }> {
  const request = { deadline, params: { name } };
  try {
    return { vm: await context.client.call(`${verb}Vm`, { ...request, query: {} }) };
  } catch (error) {
    if (!(error instanceof N3xError) || error.code !== ERROR_CODES.notFound) throw error;
    try {
      return { set: await context.client.call(`${verb}Set`, { ...request, body: {} }) };
    } catch (second) {
      // Who names something that is not there at all is told about VMs.
      throw second instanceof N3xError && second.code === ERROR_CODES.notFound ? error : second;
    }
  }
}

async function change(
  context: Context,
  verb: Power,
  [name = '']: readonly string[],
  options: PowerOptions,
): Promise<void> {
  context.refuseStale();
  const deadlines = waitDeadlines(context, options.wait === true);
  const done = `${verb} requested`;
  const goal = GOALS[verb];
  const found = await changeEither(context, verb, name, deadlines.request);
  if ('set' in found)
    return await showSet(context, found.set, options.wait === true ? deadlines.whole : undefined, done);
  const answer = found.vm;
  const vm =
    options.wait === true ? await waitForVm(context, { goal, vm: answer.vm, deadline: deadlines.whole }) : answer.vm;
  await context.show(
    { vm, changed: answer.changed, index: answer.index },
    { names: [name], text: () => vmLine(vm, answer.changed ? done : 'unchanged') },
  );
}

/** `vm start NAME`: a VM, or all of a set. */
export function start(context: Context, args: readonly string[], options: PowerOptions): Promise<void> {
  return change(context, 'start', args, options);
}

/** `vm stop NAME`: a VM, or all of a set. */
export function stop(context: Context, args: readonly string[], options: PowerOptions): Promise<void> {
  return change(context, 'stop', args, options);
}

/** `vm restart NAME`: a VM, or those of a set, a few at a time. */
export function restart(context: Context, args: readonly string[], options: PowerOptions): Promise<void> {
  return change(context, 'restart', args, options);
}

/** Deletes a VM; undefined when there is none of this name. */
async function deleteVm(
  context: Context,
  name: string,
  deadline: Deadline,
  isKept: boolean,
): Promise<Answer | undefined> {
  const query = isKept ? ({ keepVolumes: 'true' } as const) : {};
  try {
    return await context.client.call('deleteVm', { deadline, params: { name }, query });
  } catch (error) {
    if (error instanceof N3xError && error.code === ERROR_CODES.notFound) return undefined;
    throw error;
  }
}

/** `vm delete NAME`: a VM, or a set with its VMs. */
export async function remove(context: Context, args: readonly string[], options: DeleteOptions): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const waits = options.wait === true;
  const deadlines = waitDeadlines(context, waits);
  // What is waited for is that this very VM goes, not one that is made under its name meanwhile.
  const before = waits ? await findEither(context, name, deadlines.request) : undefined;
  const isKept = options.keepVolumes === true;
  let answer =
    before !== undefined && 'set' in before ? undefined : await deleteVm(context, name, deadlines.request, isKept);
  const isSet = answer === undefined;
  if (answer === undefined) {
    // Who names something that is not there at all is told about VMs.
    if (before === undefined) await findEither(context, name, deadlines.request);
    answer = await context.client.call('deleteSet', {
      deadline: deadlines.request,
      params: { name },
      query: isKept ? { keepVolumes: 'true' } : {},
    });
    if (waits) await waitForSetGone(context, name, deadlines.whole);
  } else if (before !== undefined && 'vm' in before) {
    await waitForVm(context, { goal: 'gone', vm: before.vm, deadline: deadlines.whole });
  }
  const done = waits ? 'deleted' : answer.changed ? 'delete requested' : 'unchanged';
  const text = () => `${isSet ? 'set' : 'vm'} ${name}: ${done}\n`;
  await context.show({ name, changed: answer.changed, index: answer.index }, { names: [name], text });
}
