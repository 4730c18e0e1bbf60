import type { RouteResult } from '@n3x/core/api/routes';
import { ERROR_CODES } from '@n3x/core/base/errors';
import type { ClusterEvent } from '@n3x/core/model/cluster';
import { parseWholeNumber } from '../arguments/number.ts';
import { vmNameIn } from '../arguments/project-name.ts';
import { Deadline } from '../client/deadline.ts';
import { watch } from '../client/watch.ts';
import type { Context } from '../context.ts';
import { formatTime } from '../output/age.ts';
import { CommandFailure } from '../output/error-report.ts';
import { printable } from '../output/table.ts';

const LINES_MAX = 4096;
/** How long, in ms, to look for an n3xd that answers after a stream is lost. */
export const FOLLOW_PATIENCE_MS = 60_000;

/** Flags of `events`. */
export interface EventsOptions {
  readonly follow?: true;
  readonly lines: string;
  readonly kind?: ClusterEvent['about']['kind'];
  readonly name?: string;
}

function eventLine(context: Context, event: ClusterEvent): string {
  const tone = event.severity === 'error' ? 'bad' : event.severity === 'warning' ? 'busy' : 'faint';
  const about = `${event.about.kind}/${event.about.name}`;
  const wide = context.options.output === 'wide' ? `${event.index}.${event.ordinal}  ` : '';
  const severity = context.paint(tone, event.severity.padEnd(7));
  const text = `${printable(event.reason)}: ${printable(event.message)}`;
  return `${formatTime(event.atMs)}  ${wide}${severity}  ${about.padEnd(20)}  ${text}\n`;
}

function isEvent(object: unknown): object is ClusterEvent {
  return typeof object === 'object' && object !== null && 'kind' in object && object.kind === 'event';
}

/** `events`. With `--follow` it lists, then watches from the list's index on, so nothing is missed or told twice. */
export async function events(context: Context, _args: readonly string[], given: EventsOptions): Promise<void> {
  const { kind, name } = given;
  const options = kind === 'vm' && name !== undefined ? { ...given, name: vmNameIn(context.project, name) } : given;
  const limit = parseWholeNumber('--lines', options.lines, 1, LINES_MAX);
  const filter = {
    ...(options.kind === undefined ? {} : { kind: options.kind }),
    ...(options.name === undefined ? {} : { name: options.name }),
  };
  const query = { ...context.consistency, limit, ...filter };
  const answer = await context.client.call('listEvents', { deadline: context.requestDeadline(), query });
  if (options.follow !== true) {
    return context.show(answer, {
      names: answer.items.map((event) => `${event.about.kind}/${event.about.name}`),
      text: () => answer.items.map((event) => eventLine(context, event)).join(''),
      mark: answer,
    });
  }
  for (const event of answer.items) await context.showItem(event, () => eventLine(context, event));
  await follow(context, options, answer);
}

async function follow(context: Context, options: EventsOptions, list: RouteResult<'listEvents'>): Promise<void> {
  const limit = context.timeoutMs === undefined ? undefined : new Deadline(context.timeoutMs).signal();
  const { interrupted } = context.terminal;
  const signal = limit === undefined ? interrupted : AbortSignal.any([interrupted, limit.signal]);
  let from = list.index;
  try {
    while (!signal.aborted) {
      const changes = watch(context.client, {
        query: { from, kinds: 'event' },
        signal,
        patienceMs: FOLLOW_PATIENCE_MS,
        onConnection: (connected) => context.note(connected ? 'n3xctl: following again' : 'n3xctl: connection lost'),
      });
      for await (const line of changes) {
        if (line.type === 'relist') break;
        if (line.type !== 'changed' || !isEvent(line.object)) continue;
        const event = line.object;
        if (options.kind !== undefined && event.about.kind !== options.kind) continue;
        if (options.name !== undefined && event.about.name !== options.name) continue;
        await context.showItem(event, () => eventLine(context, event));
      }
      if (signal.aborted) break;
      context.note('n3xctl: some events were missed; going on from now');
      const query = { consistency: 'stale' as const, limit: 1 };
      from = (await context.client.call('listEvents', { deadline: context.requestDeadline(), query })).index;
    }
  } finally {
    limit?.stop();
  }
  if (limit?.signal.aborted === true && !interrupted.aborted) {
    throw new CommandFailure(ERROR_CODES.timeout, `followed for ${context.options.timeout}, as --timeout says`);
  }
}
