/** The verbs that empty a host, and let it take VMs again. */
import type { DrainMode } from '@n3x/core/model/drain';
import { parseSeconds } from '../arguments/duration.ts';
import { parseWholeNumber } from '../arguments/number.ts';
import { UsageError } from '../arguments/usage-error.ts';
import { type Context, WAIT_TIMEOUT_MS } from '../context.ts';
import { drainLine, drainTable, volumesLeftText } from '../output/drain-text.ts';
import { waitForDrain } from '../wait/drain-wait.ts';

/** Flags of drains. */
export interface DrainOptions {
  readonly deadline?: string;
  readonly parallel?: string;
  /** False with `--no-wait`. */
  readonly wait?: boolean;
}

/** Most VMs that leave at the same time, and the longest deadline in seconds, as the API has them. */
const PARALLEL_MAX = 256;
const DEADLINE_MAX_SECONDS = 604_800;

/** How much longer than a deadline is waited for its outcome, in ms. */
const BEYOND_DEADLINE_MS = 30_000;

function deadlineOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = parseSeconds('--deadline', text);
  if (seconds <= DEADLINE_MAX_SECONDS) return seconds;
  throw new UsageError(`--deadline: "${text}" is out of range: 1s to 7d`);
}

async function empty(context: Context, name: string, mode: DrainMode, options: DrainOptions): Promise<void> {
  context.refuseStale();
  const deadlineSeconds = deadlineOf(options.deadline);
  const parallel =
    options.parallel === undefined ? undefined : parseWholeNumber('--parallel', options.parallel, 1, PARALLEL_MAX);
  const answer = await context.client.call('drainHost', {
    deadline: context.requestDeadline(),
    params: { name },
    body: {
      mode,
      ...(parallel === undefined ? {} : { parallel }),
      ...(deadlineSeconds === undefined ? {} : { deadlineSeconds }),
    },
  });
  if (options.wait === false) {
    const view = await context.client.call('getDrain', {
      deadline: context.requestDeadline(),
      params: { name },
      query: {},
    });
    const done = answer.changed ? (mode === 'drain' ? 'drain begun' : 'evacuation begun') : 'unchanged';
    const text = () => `host ${name}: ${done} (${drainLine(view)})\n${drainTable(view, context.paint)}`;
    return await context.show({ ...view, changed: answer.changed }, { names: [name], text });
  }
  const spanMs = deadlineSeconds === undefined ? WAIT_TIMEOUT_MS : deadlineSeconds * 1000 + BEYOND_DEADLINE_MS;
  const view = await waitForDrain(context, name, context.deadline(spanMs));
  const count = view.drain?.total ?? 0;
  const text = () =>
    `host ${name}: drained (${count} VM${count === 1 ? '' : 's'} moved); it takes none until it is undrained\n${volumesLeftText(view)}`;
  await context.show({ ...view, changed: answer.changed }, { names: [name], text });
}

/** `host drain NAME [--deadline SPAN] [--parallel N] [--no-wait]`. */
export function drain(context: Context, args: readonly string[], options: DrainOptions): Promise<void> {
  return empty(context, args[0] ?? '', 'drain', options);
}

/** `host evacuate NAME [--deadline SPAN] [--parallel N] [--no-wait]`. */
export function evacuate(context: Context, args: readonly string[], options: DrainOptions): Promise<void> {
  return empty(context, args[0] ?? '', 'evacuate', options);
}

/** `host undrain NAME`. */
export async function undrain(context: Context, args: readonly string[]): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const answer = await context.client.call('undrainHost', { deadline: context.requestDeadline(), params: { name } });
  const text = () => `host ${name}: ${answer.changed ? 'takes VMs again' : 'unchanged'}\n`;
  await context.show({ name, ...answer }, { names: [name], text });
}
