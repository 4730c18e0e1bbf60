/**
 * Every route of the HTTP API, once: the server registers them from here, the client types its calls from
 * here, and the OpenAPI document is made from here.
 */
import type { z } from 'zod';
import { ADOPTION_ROUTES } from './adoption-routes.ts';
import { CLUSTER_ROUTES } from './cluster-routes.ts';
import { HOST_ROUTES } from './host-routes.ts';
import { LOCK_ROUTES } from './lock-routes.ts';
import { MOVE_ROUTES } from './move-routes.ts';
import { NETWORK_ROUTES } from './network-routes.ts';
import { PLACEMENT_ROUTES } from './placement-routes.ts';
import { PROJECT_ROUTES } from './project-routes.ts';
import { REVISION_ROUTES } from './revision-routes.ts';
import type { Route } from './route.ts';
import { SERVICE_ROUTES } from './service-routes.ts';
import { SET_ROUTES } from './set-routes.ts';
import { TOKEN_ROUTES } from './token-routes.ts';
import { VM_ROUTES } from './vm-routes.ts';
import { VOLUME_ROUTES } from './volume-routes.ts';

/** Every route by operation id. */
export const ROUTES = {
  ...SERVICE_ROUTES,
  ...CLUSTER_ROUTES,
  ...TOKEN_ROUTES,
  ...HOST_ROUTES,
  ...PROJECT_ROUTES,
  ...VM_ROUTES,
  ...PLACEMENT_ROUTES,
  ...MOVE_ROUTES,
  ...ADOPTION_ROUTES,
  ...REVISION_ROUTES,
  ...SET_ROUTES,
  ...VOLUME_ROUTES,
  ...LOCK_ROUTES,
  ...NETWORK_ROUTES,
} as const satisfies Readonly<Record<string, Route>>;

/** Name of a route. */
export type OperationId = keyof typeof ROUTES;

type Part<Id extends OperationId, Key extends 'params' | 'query' | 'body'> = (typeof ROUTES)[Id] extends {
  readonly [K in Key]: infer Schema extends z.ZodType;
}
  ? Schema
  : undefined;
type Out<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;
type In<Schema> = Schema extends z.ZodType ? z.input<Schema> : undefined;

/** Path parameters of a route; `undefined` for one without. */
export type RouteParams<Id extends OperationId> = Out<Part<Id, 'params'>>;
/** Query of a route as the server sees it, defaults filled in. */
export type RouteQuery<Id extends OperationId> = Out<Part<Id, 'query'>>;
/** Query of a route as a client may write it. */
export type RouteQueryInput<Id extends OperationId> = In<Part<Id, 'query'>>;
/** Body of a route as the server sees it, defaults filled in. */
export type RouteBody<Id extends OperationId> = Out<Part<Id, 'body'>>;
/** Body of a route as a client may write it. */
export type RouteBodyInput<Id extends OperationId> = In<Part<Id, 'body'>>;
/** The JSON document, or the type of one line, that a route answers. */
export type RouteResult<Id extends OperationId> = (typeof ROUTES)[Id]['answer'] extends {
  readonly schema: infer Schema extends z.ZodType;
}
  ? z.output<Schema>
  : undefined;
