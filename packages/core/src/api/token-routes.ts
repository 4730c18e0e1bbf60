/** The routes of join tokens; part of the table of all routes. */
import { z } from 'zod';
import { CHANGE, READ } from './route-errors.ts';
import {
  changeResponseSchema,
  listSchema,
  readQuerySchema,
  tokenCreateRequestSchema,
  tokenCreateResponseSchema,
  tokenViewSchema,
} from './schemas.ts';

const tokenParams = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{16}$/, 'a token id is 16 hex digits, the part of the token before its secret'),
});

/** Every route of join tokens by operation id. */
export const TOKEN_ROUTES = {
  listTokens: {
    method: 'GET',
    path: '/v1/tokens',
    tag: 'tokens',
    summary: 'Join tokens, without their secrets',
    changes: false,
    query: readQuerySchema,
    answer: { type: 'json', schema: listSchema(tokenViewSchema) },
    errors: READ,
  },
  createToken: {
    method: 'POST',
    path: '/v1/tokens',
    tag: 'tokens',
    summary: 'Make a join token',
    description: 'The token is shown in this answer only: the cluster keeps a hash of it.',
    changes: true,
    body: tokenCreateRequestSchema,
    answer: { type: 'json', schema: tokenCreateResponseSchema },
    errors: CHANGE,
  },
  revokeToken: {
    method: 'DELETE',
    path: '/v1/tokens/:id',
    tag: 'tokens',
    summary: 'Take a join token back',
    changes: true,
    params: tokenParams,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
} as const;
