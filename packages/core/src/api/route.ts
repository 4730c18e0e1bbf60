/** What one route is: the form of every entry of the tables. */
import type { z } from 'zod';
import type { ErrorCode } from '../base/errors.ts';

/** What a route answers when all goes well. */
export type RouteAnswer =
  /** One JSON document. `created` says that 201 stands for a new object and 200 for one that was there. */
  | { readonly type: 'json'; readonly schema: z.ZodType; readonly created?: true }
  /** Plain text, streamed. */
  | { readonly type: 'text' }
  /** Bytes of a form of their own, streamed. */
  | { readonly type: 'bytes'; readonly mediaType: string }
  /** Newline-delimited JSON, streamed; each line fits the schema. */
  | { readonly type: 'lines'; readonly schema: z.ZodType }
  /** The connection changes to raw bytes both ways (HTTP `Upgrade`). */
  | { readonly type: 'upgrade'; readonly protocol: string };

/** One route. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Parameters are written `:name`. */
  readonly path: `/${string}`;
  readonly tag:
    | 'cluster'
    | 'tokens'
    | 'hosts'
    | 'projects'
    | 'vms'
    | 'locks'
    | 'networks'
    | 'volumes'
    | 'changes'
    | 'service';
  readonly summary: string;
  readonly description?: string;
  /** Whether it changes something: it then takes a request id, and a retry with the same one takes effect once. */
  readonly changes: boolean;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  readonly answer: RouteAnswer;
  /** Codes it may answer beside {@link COMMON_ERRORS}. */
  readonly errors: readonly ErrorCode[];
}

/** Codes that any route may answer: the request is malformed, or n3xd has a defect. */
export const COMMON_ERRORS: readonly ErrorCode[] = ['N3X_INVALID', 'N3X_INTERNAL'];
