/** Pools: the directories of a host in which volumes are, and how much of each may be given away. */
import { z } from 'zod';
import { nameSchema } from './names.ts';
import { DEFAULT_POOL } from './volume.ts';

/** How many times what a pool has may be given to volumes; their images are sparse. */
export const poolOvercommitSchema = z.number().min(0.1).max(100);

/** Most pools of a host. */
export const POOLS_MAX = 16;

/** What the host's configuration file says of a pool. */
export const poolSettingsSchema = z.strictObject({
  name: nameSchema,
  /** Its directory on the host, for people. */
  path: z.string().min(1).max(1024),
  /** MiB that may be given to volumes; without it, what the file system has. */
  capacityMib: z.int().min(0).optional(),
  /** MiB that are kept free. */
  reserveMib: z.int().min(0),
  /** 1 when absent. */
  overcommit: poolOvercommitSchema.optional(),
});
/** What the host's configuration file says of a pool. */
export type PoolSettings = z.infer<typeof poolSettingsSchema>;

/** What the host found out about a pool. */
export const poolFactsSchema = z.strictObject({
  name: nameSchema,
  /** Size of its file system in MiB. */
  sizeMib: z.int().min(0),
});
/** What the host found out about a pool. */
export type PoolFacts = z.infer<typeof poolFactsSchema>;

/** What a host says of its pools. */
export interface Pools {
  readonly settings: { readonly pools?: readonly PoolSettings[] | undefined };
  readonly facts?: { readonly pools?: readonly PoolFacts[] | undefined } | undefined;
}

/** MiB of a pool that may be given to volumes, overcommit included; undefined when the host has no such pool. */
export function poolCapacity({ settings, facts }: Pools, pool: string): number | undefined {
  // A host that says nothing of pools has the one that every host has, and has not measured it.
  if (settings.pools === undefined) return pool === DEFAULT_POOL ? Number.MAX_SAFE_INTEGER : undefined;
  const settled = settings.pools.find(({ name }) => name === pool);
  if (settled === undefined) return undefined;
  const size = settled.capacityMib ?? facts?.pools?.find(({ name }) => name === pool)?.sizeMib ?? 0;
  return Math.floor(Math.max(0, size - settled.reserveMib) * (settled.overcommit ?? 1));
}

/** Names of a host's pools, in the order of its configuration. */
export function poolNames({ settings }: Pools): string[] {
  return settings.pools?.map(({ name }) => name) ?? [DEFAULT_POOL];
}
