/** Joins that came to nothing. */
import type { Command } from './command.ts';
import type { Transaction } from './transaction.ts';
import { done, unchanged, type Verdict } from './verdict.ts';

/**
 * `hostJoinExpired`. Takes back a join whose host never came: as if it had not been asked for, the token included. A host that
 * was lost and was to come back is lost again.
 */
export function applyHostJoinExpired(
  tx: Transaction,
  { hostId }: Extract<Command, { type: 'hostJoinExpired' }>,
): Verdict {
  const host = tx.state.host(hostId);
  if (host === undefined || host.membership !== 'joining') return unchanged();
  for (const token of tx.state.tokens()) {
    if (token.usedBy?.hostId !== hostId || token.usedBy.peerId !== host.peerId) continue;
    const { usedBy: _, ...free } = token;
    tx.putToken(free);
  }
  const cameBack = host.generation > 1 || tx.state.indexes.onHost(hostId).size > 0;
  if (cameBack) tx.putHost({ ...host, membership: 'lost', reachable: false, reachableSinceMs: tx.atMs });
  else tx.deleteHost(host);
  const message = 'was let in and did not come: its join is taken back, and its token may be used again';
  tx.event({ kind: 'host', name: host.name }, 'JoinExpired', message, 'warning');
  return done();
}
