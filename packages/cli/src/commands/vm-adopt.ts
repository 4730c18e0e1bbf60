/** The verbs that take a VM over and hand one back. */
import type { VmChangeResponse } from '@n3x/core/api/schemas';
import { UsageError } from '../arguments/usage-error.ts';
import type { Context } from '../context.ts';
import { vmLine } from '../output/vm-text.ts';

/** Flags of `vm adopt`. */
export interface AdoptOptions {
  readonly all?: true;
  readonly host?: string;
  readonly failover?: 'stay' | 'restart';
}

/** Evaluating a flake takes its time. */
const ADOPT_TIMEOUT_MS = 120_000;

/** `vm adopt NAME|--all [--host HOST] [--failover MODE]`. */
export async function adopt(context: Context, args: readonly string[], options: AdoptOptions): Promise<void> {
  context.refuseStale();
  const [name] = args;
  if ((name === undefined) === (options.all !== true)) {
    throw new UsageError('name one microVM, or all of the host with --all');
  }
  const host = options.host ?? (await context.client.call('getLocal', { deadline: context.requestDeadline() })).name;
  const failover = options.failover === undefined ? {} : { failover: options.failover };
  const adoptOne = (vm: string): Promise<VmChangeResponse> =>
    context.client.call('adoptVm', {
      deadline: context.deadline(ADOPT_TIMEOUT_MS),
      params: { name: host },
      body: { vm, ...failover },
    });
  if (name !== undefined) {
    const answer = await adoptOne(name);
    const done = answer.changed ? `adopted on ${host}` : 'unchanged';
    return context.show(answer, { names: [name], text: () => vmLine(answer.vm, done) });
  }
  const found = await context.client.call('listFound', {
    deadline: context.requestDeadline(),
    params: { name: host },
  });
  const adopted: VmChangeResponse[] = [];
  for (const { name: vm, adoptable } of found.items) if (adoptable) adopted.push(await adoptOne(vm));
  const left = found.items.filter(({ adoptable }) => !adoptable);
  for (const { name: vm, reason } of left) context.note(`${vm}: left alone: ${reason}`);
  await context.show(
    { host, adopted, left },
    {
      names: adopted.map(({ vm }) => vm.name),
      text: () =>
        adopted.length === 0
          ? `host ${host}: nothing to adopt\n`
          : adopted.map(({ vm }) => vmLine(vm, `adopted on ${host}`)).join(''),
    },
  );
}

/** `vm release NAME`. */
export async function release(context: Context, args: readonly string[]): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const answer = await context.client.call('releaseVm', {
    deadline: context.requestDeadline(),
    params: { name },
    query: {},
  });
  await context.show(
    { name, ...answer },
    { names: [name], text: () => `vm ${name}: released, it runs on as it was\n` },
  );
}
