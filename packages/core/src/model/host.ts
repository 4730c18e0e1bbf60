/** A host: one n3xd with its data directory. */
import { z } from 'zod';
import { drainSchema } from './drain.ts';
import { annotationsSchema, type Labels, labelsSchema, nameSchema, nixSystemSchema } from './names.ts';
import { POOLS_MAX, poolFactsSchema, poolSettingsSchema } from './pool.ts';
import { restartingSchema } from './restarting.ts';

/**
 * What the host is wanted to be. `server`: it votes before others do. `agent`: it follows the log and never
 * votes. `auto`: it votes when the cluster needs it to.
 */
export const hostRoleSchema = z.enum(['server', 'agent', 'auto']);
/** What the host is wanted to be. */
export type HostRole = z.infer<typeof hostRoleSchema>;

/** What a host found out about itself. */
export const hostFactsSchema = z.strictObject({
  system: nixSystemSchema,
  /** Logical CPUs. */
  vcpu: z.int().min(1),
  /** Physical memory in MiB. */
  memoryMib: z.int().min(1),
  /** What it can do: `kvm` (seen to work), `microvm` (the host module is there), `nix`, `systemd`. */
  features: z.array(z.string().max(32)).max(64),
  kernel: z.string().max(128),
  n3xVersion: z.string().max(32),
  /** Formats of commands this build can apply: the lowest and the highest. */
  commandFormats: z.tuple([z.int(), z.int()]),
  /** Whether its dead-man's switch was seen to arm, and by what or why not. Absent before that was tried. */
  fence: z.strictObject({ works: z.boolean(), message: z.string().max(256) }).optional(),
  /** Its pools as it finds them. Absent when it has not looked. */
  pools: z.array(poolFactsSchema).max(POOLS_MAX).optional(),
});
/** What a host found out about itself. */
export type HostFacts = z.infer<typeof hostFactsSchema>;

/** How many times what a host has may be given to VMs. */
export const overcommitSchema = z.number().min(0.1).max(100);
/** What a host costs to run on. */
export const hostCostSchema = z.number().min(0).max(1_000_000);

/** What the host's configuration file says of it. */
export const hostSettingsSchema = z.strictObject({
  role: hostRoleSchema,
  labels: labelsSchema,
  /** What may be given to VMs; without it, what the facts say. */
  capacity: z.strictObject({ vcpu: z.int().min(0).optional(), memoryMib: z.int().min(0).optional() }),
  /** What is kept for the host itself. */
  reserve: z.strictObject({ vcpu: z.int().min(0), memoryMib: z.int().min(0) }),
  /** How many times what there is may be given to VMs; 1 when absent. */
  overcommit: z.strictObject({ vcpu: overcommitSchema.optional(), memory: overcommitSchema.optional() }).optional(),
  /** Its pools for volumes; absent for one that says nothing of them. */
  pools: z.array(poolSettingsSchema).max(POOLS_MAX).optional(),
  /** What it costs to run on, in any unit that all hosts share; 0 when absent. */
  cost: hostCostSchema.optional(),
});
/** What the host's configuration file says of it. */
export type HostSettings = z.infer<typeof hostSettingsSchema>;

/**
 * Where the host stands in the Raft group, as of the last applied configuration. `lost`: the cluster was recovered
 * or restored without it; it is known by name and key, has its VMs, and is in only once it has joined again.
 */
export const membershipSchema = z.enum(['joining', 'learner', 'voter', 'leaving', 'lost']);
/** Where the host stands in the Raft group. */
export type Membership = z.infer<typeof membershipSchema>;

/** A host. */
export const hostSchema = z.strictObject({
  kind: z.literal('host'),
  /** Its Raft node id: positive, never reused. */
  id: z.int().min(1),
  name: nameSchema,
  uid: z.string(),
  generation: z.int(),
  modifiedIndex: z.int(),
  createdAtMs: z.number(),
  /** libp2p peer id: the host's Ed25519 identity. */
  peerId: z.string().max(128),
  /** Multiaddrs without the peer id. */
  addresses: z.array(z.string().max(256)).max(16),
  settings: hostSettingsSchema,
  /** Absent until its first report. */
  facts: hostFactsSchema.optional(),
  membership: membershipSchema,
  /** Whether the leader hears from it. Judged by the leader, for display and placement, never for safety. */
  reachable: z.boolean(),
  /** Wall clock of that judgement; that of the join, exactly, while the host was never lost. */
  reachableSinceMs: z.number(),
  /** Wall clock since when it takes no more VMs, by an operator's will. Absent when it does. */
  cordonedSinceMs: z.number().optional(),
  /** Set while it is to be, or has been, emptied. */
  drain: drainSchema.optional(),
  /** Set while it holds, or may hold, the longer lease of a restart. */
  restarting: restartingSchema.optional(),
  /** Labels that were set by hand; they stand before those of the configuration file. Absent when there are none. */
  ownLabels: labelsSchema.optional(),
  /** Absent when there are none. */
  annotations: annotationsSchema.optional(),
});
/** A host. */
export type Host = z.infer<typeof hostSchema>;

/** All labels of a host: those of its configuration file, and before them those set by hand. */
export function hostLabels(host: Host): Labels {
  return host.ownLabels === undefined ? host.settings.labels : { ...host.settings.labels, ...host.ownLabels };
}

/** Key of the label that names a host's failure domain. */
export const ZONE_LABEL = 'zone';

/** The failure domain of a host; empty for one that names none. */
export function hostZone(host: Host): string {
  return hostLabels(host)[ZONE_LABEL] ?? '';
}

/** Whether the leader has ever taken the host for lost. */
export function wasLost(host: Host): boolean {
  return host.reachableSinceMs !== host.createdAtMs;
}

/** An amount of what hosts have and VMs take. */
export interface Resources {
  readonly vcpu: number;
  readonly memoryMib: number;
}

function given(has: number, reserve: number, overcommit: number | undefined): number {
  return Math.floor(Math.max(0, has - reserve) * (overcommit ?? 1));
}

/** What of a host may be given to VMs, overcommit included. Nothing before its first report. */
export function hostCapacity(host: Host): { vcpu: number; memoryMib: number } {
  const { facts, settings } = host;
  if (facts === undefined) return { vcpu: 0, memoryMib: 0 };
  const { capacity, reserve, overcommit } = settings;
  return {
    vcpu: given(capacity.vcpu ?? facts.vcpu, reserve.vcpu, overcommit?.vcpu),
    memoryMib: given(capacity.memoryMib ?? facts.memoryMib, reserve.memoryMib, overcommit?.memory),
  };
}
