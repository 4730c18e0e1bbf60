/** Locks as text for people. */
import type { LockView } from '@n3x/core/api/lock-schemas';
import { formatAge, formatSpan, formatTime } from './age.ts';
import { type Column, printable, renderFields, renderTable } from './table.ts';
import type { Paint } from './terminal.ts';

/** Holders named in a cell. */
const NAMED = 3;

type Claim = LockView['waiters'][number];
type Hold = LockView['holders'][number];

function named(claims: readonly Claim[]): string {
  const names = claims.slice(0, NAMED).map((claim) => claim.holder);
  return claims.length > NAMED ? `${names.join(', ')} and ${claims.length - NAMED} more` : names.join(', ');
}

function reasons(lock: LockView): string {
  return printable([...new Set(lock.holders.map((hold) => hold.reason))].filter((text) => text !== '').join('; '));
}

function columns(paint: Paint, nowMs: number): Column<LockView>[] {
  const oldest = (lock: LockView): number => Math.min(...lock.holders.map((hold) => hold.acquiredAtMs));
  return [
    { head: 'NAME', cell: (lock) => lock.name },
    {
      head: 'HELD',
      cell: (lock) => paint(lock.free === 0 ? 'busy' : 'good', `${lock.holders.length}/${lock.slots}`),
    },
    { head: 'HOLDER', cell: (lock) => named(lock.holders) },
    { head: 'SINCE', cell: (lock) => formatAge(oldest(lock), nowMs) },
    { head: 'WAITING', cell: (lock) => String(lock.waiters.length) },
    { head: 'REASON', cell: (lock) => reasons(lock) || '-' },
    { head: 'TOKEN', wide: true, cell: (lock) => lock.holders.map((hold) => hold.token).join(', ') },
    {
      head: 'RENEWED',
      wide: true,
      cell: (lock) => lock.holders.map((hold) => formatAge(hold.renewedAtMs, nowMs)).join(', '),
    },
    { head: 'TTL', wide: true, cell: (lock) => lock.holders.map((hold) => formatSpan(hold.ttlMs)).join(', ') },
    { head: 'NEXT', wide: true, cell: (lock) => lock.waiters[0]?.holder ?? '-' },
  ];
}

/** The list of locks as a table. */
export function lockTable(locks: readonly LockView[], paint: Paint, nowMs: number, wide: boolean): string {
  return renderTable(columns(paint, nowMs), locks, wide);
}

function claimColumns(nowMs: number): Column<Claim>[] {
  return [
    { head: 'HOLDER', cell: (claim) => claim.holder },
    { head: 'TOKEN', cell: (claim) => ('token' in claim ? String((claim as Hold).token) : '-') },
    { head: 'TICKET', cell: (claim) => String(claim.ticket) },
    { head: 'ASKED', cell: (claim) => `${formatAge(claim.requestedAtMs, nowMs)} ago` },
    { head: 'RENEWED', cell: (claim) => `${formatAge(claim.renewedAtMs, nowMs)} ago` },
    { head: 'TTL', cell: (claim) => formatSpan(claim.ttlMs) },
    { head: 'REASON', cell: (claim) => printable(claim.reason) || '-' },
  ];
}

/** Everything about one lock. */
export function lockDetails(lock: LockView, nowMs: number): string {
  const fields = renderFields([
    ['Name', lock.name],
    ['Slots', `${lock.slots}, ${lock.free} free`],
    ['In use', `since ${formatTime(lock.createdAtMs)} (${formatAge(lock.createdAtMs, nowMs)} ago)`],
    ['Modified', `index ${lock.modifiedIndex}`],
  ]);
  const holders = `\nHeld by:\n${renderTable(claimColumns(nowMs), lock.holders, true)}`;
  const waiters =
    lock.waiters.length === 0 ? '' : `\nWaiting:\n${renderTable(claimColumns(nowMs), lock.waiters, true)}`;
  return `${fields}${holders}${waiters}`;
}
