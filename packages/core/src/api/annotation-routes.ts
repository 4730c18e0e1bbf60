/** The two routes of annotations, the same for every kind of object that has them. */
import type { z } from 'zod';
import type { Route } from './route.ts';
import { CHANGE, READ } from './route-errors.ts';
import {
  annotateRequestSchema,
  annotationsResponseSchema,
  changeQuerySchema,
  changeResponseSchema,
  readQuerySchema,
} from './schemas.ts';

/** The routes at `path`; `what` is an object of that kind in words, `a host`. */
export function annotationRoutes<Path extends Route['path'], Tag extends Route['tag'], Params extends z.ZodObject>(
  path: Path,
  tag: Tag,
  what: string,
  params: Params,
) {
  return {
    read: {
      method: 'GET',
      path,
      tag,
      params,
      query: readQuerySchema,
      changes: false,
      summary: `Annotations of ${what}`,
      answer: { type: 'json', schema: annotationsResponseSchema },
      errors: [...READ, 'N3X_NOT_FOUND'],
    },
    change: {
      method: 'POST',
      path,
      tag,
      params,
      query: changeQuerySchema,
      changes: true,
      summary: `Set and take away annotations of ${what}`,
      description: 'A text sets an annotation, null takes it away, the others stay. n3x never reads them.',
      body: annotateRequestSchema,
      answer: { type: 'json', schema: changeResponseSchema },
      errors: [...CHANGE, 'N3X_NOT_FOUND'],
    },
  } as const;
}
