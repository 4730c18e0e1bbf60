/** A set of VMs of one template: as many as are asked for, each at the same revision of the template once all is done. */
import { z } from 'zod';
import { LABELS_MAX } from './names.ts';
import { REVISIONS_MAX } from './revision.ts';
import { type Vm, type VmSpec, vmSpecSchema } from './vm.ts';
import { localName, vmNameSchema } from './vm-name.ts';

/** Most VMs of one set. */
export const REPLICAS_MAX = 256;

/** Weight of the wish that the VMs of a set be on different hosts. */
const SPREAD_WEIGHT = 100;

/** Key of the label that every member has; its value is the name of the set. */
export const SET_LABEL = 'n3x/set';

/** How many VMs a set shall have. */
export const replicasSchema = z.int().min(0).max(REPLICAS_MAX);

/** How many members an update may have down at once. */
export const maxUnavailableSchema = z.int().min(1).max(REPLICAS_MAX);

/** What follows when an update fails on a member. `pause`: nothing, until somebody decides. */
export const onFailureSchema = z.enum(['pause', 'rollback']);
/** What follows when an update fails on a member. */
export type OnFailure = z.infer<typeof onFailureSchema>;

/** A template. Members have a label and a wish more than it says, so there has to be room for the label. */
export const templateSchema = vmSpecSchema.refine(
  ({ labels }) => Object.keys(labels).length < LABELS_MAX,
  `the VMs of a set have at most ${LABELS_MAX - 1} labels of their own`,
);

/** One state of the template. Numbers only ever grow; going back is to go on with an earlier number. */
export const templateRevisionSchema = z.strictObject({
  number: z.int().min(1),
  atMs: z.number(),
  template: templateSchema,
  /** Counts the requests to build the same source anew; 0 when absent. */
  rebuilds: z.int().min(1).optional(),
  /** `pending`: not every member has been seen ready with it. `failed`: a member did not get ready with it. */
  outcome: z.enum(['pending', 'ready', 'failed', 'replaced']),
  message: z.string().max(1024).optional(),
});
/** One state of the template. */
export type TemplateRevision = z.infer<typeof templateRevisionSchema>;

/** A set of VMs. */
export const vmSetSchema = z.strictObject({
  kind: z.literal('vmset'),
  /** Shares its names with the VMs. Members are called NAME-0, NAME-1 and so on. */
  name: vmNameSchema,
  uid: z.string(),
  /** Counts changes of what is asked for. */
  generation: z.int(),
  modifiedIndex: z.int(),
  createdAtMs: z.number(),
  replicas: replicasSchema,
  /** Members with this number or a higher one are gone. */
  span: replicasSchema,
  maxUnavailable: maxUnavailableSchema,
  onFailure: onFailureSchema,
  /** Its members, those to come among them, are to be stopped; absent while they are to run. */
  power: z.literal('stopped').optional(),
  /** Counts the requests to restart all members, a few at a time; 0 when absent. */
  restarts: z.int().min(1).optional(),
  /** Number of the revision that members shall have. */
  current: z.int().min(1),
  /** Number of the revision that members are made with, and that a failed update goes back to. */
  good: z.int().min(1),
  /** By rising number; holds `current` and `good`. */
  revisions: z
    .array(templateRevisionSchema)
    .min(1)
    .max(REVISIONS_MAX + 2),
  deleting: z.boolean(),
});
/** A set of VMs. */
export type VmSet = z.infer<typeof vmSetSchema>;

/** Name of a member. */
export function memberName(set: string, ordinal: number): string {
  return `${set}-${ordinal}`;
}

/** The revision with a number. */
export function templateRevision(set: VmSet, number: number): TemplateRevision | undefined {
  return set.revisions.find((revision) => revision.number === number);
}

/** What is asked of each member: the template, with a label that names the set, spread over hosts unless it says how. */
export function memberSpec(set: string, template: VmSpec): VmSpec {
  const { placement } = template;
  const own = placement.spread !== undefined || placement.pack !== undefined;
  const bound = placement.host !== undefined || placement.strategy === 'round-robin' || placement.strategy === 'manual';
  const spread = [{ label: `${SET_LABEL}=${localName(set)}`, per: 'host' as const, weight: SPREAD_WEIGHT }];
  return {
    ...template,
    labels: { ...template.labels, [SET_LABEL]: localName(set) },
    placement: own || bound ? placement : { ...placement, spread },
  };
}

/** Whether a VM is a member of this very set. */
export function isMember(set: VmSet, vm: Vm | undefined): vm is Vm & { memberOf: NonNullable<Vm['memberOf']> } {
  return vm?.memberOf !== undefined && vm.memberOf.uid === set.uid;
}
