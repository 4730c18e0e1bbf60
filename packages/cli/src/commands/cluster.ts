/** The verbs of the cluster. */
import type { RouteResult } from '@n3x/core/api/routes';
import { parseClusterSettings } from '../arguments/cluster-settings.ts';
import { UsageError } from '../arguments/usage-error.ts';
import type { Context } from '../context.ts';
import { clusterText } from '../output/cluster-text.ts';

/** Longest token, in characters, that is read from standard input. */
const TOKEN_LENGTH_MAX = 2048;

async function showMembership(context: Context, done: string, answer: RouteResult<'initCluster'>): Promise<void> {
  const text = () => `host ${answer.name} ${done} cluster ${answer.clusterName} (${answer.clusterId})\n`;
  await context.show(answer, { names: [answer.clusterName], text });
}

/** `cluster init`. */
export async function init(
  context: Context,
  _args: readonly string[],
  options: { readonly name: string },
): Promise<void> {
  context.refuseStale();
  const deadline = context.requestDeadline();
  const answer = await context.client.call('initCluster', { deadline, body: { name: options.name }, pinned: true });
  await showMembership(context, 'made', answer);
}

async function tokenFromInput(context: Context): Promise<string> {
  let text = '';
  for await (const chunk of context.terminal.stdin) {
    text += String(chunk);
    if (text.length > TOKEN_LENGTH_MAX + 2) throw new UsageError('standard input is longer than any token');
  }
  if (text.trim() === '') throw new UsageError('standard input holds no token');
  return text.trim();
}

/** `cluster join TOKEN`. A `-` reads the token from standard input, which keeps it out of process lists. */
export async function join(
  context: Context,
  args: readonly string[],
  options: { readonly abandon?: true } = {},
): Promise<void> {
  context.refuseStale();
  const token = args[0] === '-' ? await tokenFromInput(context) : (args[0] ?? '').trim();
  if (token === '') throw new UsageError('the token is empty');
  const deadline = context.requestDeadline();
  const body = options.abandon === true ? { token, abandon: true } : { token };
  const answer = await context.client.call('joinCluster', { deadline, body, pinned: true });
  await showMembership(context, 'joined', answer);
}

/** `cluster status`. */
export async function status(context: Context): Promise<void> {
  const answer = await context.client.call('getCluster', {
    deadline: context.requestDeadline(),
    query: context.consistency,
  });
  await context.show(answer, {
    names: [answer.cluster.name],
    text: () => clusterText(answer, context.paint, Date.now(), context.options.output === 'wide'),
    mark: answer,
  });
}

/** `cluster set voters=N replace-after=DURATION strategy=STRATEGY`. */
export async function set(context: Context, args: readonly string[]): Promise<void> {
  context.refuseStale();
  const body = parseClusterSettings(args);
  const answer = await context.client.call('setCluster', { deadline: context.requestDeadline(), body });
  await context.show(answer, { names: [], text: () => `cluster: ${answer.changed ? 'set' : 'unchanged'}\n` });
}

/** `cluster leave [HOST]`. */
export async function leave(context: Context, args: readonly string[]): Promise<void> {
  context.refuseStale();
  const host = args[0];
  if (host === undefined && context.client.socketCount > 1) {
    throw new UsageError(
      'several n3xd answer here: name the host that shall leave',
      'n3xctl cluster leave HOST, or choose one with --socket',
    );
  }
  const answer = await context.client.call('leaveCluster', {
    deadline: context.requestDeadline(),
    body: host === undefined ? {} : { host },
    pinned: host === undefined,
  });
  const who = host === undefined ? 'this host' : `host ${host}`;
  const text = () => `${who}: ${answer.changed ? 'leaves the cluster' : 'unchanged'}\n`;
  await context.show(
    { ...(host === undefined ? {} : { host }), ...answer },
    { names: host === undefined ? [] : [host], text },
  );
}
