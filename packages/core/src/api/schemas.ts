/**
 * What the HTTP API takes and gives. These schemas validate every request, type the server and the
 * client, and make the OpenAPI document.
 */
import { z } from 'zod';
import { ERROR_CODES } from '../base/errors.ts';
import { clusterSchema, clusterSettingsSchema, eventKindSchema, eventSchema, tokenSchema } from '../model/cluster.ts';
import { hostRoleSchema, hostSchema } from '../model/host.ts';
import { annotationChangesSchema, annotationsSchema, labelChangesSchema, nameSchema } from '../model/names.ts';
import { failoverSchema, powerSchema, vmPhaseSchema, vmSchema, vmSpecSchema } from '../model/vm.ts';
import { projectNameSchema, vmNameSchema } from '../model/vm-name.ts';

/** Header with the client's own id of a changing request; a retry carries the same one and takes effect once. */
export const REQUEST_ID_HEADER = 'n3x-request-id';
/** Header with the time, in ms, within which the server must answer. */
export const TIMEOUT_HEADER = 'n3x-timeout-ms';
/** Time, in ms, within which the server answers when the request names none. */
export const DEFAULT_TIMEOUT_MS = 10_000;
/** Protocol name of the `Upgrade` that opens a console. */
export const CONSOLE_UPGRADE = 'n3x-console';
/** Header of the answer that opens a console: `none` where it can only be read. */
export const CONSOLE_INPUT_HEADER = 'n3x-console-input';

/** Every error answer. */
export const errorResponseSchema = z.object({
  error: z.object({
    code: z.enum(ERROR_CODES),
    message: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
});

/** How fresh a read must be. `stale` answers from this host's state, also without a quorum. */
export const consistencySchema = z.enum(['linearizable', 'stale']);
/** Query of every read. */
export const readQuerySchema = z.strictObject({ consistency: consistencySchema.default('linearizable') });

/** Query of the list of VMs: those of one project, or without it all. */
export const vmListQuerySchema = readQuerySchema.extend({ project: projectNameSchema.optional() });

/** A VM as clients see it: the object and what follows from it. Its earlier builds are in its history. */
export const vmViewSchema = vmSchema.omit({ revisions: true, decision: true }).extend({
  /** Its project; `name` has it too, but for the project `default`. */
  project: z.string(),
  /** Name of the host it is assigned to. */
  hostName: z.string().nullable(),
  /** Name of the host that it moves to; absent when it does not. */
  movingTo: z.string().optional(),
  /** What becomes of it once its host is lost, said or not. */
  failover: failoverSchema,
  /** The phase as of now: `lost` when its host is not heard from. */
  phase: vmPhaseSchema,
  /** Forwarded ports with their place on the host. */
  ports: z.array(z.object({ protocol: z.enum(['tcp', 'udp']), hostPort: z.int(), guestPort: z.int() })),
});
/** A VM as clients see it. */
export type VmView = z.infer<typeof vmViewSchema>;

const amountSchema = z.object({ vcpu: z.int(), memoryMib: z.int() });

/** A pool of a host as clients see it. */
export const poolViewSchema = z.object({
  name: z.string(),
  /** Null for a host that says nothing of its pools. */
  path: z.string().nullable(),
  /** MiB that may be given to volumes, overcommit included; null where nobody has measured it. */
  capacityMib: z.int().nullable(),
  usedMib: z.int(),
  freeMib: z.int().nullable(),
  /** What is kept free; it is no part of the capacity. */
  reservedMib: z.int(),
});
/** A pool of a host as clients see it. */
export type PoolView = z.infer<typeof poolViewSchema>;

/** A host as clients see it. */
export const hostViewSchema = hostSchema.extend({
  leader: z.boolean(),
  /** What may be given to VMs, what is given, what is left. */
  capacity: amountSchema,
  used: amountSchema,
  free: amountSchema,
  /** What is kept for the host itself; it is no part of the capacity. */
  reserved: amountSchema,
  /** Its pools for volumes. */
  pools: z.array(poolViewSchema),
  /** Number of VMs assigned to it. */
  vms: z.int(),
});
/** A host as clients see it. */
export type HostView = z.infer<typeof hostViewSchema>;

/** A token as clients see it. */
export const tokenViewSchema = tokenSchema.omit({ secretHash: true }).extend({
  state: z.enum(['open', 'used', 'expired']),
  /** The host that it let in; without a name when that is in the cluster no more. */
  usedBy: z.strictObject({ hostId: z.int(), peerId: z.string(), hostName: nameSchema.optional() }).optional(),
});
/** A token as clients see it. */
export type TokenView = z.infer<typeof tokenViewSchema>;

/** A list: its items, the index it is as of, and whether it may be stale. */
export function listSchema<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), index: z.int(), stale: z.boolean() });
}

/** Body of `POST /v1/vms`. */
export const vmCreateRequestSchema = z.strictObject({
  name: vmNameSchema,
  spec: vmSpecSchema,
  power: powerSchema.default('running'),
});
/** Body of `POST /v1/vms` as a client may write it. */
export type VmCreateRequest = z.input<typeof vmCreateRequestSchema>;

/** Answer to a request that changes a VM. */
export const vmChangeResponseSchema = z.object({ vm: vmViewSchema, changed: z.boolean(), index: z.int() });
/** Answer to a request that changes a VM. */
export type VmChangeResponse = z.infer<typeof vmChangeResponseSchema>;

/** Answer to a request whose object may be gone. */
export const changeResponseSchema = z.object({ changed: z.boolean(), index: z.int() });

/** Body of a change of annotations. */
export const annotateRequestSchema = z.strictObject({ set: annotationChangesSchema });

/** The annotations of one object; `modifiedIndex` is the object's. */
export const annotationsResponseSchema = z.object({
  annotations: annotationsSchema,
  modifiedIndex: z.int(),
  index: z.int(),
  stale: z.boolean(),
});

/** The host that answers, in itself. */
export const localStatusSchema = z.object({
  version: z.string(),
  initialised: z.boolean(),
  name: z.string(),
  hostId: z.int().nullable(),
  peerId: z.string(),
  addresses: z.array(z.string()),
  role: z.enum(['follower', 'preCandidate', 'candidate', 'leader', 'none']),
  leaderId: z.int(),
  term: z.int(),
  commitIndex: z.int(),
  appliedIndex: z.int(),
  supervisor: z.enum(['systemd', 'direct']),
  /** How it makes sure of linearizable reads: `raft.reads` of its configuration. */
  reads: z.enum(['quorum', 'lease']),
  uptimeSeconds: z.number(),
  /** There when the cluster was recovered without this host: it has to join again. */
  superseded: z.literal(true).optional(),
  /** There when the other members say that this host is none of them any more. */
  takenOut: z.literal(true).optional(),
});
/** The host that answers. */
export type LocalStatus = z.infer<typeof localStatusSchema>;

/** The cluster as the answering host knows it. */
export const clusterStatusSchema = z.object({
  cluster: clusterSchema,
  local: localStatusSchema,
  leader: z.object({ id: z.int(), name: z.string() }).nullable(),
  quorum: z.object({
    voters: z.int(),
    needed: z.int(),
    reachable: z.int(),
    /** What keeps the cluster from having as many voters as it wants, in one line; null when it has them. */
    note: z.string().nullable(),
  }),
  hosts: z.array(hostViewSchema),
  vmsByPhase: z.partialRecord(vmPhaseSchema, z.int()),
  index: z.int(),
  stale: z.boolean(),
});
/** The cluster as the answering host knows it. */
export type ClusterStatus = z.infer<typeof clusterStatusSchema>;

/** Body of `POST /v1/cluster/init`. */
export const clusterInitRequestSchema = z.strictObject({ name: nameSchema.default('n3x') });
/** Body of `POST /v1/cluster/join`. */
export const clusterJoinRequestSchema = z.strictObject({
  token: z.string().min(1).max(2048),
  /** For a member whose cluster was recovered without it: join even though that cluster still has a quorum. */
  abandon: z.boolean().default(false),
});
/** Body of `POST /v1/cluster/leave`: which host; without it the one that answers. */
export const clusterLeaveRequestSchema = z.strictObject({ host: nameSchema.optional() });
/** Body of `POST /v1/cluster/settings`: what is named changes, the rest stays. */
export const clusterSetRequestSchema = clusterSettingsSchema
  .partial()
  .refine((settings) => Object.keys(settings).length > 0, 'name at least one setting');
/** Body of `POST /v1/hosts/:name/settings`: what is named changes, the rest stays. */
export const hostSetRequestSchema = z
  .strictObject({
    role: hostRoleSchema.optional(),
    labels: labelChangesSchema.optional(),
    /** True: it takes no more VMs; those that it has stay. */
    cordoned: z.boolean().optional(),
  })
  .refine((settings) => Object.keys(settings).length > 0, 'name a role, labels or cordoned');
/** Query of `DELETE /v1/hosts/:name`. */
export const hostRemoveQuerySchema = z.strictObject({
  /** Also a host that is heard from. */
  force: z.stringbool().default(false),
});
/** Answer to the removal of a host: `vms` were lost with it. */
export const hostRemoveResponseSchema = z.object({ changed: z.boolean(), index: z.int(), vms: z.int() });
/** Answer to init and join. */
export const membershipResponseSchema = z.object({
  clusterId: z.string(),
  clusterName: z.string(),
  hostId: z.int(),
  name: z.string(),
});

/** Body of `POST /v1/tokens`. */
export const tokenCreateRequestSchema = z.strictObject({
  role: hostRoleSchema.optional(),
  /** How long it may be used, in seconds; 10 s to 7 days. */
  ttlSeconds: z.int().min(10).max(604_800).default(3600),
});
/** Answer: the only time the secret is shown. */
export const tokenCreateResponseSchema = z.object({ token: z.string(), id: z.string(), expiresAtMs: z.number() });

/** Query of the logs of a VM. */
export const logsQuerySchema = z.strictObject({
  /** `console`: what the guest and its runner print; `build`: the last build. */
  kind: z.enum(['console', 'build']).default('console'),
  /** How many of the last lines; 0 for none. */
  lines: z.coerce.number().int().min(0).max(100_000).default(200),
  follow: z.stringbool().default(false),
});

/** Query of the event history. */
export const eventsQuerySchema = readQuerySchema.extend({
  limit: z.coerce.number().int().min(1).max(4096).default(100),
  /** Only events about objects of this kind, and with this name. */
  kind: eventKindSchema.optional(),
  name: z.string().max(64).optional(),
});

/** Query of a watch. */
export const watchQuerySchema = z.strictObject({
  /** Send changes after this index; a list's `index` continues where the list ended. Without it, from now on. */
  from: z.coerce.number().int().min(0).optional(),
  /** Comma-separated kinds; without it all. */
  kinds: z
    .string()
    .regex(
      /^(cluster|host|vm|vmset|token|lock|network|project|event)(,(cluster|host|vm|vmset|token|lock|network|project|event))*$/,
    )
    .optional(),
  name: z.string().max(64).optional(),
});

/** One line of a watch (newline-delimited JSON). A `bookmark` only moves the index on; it comes at least every 10 s. */
export const watchLineSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('changed'),
    index: z.int(),
    kind: z.enum(['cluster', 'host', 'vm', 'vmset', 'token', 'lock', 'network', 'project', 'volume', 'event']),
    name: z.string(),
    object: z.unknown(),
  }),
  z.object({
    type: z.literal('removed'),
    index: z.int(),
    kind: z.enum(['cluster', 'host', 'vm', 'vmset', 'token', 'lock', 'network', 'project', 'volume', 'event']),
    name: z.string(),
  }),
  z.object({ type: z.literal('bookmark'), index: z.int() }),
  /** The stream ends: list again. */
  z.object({ type: z.literal('error'), error: errorResponseSchema.shape.error }),
]);
/** One line of a watch. */
export type WatchLine = z.infer<typeof watchLineSchema>;

/** The event list. */
export const eventListSchema = listSchema(eventSchema);

/** Query of a conditional change. */
export const changeQuerySchema = z.strictObject({
  /** Refuse with a conflict unless the object's `modifiedIndex` is this. */
  ifModifiedIndex: z.coerce.number().int().min(1).optional(),
});

/** Query of the deletion of a VM. */
export const vmDeleteQuerySchema = changeQuerySchema.extend({ keepVolumes: z.enum(['true', 'false']).optional() });

/** HTTP status of each error code. */
export const HTTP_STATUS: Readonly<Record<(typeof ERROR_CODES)[keyof typeof ERROR_CODES], number>> = {
  N3X_INVALID: 400,
  N3X_NOT_FOUND: 404,
  N3X_CONFLICT: 409,
  N3X_REFUSED: 422,
  N3X_LOCKED: 423,
  N3X_LOCK_LOST: 410,
  N3X_NO_QUORUM: 503,
  N3X_TIMEOUT: 504,
  N3X_OVERLOADED: 429,
  N3X_NOT_INITIALISED: 412,
  N3X_ALREADY_MEMBER: 409,
  N3X_TOKEN_INVALID: 403,
  N3X_TOKEN_USED: 403,
  N3X_TOKEN_EXPIRED: 403,
  N3X_UNREACHABLE: 502,
  N3X_IDENTITY: 403,
  N3X_VERSION: 409,
  N3X_COMPACTED: 410,
  N3X_CORRUPT: 500,
  N3X_STORAGE: 507,
  N3X_CONFIG: 400,
  N3X_DRIVER: 500,
  N3X_INTERNAL: 500,
};
