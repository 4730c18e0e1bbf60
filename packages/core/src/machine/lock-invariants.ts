/** What must hold of locks at every applied index. Written from the rules, not from `apply`. */
import { LOCK_LIMIT, LOCK_WAITERS_MAX, type Lock } from '../model/lock.ts';
import type { ClusterState } from './state.ts';

/** What is wrong with one lock as of `index`, one line each. */
export function checkLock(lock: Lock, index: number, found: string[]): void {
  const { name, slots, holders, waiters } = lock;
  if (holders.length > slots) found.push(`lock ${name} has ${holders.length} holders and slots: ${slots}`);
  if (waiters.length > LOCK_WAITERS_MAX) found.push(`lock ${name} has ${waiters.length} waiting`);
  if (holders.length === 0) found.push(`lock ${name} is there and nobody holds it`);
  if (waiters.length > 0 && holders.length < slots) found.push(`lock ${name} has a free slot and a queue`);
  let token = 0;
  let ticket = 0;
  const names = new Set<string>();
  const tickets = new Set<number>();
  for (const hold of holders) {
    if (hold.token <= token) found.push(`lock ${name}: token ${hold.token} follows ${token}`);
    if (hold.ticket > hold.token) found.push(`lock ${name}: token ${hold.token} is older than ticket ${hold.ticket}`);
    token = hold.token;
  }
  for (const waiter of waiters) {
    if (waiter.ticket <= ticket) found.push(`lock ${name}: ticket ${waiter.ticket} follows ${ticket}`);
    ticket = waiter.ticket;
  }
  for (const claim of [...holders, ...waiters]) {
    if (names.has(claim.holder)) found.push(`lock ${name}: ${claim.holder} has two claims`);
    if (tickets.has(claim.ticket)) found.push(`lock ${name}: two claims have ticket ${claim.ticket}`);
    if (claim.renewedIndex < claim.ticket) found.push(`lock ${name}: ${claim.holder} was renewed before it asked`);
    names.add(claim.holder);
    tickets.add(claim.ticket);
    token = Math.max(token, claim.renewedIndex);
  }
  if (Math.max(token, ticket) > index) found.push(`lock ${name} knows index ${Math.max(token, ticket)} of the future`);
}

/** What is wrong with all locks. */
export function checkLocks(state: ClusterState, found: string[]): void {
  let before = '';
  let count = 0;
  for (const lock of state.locks()) {
    checkLock(lock, state.index, found);
    if (lock.name <= before) found.push(`lock ${lock.name} is listed after ${before}`);
    before = lock.name;
    count += 1;
  }
  if (count !== state.lockCount) found.push(`${count} locks are listed, ${state.lockCount} are there`);
  if (count > LOCK_LIMIT) found.push(`${count} locks are in use`);
}
