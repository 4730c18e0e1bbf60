/** Routes about what was on hosts before n3x: they become part of the one table in `routes.ts`. */
import { z } from 'zod';
import { nameSchema } from '../model/names.ts';
import { failoverSchema } from '../model/vm.ts';
import { vmNameSchema } from '../model/vm-name.ts';
import { CHANGE, READ } from './route-errors.ts';
import { changeQuerySchema, changeResponseSchema, vmChangeResponseSchema } from './schemas.ts';

const nameParams = z.strictObject({ name: nameSchema });

/** A microVM on a host that no VM of the cluster stands for. */
export const foundVmSchema = z.object({
  name: z.string(),
  /**
   * `foreign`: somebody else made it, or n3x handed it back. `declarative`: it belongs to the host's own NixOS
   * configuration and is left alone. `remains`: there is no runner, so it is no microVM.
   */
  kind: z.enum(['foreign', 'declarative', 'remains']),
  /** Its hypervisor's process; null when none runs. */
  pid: z.int().nullable(),
  /** What it is built from, as it says itself; null when it does not. */
  flake: z.string().nullable(),
  /** Whether `vm adopt` can take it over. */
  adoptable: z.boolean(),
  /** Why not; empty when it can. */
  reason: z.string(),
});
/** A microVM on a host that no VM of the cluster stands for. */
export type FoundVmView = z.infer<typeof foundVmSchema>;

/** One thing on a host that is left of a microVM that is gone. */
export const orphanSchema = z.object({
  kind: z.enum(['process', 'unit', 'unitSettings', 'interface', 'root', 'directory', 'image']),
  /** What it is called: a path, a unit, an interface, a process id. */
  what: z.string(),
  /** Why it has no owner. */
  why: z.string(),
  /** Whether n3x made it, as far as can be told. What it did not make is cleaned only with consent. */
  ours: z.boolean(),
});
/** One thing on a host that is left of a microVM that is gone. */
export type OrphanView = z.infer<typeof orphanSchema>;

/** What became of a request to clean. */
export const cleanedSchema = z.object({
  cleaned: z.array(orphanSchema),
  failed: z.array(z.object({ orphan: orphanSchema, message: z.string() })),
});

/** Codes of what only the host itself can answer. */
const ON_HOST = ['N3X_NOT_FOUND', 'N3X_UNREACHABLE', 'N3X_DRIVER'] as const;

/** The routes by operation id. */
export const ADOPTION_ROUTES = {
  listFound: {
    method: 'GET',
    path: '/v1/hosts/:name/found',
    tag: 'hosts',
    summary: 'MicroVMs on a host that n3x does not manage',
    changes: false,
    params: nameParams,
    answer: { type: 'json', schema: z.object({ host: z.string(), items: z.array(foundVmSchema) }) },
    errors: [...READ, ...ON_HOST],
  },
  listOrphans: {
    method: 'GET',
    path: '/v1/hosts/:name/orphans',
    tag: 'hosts',
    summary: 'What is left on a host of microVMs that are gone',
    description: 'Processes, units, interfaces, roots, directories and images without an owner. Nothing is changed.',
    changes: false,
    params: nameParams,
    answer: { type: 'json', schema: z.object({ host: z.string(), items: z.array(orphanSchema) }) },
    errors: [...READ, ...ON_HOST],
  },
  cleanOrphans: {
    method: 'POST',
    path: '/v1/hosts/:name/orphans/clean',
    tag: 'hosts',
    summary: 'Take away what is left on a host of microVMs that are gone',
    description: 'What has an owner by now stays. What n3x did not make itself stays too, unless `all` says otherwise.',
    changes: true,
    params: nameParams,
    body: z.strictObject({ all: z.boolean().default(false) }),
    answer: { type: 'json', schema: cleanedSchema.extend({ host: z.string() }) },
    errors: [...READ, ...ON_HOST],
  },
  adoptVm: {
    method: 'POST',
    path: '/v1/hosts/:name/adopt',
    tag: 'hosts',
    summary: 'Take over a microVM that is on this host, without touching its process',
    description:
      'It becomes a VM that stays on this host, with the flake that its file `flake` names. Asked again after it was cut short, it goes on where it was.',
    changes: true,
    params: nameParams,
    body: z.strictObject({
      vm: vmNameSchema,
      /** `stay` when absent: what it keeps on this host is not known. */
      failover: failoverSchema.optional(),
    }),
    answer: { type: 'json', schema: vmChangeResponseSchema },
    errors: [...CHANGE, ...ON_HOST],
  },
  releaseVm: {
    method: 'POST',
    path: '/v1/vms/:name/release',
    tag: 'vms',
    summary: 'Hand a VM back to its host as it is',
    description: 'n3x forgets it; its process runs on, with its files, as a microVM of microvm.nix.',
    changes: true,
    params: z.strictObject({ name: vmNameSchema }),
    query: changeQuerySchema,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: [...CHANGE, ...ON_HOST],
  },
} as const;
