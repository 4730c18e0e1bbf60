/** The cluster itself, its join tokens and its event log. */
import { z } from 'zod';
import { hostRoleSchema } from './host.ts';
import { nameSchema } from './names.ts';
import { DEFAULT_STRATEGY, type Placement, type Strategy, strategySchema } from './placement.ts';
import type { Project } from './project.ts';
import { restartLeaseSchema } from './restarting.ts';

/** How the cluster looks after its voters, and where it puts VMs. */
export const clusterSettingsSchema = z.strictObject({
  /** How many hosts shall vote. Odd, because an even number bears no more failures than the odd one below it. */
  voters: z.literal([1, 3, 5, 7]),
  /**
   * For how long, in seconds, a voter must not have been heard from before another host votes in its place. A
   * host that was lost has to be heard from for as long before it is given a vote again.
   */
  replaceAfterSeconds: z.int().min(5).max(604_800),
  /** How hosts are chosen for VMs that do not say so; the default of n3x when absent. */
  strategy: strategySchema.optional(),
  /** Life of a host's lease, in seconds; see `lease-timing.ts`, also for the two below. */
  leaseTtlSeconds: z.int().min(2).max(60).optional(),
  /** By how much of a hundred the rate of any host's clock may be wrong. */
  clockErrorPercent: z.number().min(0.1).max(20).optional(),
  /** Time, in ms, that a host keeps for ending what is fenced. */
  fenceMarginMs: z.int().min(100).max(10_000).optional(),
  /** Life of the lease for an orderly restart of n3xd, in seconds, 0 for none; see `restart-lease.ts`. */
  restartLeaseSeconds: restartLeaseSchema.optional(),
});
/** How the cluster looks after its voters, and where it puts VMs. */
export type ClusterSettings = z.infer<typeof clusterSettingsSchema>;

/** Settings of a new cluster. */
export const DEFAULT_CLUSTER_SETTINGS: ClusterSettings = { voters: 3, replaceAfterSeconds: 60 };

/** One time at which the cluster went on under a new id, from a log or a backup that may not have held everything. */
export const recoverySchema = z.strictObject({
  /** The id it had until then. Whoever still has that one is refused. */
  fromClusterId: z.string().regex(/^[0-9a-f]{32}$/),
  atMs: z.number(),
  cause: z.enum(['quorumLost', 'restored']),
  /** The last index that was carried over. */
  lastIndex: z.int().min(0),
  /** Where it went on. An epoch between the two is one that this cluster knows nothing of. */
  index: z.int().min(1),
});
/** One time at which the cluster went on under a new id. */
export type Recovery = z.infer<typeof recoverySchema>;

/** Most recoveries that are remembered; the oldest goes. */
export const RECOVERIES_MAX = 64;

/** The cluster. There is one record of it. */
export const clusterSchema = z.strictObject({
  kind: z.literal('cluster'),
  /** 128 random bits in hex, made by `cluster init`; part of every peer handshake. */
  id: z.string().regex(/^[0-9a-f]{32}$/),
  name: nameSchema,
  createdAtMs: z.number(),
  modifiedIndex: z.int(),
  /** Next host id to hand out. */
  nextHostId: z.int().min(1),
  /** Next VM ordinal to hand out; vsock CIDs, MACs and tap names come from it. */
  nextVmOrdinal: z.int().min(1),
  /** Format of commands in force: what every member understands. */
  commandFormat: z.int().min(1),
  settings: clusterSettingsSchema,
  /** The longest that a leader ever had to wait for a lease to run out, in ms, if longer than by default. */
  longestLeaseMs: z.int().optional(),
  /** The host that took its turn last, of VMs that are placed in turn. */
  lastTurnHostId: z.int().min(1).optional(),
  /** Oldest first; absent when there was none. */
  recoveries: z.array(recoverySchema).max(RECOVERIES_MAX).optional(),
});
/** The cluster. */
export type Cluster = z.infer<typeof clusterSchema>;

/** How the host of a VM is chosen: as the VM says, else its project, else the cluster. */
export function strategyOf(
  cluster: Cluster | undefined,
  project: Pick<Project, 'strategy'> | undefined,
  placement: Placement,
): Strategy {
  return placement.strategy ?? project?.strategy ?? cluster?.settings.strategy ?? DEFAULT_STRATEGY;
}

/** A join token. The secret itself is never stored. */
export const tokenSchema = z.strictObject({
  kind: z.literal('token'),
  /** Public part: 16 hex digits. */
  id: z.string().regex(/^[0-9a-f]{16}$/),
  /** SHA-256 of the secret, in hex. */
  secretHash: z.string().regex(/^[0-9a-f]{64}$/),
  role: hostRoleSchema.optional(),
  createdAtMs: z.number(),
  expiresAtMs: z.number(),
  modifiedIndex: z.int(),
  /** The host that used it. */
  usedBy: z.strictObject({ hostId: z.int(), peerId: z.string() }).optional(),
});
/** A join token. */
export type Token = z.infer<typeof tokenSchema>;

/** What an event is about. */
export const eventKindSchema = z.enum([
  'cluster',
  'host',
  'vm',
  'vmset',
  'token',
  'lock',
  'network',
  'project',
  'volume',
]);

/** One line of the cluster's history. */
export const eventSchema = z.strictObject({
  kind: z.literal('event'),
  /** Position in the history: the Raft index that caused it and its place among that index's events. */
  index: z.int(),
  ordinal: z.int(),
  atMs: z.number(),
  about: z.strictObject({ kind: eventKindSchema, name: z.string() }),
  severity: z.enum(['info', 'warning', 'error']),
  /** A short stable word for programs, like `Assigned`. */
  reason: z.string().max(64),
  message: z.string().max(1024),
});
/** One line of the cluster's history. */
export type ClusterEvent = z.infer<typeof eventSchema>;
