/** Join tokens. */
import { ERROR_CODES } from '../base/errors.ts';
import type { Token } from '../model/cluster.ts';
import type { Command } from './command.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, unchanged, type Verdict } from './verdict.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

/** Most tokens that are kept. Beyond, those that admit nobody any more go, oldest first. */
export const TOKEN_LIMIT = 1024;

/** The oldest token that is used up or expired. */
function spent(tx: Transaction): Token | undefined {
  return tx.state
    .tokens()
    .filter((token) => token.usedBy !== undefined || tx.atMs >= token.expiresAtMs)
    .sort((a, b) => a.modifiedIndex - b.modifiedIndex || (a.id < b.id ? -1 : 1))[0];
}

/** `tokenCreate`. */
export function applyTokenCreate(tx: Transaction, command: CommandOf<'tokenCreate'>): Verdict {
  const { id, secretHash, expiresAtMs, role } = command;
  const existing = tx.state.token(id);
  if (existing !== undefined) {
    if (existing.secretHash === secretHash) return unchanged();
    return no(ERROR_CODES.conflict, `join token ${id} exists: make one with another id`, { kind: 'token', name: id });
  }
  if (expiresAtMs <= tx.atMs) {
    return no(ERROR_CODES.invalid, 'the join token would expire at once: give it a longer life', {
      issues: [{ path: 'expiresAtMs', message: 'is in the past' }],
    });
  }
  if (tx.state.tokenCount >= TOKEN_LIMIT) {
    const old = spent(tx);
    if (old === undefined) {
      return no(ERROR_CODES.refused, `the cluster has ${TOKEN_LIMIT} unused join tokens: revoke some first`);
    }
    tx.deleteToken(old);
  }
  tx.putToken({
    kind: 'token',
    id,
    secretHash,
    ...(role === undefined ? {} : { role }),
    createdAtMs: tx.atMs,
    expiresAtMs,
    modifiedIndex: tx.index,
  });
  tx.event({ kind: 'token', name: id }, 'TokenCreated', role === undefined ? 'made' : `made, for a host as ${role}`);
  return done();
}

/** `tokenRevoke`. */
export function applyTokenRevoke(tx: Transaction, command: CommandOf<'tokenRevoke'>): Verdict {
  const token = tx.state.token(command.id);
  if (token === undefined) return notFound('token', command.id, '`n3xctl token list` shows those that do');
  tx.deleteToken(token);
  tx.event({ kind: 'token', name: token.id }, 'TokenRevoked', 'revoked');
  return done();
}
