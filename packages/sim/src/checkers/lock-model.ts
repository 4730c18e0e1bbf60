/**
 * A lock as its users may see it, as a sequential machine. Claims end by themselves at any moment, so the state is
 * not who holds the lock but whose claim may still be there; what an answer says of others narrows that down. A claim
 * that is narrowed away may not show again: two holders of one slot have no order.
 */
import type { CommandResult } from '@n3x/core/machine/command';
import type { Recorded } from '../workloads/history.ts';
import type { ObjectModel } from './object-models.ts';

/** A claim that may still be there. */
interface Claim {
  readonly holder: string;
  /** Null while nobody was told. */
  readonly ticket: number | null;
  /** Null while it is not known to hold. */
  readonly token: number | null;
}

/** Claims that may still be there, by rising ticket. */
export type LockState = readonly Claim[];

/** A lock of which every acquisition names the slots. */
export const LOCK_MODEL: ObjectModel<LockState> = {
  initial: [],
  key: (claims) => claims.map(({ holder, ticket, token }) => `${holder}.${ticket}.${token}`).join(' '),
  step: (claims, recorded) => stepLock(claims, recorded),
  saysNothing,
};

/** Whether an operation without an answer may be left out: a claim may be gone, or there still, with or without it. */
function saysNothing({ operation, answer }: Recorded): boolean {
  return answer === undefined && operation.type === 'write' && operation.command.type !== 'lockAcquire';
}

function without(claims: LockState, holder: string): LockState {
  return claims.filter((claim) => claim.holder !== holder);
}

function withClaim(claims: LockState, claim: Claim): LockState {
  const order = ({ ticket }: Claim): number => ticket ?? Number.POSITIVE_INFINITY;
  return [...without(claims, claim.holder), claim].sort((a, b) => order(a) - order(b));
}

/** Whether a claim asked before `ticket`, as far as is known. */
function isEarlier(claim: Claim, ticket: number): boolean {
  return claim.ticket !== null && claim.ticket < ticket;
}

/** Every choice of `count` of `claims`; all of them when there are no more. */
function choices(claims: LockState, count: number): LockState[] {
  if (claims.length <= count) return [claims];
  const [first, ...rest] = claims;
  if (count === 0 || first === undefined) return [[]];
  return [...choices(rest, count - 1).map((chosen) => [first, ...chosen]), ...choices(rest, count)];
}

/** `holder` was told that it holds: whoever asked before it holds too or is gone, and there are slots for so many only. */
function afterHeld(
  claims: LockState,
  holder: string,
  result: CommandResult & { ok: true },
  slots: number,
): LockState[] {
  const ticket = Number(result.values?.['ticket']);
  const token = Number(result.values?.['token']);
  const own = claims.find((claim) => claim.holder === holder && claim.ticket === ticket);
  if (own?.token !== undefined && own.token !== null && own.token !== token) return [];
  const others = without(claims, holder);
  const earlier = others.filter((claim) => isEarlier(claim, ticket));
  const later = others.filter((claim) => !isEarlier(claim, ticket));
  return choices(earlier, slots - 1).map((left) => withClaim([...left, ...later], { holder, ticket, token }));
}

/** `holder` was told that it waits: all slots are taken, and the places before its own. */
function afterWaiting(
  claims: LockState,
  holder: string,
  result: CommandResult & { ok: true },
  slots: number,
): LockState[] {
  const ticket = Number(result.values?.['ticket']);
  const own = claims.find((claim) => claim.holder === holder && claim.ticket === ticket);
  if (own !== undefined && own.token !== null) return [];
  const before = without(claims, holder).filter((claim) => claim.ticket === null || isEarlier(claim, ticket));
  if (before.length < slots + Number(result.values?.['position']) - 1) return [];
  return [withClaim(claims, { holder, ticket, token: null })];
}

function afterClaim(
  claims: LockState,
  holder: string,
  result: CommandResult & { ok: true },
  slots: number,
): LockState[] {
  const after = result.values?.['state'] === 'held' ? afterHeld : afterWaiting;
  return after(claims, holder, result, slots);
}

function stepLock(claims: LockState, { operation, answer }: Recorded): readonly LockState[] {
  if (operation.type === 'read') return [claims];
  const result = answer?.type === 'written' ? answer.result : undefined;
  const { command } = operation;
  switch (command.type) {
    case 'lockAcquire': {
      const { holder, slots = 1 } = command;
      const others = without(claims, holder);
      if (result === undefined) return [withClaim(claims, { holder, ticket: null, token: null })];
      if (result.ok) return afterClaim(claims, holder, result, slots);
      return result.error.code === 'N3X_LOCKED' && !command.wait && others.length >= slots ? [others] : [];
    }
    case 'lockRenew':
    case 'lockRelease': {
      const { holder, token } = command;
      const own = claims.find((claim) => claim.holder === holder);
      if (result === undefined) return [claims];
      if (!result.ok) return result.error.code === 'N3X_LOCK_LOST' ? [without(claims, holder)] : [];
      if (own === undefined || (own.token !== token && own.ticket !== token)) return [];
      return command.type === 'lockRelease' ? [without(claims, holder)] : [claims];
    }
    case 'lockBreak': {
      const { holder = '' } = command;
      if (result === undefined) return [claims];
      if (result.ok) return claims.some((claim) => claim.holder === holder) ? [without(claims, holder)] : [];
      if (result.error.code === 'N3X_NOT_FOUND') return [[]];
      return result.error.code === 'N3X_CONFLICT' ? [without(claims, holder)] : [];
    }
    default:
      return [];
  }
}
