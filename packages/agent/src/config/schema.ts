/** The keys of the configuration file, as they are written in it. Every key is described in docs/configuration.md. */

import { DEFAULT_LOOP_OPTIONS } from '@n3x/core/loop/options';
import { hostCostSchema, hostRoleSchema, overcommitSchema } from '@n3x/core/model/host';
import { flakeRefSchema, labelsSchema, nameSchema } from '@n3x/core/model/names';
import { POOLS_MAX, poolOvercommitSchema } from '@n3x/core/model/pool';
import { parseSizeMib } from '@n3x/core/model/quantity';
import { DEFAULT_POOL } from '@n3x/core/model/volume';
import { z } from 'zod';
import { refuseAddress } from './address.ts';
import { parseDurationSeconds } from './duration.ts';

/** Longest path of a Unix socket: `sun_path` of Linux holds 108 bytes with its end mark (unix(7)). */
export const SOCKET_PATH_BYTES_MAX = 107;

const path = z
  .string()
  .min(1)
  .max(1024)
  .refine((text) => !text.includes('\0'), 'a path holds no NUL');

const size = z.string().transform((text, context) => {
  const parsed = parseSizeMib(text);
  if (parsed.ok) return parsed.mib;
  context.issues.push({ code: 'custom', message: parsed.reason, input: text });
  return z.NEVER;
});

const duration = z.string().transform((text, context) => {
  const parsed = parseDurationSeconds(text);
  if (parsed.ok) return parsed.seconds;
  context.issues.push({ code: 'custom', message: parsed.reason, input: text });
  return z.NEVER;
});

function address(use: 'listen' | 'announce') {
  return z.string().superRefine((text, context) => {
    const reason = refuseAddress(text, use);
    if (reason !== null) context.addIssue({ code: 'custom', message: reason });
  });
}

/** The configuration file. */
export const fileSchema = z.strictObject({
  name: nameSchema.optional(),
  data_dir: path.default('/var/lib/n3x'),
  role: hostRoleSchema.default('auto'),
  labels: labelsSchema.default({}),
  listen: z
    .strictObject({
      addresses: z.array(address('listen')).min(1).max(8).default(['/ip4/0.0.0.0/tcp/7420']),
      announce: z.array(address('announce')).min(1).max(8).optional(),
    })
    .prefault({}),
  api: z
    .strictObject({
      socket: path.default('/run/n3x/n3xd.sock'),
      socket_group: z
        .string()
        .regex(/^(?:[a-z_][a-z0-9_-]{0,31}|\d{1,9})$/, 'a group is a name or a number')
        .optional(),
    })
    .prefault({}),
  capacity: z.strictObject({ vcpu: z.int().min(0).max(65_536).optional(), memory: size.optional() }).prefault({}),
  reserve: z.strictObject({ vcpu: z.int().min(0).max(65_536).default(0), memory: size.default(512) }).prefault({}),
  overcommit: z.strictObject({ vcpu: overcommitSchema.default(1), memory: overcommitSchema.default(1) }).prefault({}),
  cost: hostCostSchema.default(0),
  microvm: z
    .strictObject({
      state_dir: path.default('/var/lib/microvms'),
      gcroots_dir: path.default('/nix/var/nix/gcroots/microvm'),
      supervisor: z.enum(['auto', 'systemd', 'direct']).default('auto'),
    })
    .prefault({}),
  pools: z
    .array(
      z
        .strictObject({
          name: nameSchema,
          path: path.optional(),
          capacity: size.optional(),
          reserve: size.optional(),
          overcommit: poolOvercommitSchema.optional(),
        })
        .refine((pool) => pool.path !== undefined || pool.name === DEFAULT_POOL, {
          path: ['path'],
          message: `a pool has a path; only ${DEFAULT_POOL} has one by itself`,
        }),
    )
    .max(POOLS_MAX - 1)
    .refine((pools) => new Set(pools.map(({ name }) => name)).size === pools.length, 'two pools have the same name')
    .default([]),
  volumes: z.strictObject({ copy_mib_per_second: z.int().min(0).max(1_048_576).default(0) }).prefault({}),
  nix: z
    .strictObject({
      binary: path.default('nix'),
      nixpkgs: flakeRefSchema.default('github:NixOS/nixpkgs/nixos-unstable'),
      microvm: flakeRefSchema.default('github:microvm-nix/microvm.nix'),
      extra_config: z.string().max(16_384).default(''),
      build_timeout: duration.default(3600),
      max_builds: z.int().min(1).max(64).default(2),
    })
    .prefault({}),
  raft: z
    .strictObject({
      tick_ms: z.int().min(10).max(1000).default(DEFAULT_LOOP_OPTIONS.tickMs),
      heartbeat_ticks: z.int().min(1).max(100).default(DEFAULT_LOOP_OPTIONS.heartbeatTicks),
      election_ticks: z.int().min(2).max(1000).default(DEFAULT_LOOP_OPTIONS.electionTicks),
      snapshot_entries: z.int().min(100).max(10_000_000).default(DEFAULT_LOOP_OPTIONS.compactAfterEntries),
      snapshot_size: size.default(DEFAULT_LOOP_OPTIONS.compactAfterBytes / 1_048_576),
      keep_entries: z.int().min(0).max(10_000_000).default(DEFAULT_LOOP_OPTIONS.keepEntries),
      lag_entries: z.int().min(100).max(10_000_000).default(DEFAULT_LOOP_OPTIONS.lagEntries),
      lag_size: size.default(DEFAULT_LOOP_OPTIONS.lagBytes / 1_048_576),
      max_pending_requests: z.int().min(1).max(1_000_000).default(DEFAULT_LOOP_OPTIONS.maxPendingRequests),
      reads: z.enum(['quorum', 'lease']).default(DEFAULT_LOOP_OPTIONS.reads),
    })
    .superRefine((raft, context) => {
      if (raft.election_ticks < 3 * raft.heartbeat_ticks) {
        context.addIssue({
          code: 'custom',
          path: ['election_ticks'],
          message: `must be at least three times heartbeat_ticks (got ${raft.election_ticks} with ${raft.heartbeat_ticks})`,
        });
      }
      if (raft.keep_entries > raft.snapshot_entries) {
        context.addIssue({
          code: 'custom',
          path: ['keep_entries'],
          message: `must be at most snapshot_entries (got ${raft.keep_entries} with ${raft.snapshot_entries})`,
        });
      }
      if (raft.lag_entries < raft.snapshot_entries) {
        context.addIssue({
          code: 'custom',
          path: ['lag_entries'],
          message: `must be at least snapshot_entries (got ${raft.lag_entries} with ${raft.snapshot_entries})`,
        });
      }
      if (raft.lag_size < raft.snapshot_size) {
        context.addIssue({
          code: 'custom',
          path: ['lag_size'],
          message: `must be at least snapshot_size (got ${raft.lag_size}M with ${raft.snapshot_size}M)`,
        });
      }
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
      format: z.enum(['json', 'pretty']).default('json'),
    })
    .prefault({}),
});

/** The configuration file, read and with its defaults. */
export type ConfigFile = z.output<typeof fileSchema>;

/** Keys that take effect at a reload (SIGHUP). All others need a restart. A table stands for all its keys. */
export const RELOADABLE_KEYS: readonly string[] = [
  'labels',
  'capacity.vcpu',
  'capacity.memory',
  'reserve.vcpu',
  'reserve.memory',
  'overcommit.vcpu',
  'overcommit.memory',
  'cost',
  'volumes.copy_mib_per_second',
  'nix.binary',
  'nix.nixpkgs',
  'nix.microvm',
  'nix.extra_config',
  'nix.build_timeout',
  'nix.max_builds',
  'log.level',
];

/** One key of the file. */
export interface ConfigKey {
  /** `listen.addresses`, for one. */
  readonly key: string;
  /** Its default as it would be written; undefined when it has none. */
  readonly fallback: unknown;
  /** Whether a reload applies it. */
  readonly reloadable: boolean;
}

/** Every key of the file, in the file's order. */
export function configKeys(): ConfigKey[] {
  const keys: ConfigKey[] = [];
  for (const [name, schema] of Object.entries(fileSchema.shape)) {
    const table = schema instanceof z.ZodPrefault ? schema.unwrap() : schema;
    if (table instanceof z.ZodObject) {
      for (const [inner, value] of Object.entries(table.shape)) keys.push(configKey(`${name}.${inner}`, value));
    } else keys.push(configKey(name, schema));
  }
  return keys;
}

function configKey(key: string, schema: z.core.$ZodType): ConfigKey {
  const fallback = schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined;
  return { key, fallback, reloadable: RELOADABLE_KEYS.includes(key) };
}
