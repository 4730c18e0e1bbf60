/** The verbs of join tokens. */
import type { TokenView } from '@n3x/core/api/schemas';
import type { HostRole } from '@n3x/core/model/host';
import { parseSeconds } from '../arguments/duration.ts';
import { UsageError } from '../arguments/usage-error.ts';
import type { Context } from '../context.ts';
import { formatAge, formatSpan, formatTime } from '../output/age.ts';
import { type Column, renderTable } from '../output/table.ts';
import type { Paint } from '../output/terminal.ts';
import { showList } from './listing.ts';

/** Shortest and longest life of a token, in seconds. */
const TTL_SECONDS = [10, 604_800] as const;

/** `token create`. Standard output holds nothing but the token, so that it can be piped on. */
export async function create(
  context: Context,
  _args: readonly string[],
  options: { readonly role?: HostRole; readonly ttl: string },
): Promise<void> {
  context.refuseStale();
  const ttlSeconds = parseSeconds('--ttl', options.ttl);
  if (ttlSeconds < TTL_SECONDS[0] || ttlSeconds > TTL_SECONDS[1]) {
    throw new UsageError(`--ttl: "${options.ttl}" is out of range: 10s to 7d`);
  }
  const body = { ttlSeconds, ...(options.role === undefined ? {} : { role: options.role }) };
  const answer = await context.client.call('createToken', { deadline: context.requestDeadline(), body });
  await context.show(answer, { names: [answer.token], text: () => `${answer.token}\n` });
  if (!context.structured && !context.quiet) {
    context.note(
      `token ${answer.id} is for one host until ${formatTime(answer.expiresAtMs)}; there run: n3xctl cluster join TOKEN`,
    );
  }
}

/** The host that a token let in: by its name, or by its id when it is in the cluster no more. */
function usedBy({ usedBy: user }: TokenView): string {
  if (user === undefined) return '-';
  return user.hostName ?? `host ${user.hostId}, gone`;
}

function tokenTable(tokens: readonly TokenView[], paint: Paint, nowMs: number, wide: boolean): string {
  const columns: Column<TokenView>[] = [
    { head: 'ID', cell: (token) => token.id },
    { head: 'STATE', cell: (token) => paint(token.state === 'open' ? 'good' : 'faint', token.state) },
    { head: 'ROLE', cell: (token) => token.role ?? 'any' },
    {
      head: 'EXPIRES',
      cell: (token) => (token.state === 'open' ? `in ${formatSpan(token.expiresAtMs - nowMs)}` : '-'),
    },
    { head: 'AGE', cell: (token) => formatAge(token.createdAtMs, nowMs) },
    { head: 'USED BY', cell: (token) => usedBy(token) },
    { head: 'PEER', wide: true, cell: (token) => token.usedBy?.peerId ?? '-' },
  ];
  return renderTable(columns, tokens, wide);
}

/** `token list`. */
export async function list(context: Context): Promise<void> {
  const answer = await context.client.call('listTokens', {
    deadline: context.requestDeadline(),
    query: context.consistency,
  });
  await showList(context, answer, { name: (token) => token.id, table: tokenTable });
}

/** `token revoke ID`. */
export async function revoke(context: Context, args: readonly string[]): Promise<void> {
  context.refuseStale();
  const id = args[0] ?? '';
  const answer = await context.client.call('revokeToken', { deadline: context.requestDeadline(), params: { id } });
  const text = () => `token ${id}: ${answer.changed ? 'revoked' : 'unchanged'}\n`;
  await context.show({ id, ...answer }, { names: [id], text });
}
