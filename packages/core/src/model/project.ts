/** A project: VMs that belong together, with names of their own and with quotas over all of them. */
import { z } from 'zod';
import { annotationsSchema } from './names.ts';
import { strategySchema } from './placement.ts';
import { type Vm, type VmSpec, vmResources } from './vm.ts';
import { DEFAULT_PROJECT, projectNameSchema } from './vm-name.ts';

/** What quotas are over: memory and disk in MiB, disk being the sizes of all volumes. */
export const QUOTA_RESOURCES = ['vcpu', 'memoryMib', 'diskMib', 'vms'] as const;
/** What a quota is over. */
export type QuotaResource = (typeof QUOTA_RESOURCES)[number];

/** An amount of each. */
export type Amounts = Readonly<Record<QuotaResource, number>>;

/** Most projects of a cluster. */
export const PROJECTS_MAX = 1024;

const amountSchema = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** The quota over one resource. Absent: nothing is guaranteed, or there is no maximum. */
export const quotaSchema = z
  .strictObject({
    /** What no other project's VMs may take away from those that run. */
    guaranteed: amountSchema.optional(),
    /** What all VMs of the project may have together, running or not. */
    maximum: amountSchema.optional(),
  })
  .refine(
    ({ guaranteed = 0, maximum = Number.MAX_SAFE_INTEGER }) => guaranteed <= maximum,
    'more is guaranteed than the maximum',
  );
/** The quota over one resource. */
export type Quota = z.infer<typeof quotaSchema>;

/** The quotas of a project. A resource that is absent has none. */
export const quotasSchema = z.strictObject({
  vcpu: quotaSchema.optional(),
  memoryMib: quotaSchema.optional(),
  diskMib: quotaSchema.optional(),
  vms: quotaSchema.optional(),
});
/** The quotas of a project. */
export type Quotas = z.infer<typeof quotasSchema>;

const quotaChangeSchema = z.strictObject({
  guaranteed: amountSchema.nullable().optional(),
  maximum: amountSchema.nullable().optional(),
});

/** Changes of quotas: a number sets, null takes away, the rest stays. */
export const quotaChangesSchema = z.strictObject({
  vcpu: quotaChangeSchema.optional(),
  memoryMib: quotaChangeSchema.optional(),
  diskMib: quotaChangeSchema.optional(),
  vms: quotaChangeSchema.optional(),
});
/** Changes of quotas. */
export type QuotaChanges = z.infer<typeof quotaChangesSchema>;

/** A project. The one named `default` is there without a record. */
export const projectSchema = z.strictObject({
  kind: z.literal('project'),
  name: projectNameSchema,
  modifiedIndex: z.int(),
  createdAtMs: z.number(),
  quotas: quotasSchema,
  /** How hosts are chosen for its VMs that do not say so; the cluster's way when absent. */
  strategy: strategySchema.optional(),
  /** Absent when there are none. */
  annotations: annotationsSchema.optional(),
});
/** A project. */
export type Project = z.infer<typeof projectSchema>;

/** The project `default` of a cluster that has never changed it. */
export function untouchedDefault(createdAtMs: number): Project {
  return { kind: 'project', name: DEFAULT_PROJECT, modifiedIndex: 0, createdAtMs, quotas: {} };
}

/** Nothing of anything. */
export const NO_AMOUNTS: Amounts = { vcpu: 0, memoryMib: 0, diskMib: 0, vms: 0 };

/** Sizes of all volumes that n3x knows of, in MiB. */
function diskMib({ source }: Pick<VmSpec, 'source'>): number {
  if (source.kind !== 'inline') return 0;
  let sum = 0;
  for (const { sizeMib } of source.volumes) sum += sizeMib;
  return sum;
}

/**
 * What a VM takes of its project's quotas, from the moment it is asked for until it is gone, running or not. One that is
 * held because it turned out too large counts as what was asked for: it is stopped until there is room for all of it.
 */
export function quotaUse(vm: Vm): Amounts {
  const { vcpu, memoryMib } = vm.overQuota === undefined ? vmResources(vm) : vm.spec;
  return { vcpu, memoryMib, diskMib: diskMib(vm.spec), vms: 1 };
}

/** What a VM that is made from a spec takes at first. */
export function specUse(spec: VmSpec): Amounts {
  return { vcpu: spec.vcpu, memoryMib: spec.memoryMib, diskMib: diskMib(spec), vms: 1 };
}
