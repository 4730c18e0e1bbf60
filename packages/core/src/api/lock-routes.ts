/** The routes of locks; part of the table of all routes. */
import { z } from 'zod';
import { nameSchema } from '../model/names.ts';
import {
  lockAcquireRequestSchema,
  lockBreakRequestSchema,
  lockBreakResponseSchema,
  lockClaimResponseSchema,
  lockTokenRequestSchema,
  lockViewSchema,
} from './lock-schemas.ts';
import { CHANGE, READ } from './route-errors.ts';
import { changeResponseSchema, listSchema, readQuerySchema } from './schemas.ts';

const nameParams = z.strictObject({ name: nameSchema });

/** Every route of locks by operation id. */
export const LOCK_ROUTES = {
  listLocks: {
    method: 'GET',
    path: '/v1/locks',
    tag: 'locks',
    summary: 'Locks in use, with their holders and queues',
    changes: false,
    query: readQuerySchema,
    answer: { type: 'json', schema: listSchema(lockViewSchema) },
    errors: READ,
  },
  getLock: {
    method: 'GET',
    path: '/v1/locks/:name',
    tag: 'locks',
    summary: 'One lock; not found when nobody holds it',
    changes: false,
    params: nameParams,
    query: readQuerySchema,
    answer: { type: 'json', schema: lockViewSchema },
    errors: [...READ, 'N3X_NOT_FOUND'],
  },
  acquireLock: {
    method: 'POST',
    path: '/v1/locks/:name/acquire',
    tag: 'locks',
    summary: 'Claim a slot of a lock, or renew the claim that the holder has',
    description:
      'With `wait` a lock that others hold answers `waiting` at once. Asked again under the same holder, which keeps the ' +
      'place in the queue, it answers when a slot is had, at the latest after a third of `ttlMs` or shortly before the time ' +
      'of the request is up. Whatever the lock protects must stop `holdMs` after the request was first sent, unless a renewal came through.',
    changes: true,
    params: nameParams,
    body: lockAcquireRequestSchema,
    answer: { type: 'json', schema: lockClaimResponseSchema },
    errors: [...CHANGE, 'N3X_LOCKED', 'N3X_LOCK_LOST'],
  },
  renewLock: {
    method: 'POST',
    path: '/v1/locks/:name/renew',
    tag: 'locks',
    summary: 'Renew a claim',
    changes: true,
    params: nameParams,
    body: lockTokenRequestSchema,
    answer: { type: 'json', schema: lockClaimResponseSchema },
    errors: [...CHANGE, 'N3X_LOCK_LOST'],
  },
  releaseLock: {
    method: 'POST',
    path: '/v1/locks/:name/release',
    tag: 'locks',
    summary: 'Give a slot back, or a place in the queue',
    changes: true,
    params: nameParams,
    body: lockTokenRequestSchema,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: [...CHANGE, 'N3X_LOCK_LOST'],
  },
  breakLock: {
    method: 'POST',
    path: '/v1/locks/:name/break',
    tag: 'locks',
    summary: "End somebody else's claim, with a reason",
    description:
      'The holder learns of it when it next renews. Until then two may believe that they hold the lock: only what ' +
      'compares fencing tokens is safe from that.',
    changes: true,
    params: nameParams,
    body: lockBreakRequestSchema,
    answer: { type: 'json', schema: lockBreakResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
} as const;
