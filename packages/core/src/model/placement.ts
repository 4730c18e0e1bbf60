/** Where a VM may run and where it had better run, as the user writes it. */
import { z } from 'zod';
import { type Labels, labelKeySchema, labelsSchema, labelValueSchema, nameSchema, nixSystemSchema } from './names.ts';

/**
 * How a host is chosen of those that fit. `most-available`: where most is left. `least-available`: where least is
 * left, so that VMs fill one host after the other. `round-robin`: the hosts take turns. `manual`: never by itself.
 */
export const strategySchema = z.enum(['most-available', 'least-available', 'round-robin', 'manual']);
/** How a host is chosen of those that fit. */
export type Strategy = z.infer<typeof strategySchema>;

/** What holds where neither the VM nor the cluster names a strategy. */
export const DEFAULT_STRATEGY: Strategy = 'most-available';

/** One label with its value, as in `app=web`. */
export type LabelPair = string;

/** One label with its value, as in `app=web`. */
export const labelPairSchema = z
  .string()
  .max(127)
  .refine((text) => {
    const at = text.indexOf('=');
    return (
      at > 0 &&
      labelKeySchema.safeParse(text.slice(0, at)).success &&
      labelValueSchema.safeParse(text.slice(at + 1)).success
    );
  }, 'a label with its value is KEY=VALUE');

/** What counts as one place for a rule: a host, or all hosts of a zone. Hosts without a zone are one zone together. */
export const domainSchema = z.enum(['host', 'zone']);
/** What counts as one place for a rule. */
export type Domain = z.infer<typeof domainSchema>;

/** Most rules of one kind of one VM. */
export const RULES_MAX = 16;

const weight = z.int().min(1).max(1000);

function rules<T extends z.ZodType>(schema: T) {
  return z.array(schema).min(1).max(RULES_MAX);
}

/** At most `max` VMs with a label in one place, counting this one if it has the label. */
export const limitSchema = z.strictObject({
  label: labelPairSchema,
  per: domainSchema,
  max: z.int().min(1).max(10_000),
});
/** At most `max` VMs with a label in one place. */
export type PlacementLimit = z.infer<typeof limitSchema>;

/** A wish about the other VMs in the same place: few or many with this label. */
export const companySchema = z.strictObject({ label: labelPairSchema, per: domainSchema, weight });
/** A wish about the other VMs in the same place. */
export type CompanyWish = z.infer<typeof companySchema>;

/** Where a VM may run and where it had better run. A rule that is absent asks for nothing. */
export const placementSchema = z
  .strictObject({
    /** Name of the one host it may run on. */
    host: nameSchema.optional(),
    /** Labels its host must have. */
    requireLabels: labelsSchema.default({}),
    /** System its host must have. */
    system: nixSystemSchema.optional(),
    /** Features its host must have, such as `kvm`. */
    features: rules(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/, 'a feature is a word like kvm')).optional(),
    /** Its host must have another VM with each of these labels. The first of VMs that seek their own label is free. */
    near: rules(labelPairSchema).optional(),
    /** Its host must have no other VM with any of these labels, now and later. */
    apart: rules(labelPairSchema).optional(),
    /** Most VMs with a label on its host or in its zone, now and later. */
    limits: rules(limitSchema).optional(),
    /** The cluster's, when absent. */
    strategy: strategySchema.optional(),
    /** Labels that speak for a host. */
    prefer: rules(z.strictObject({ label: labelPairSchema, weight })).optional(),
    /** Rather few VMs with this label in one place. */
    spread: rules(companySchema).optional(),
    /** Rather many VMs with this label in one place. */
    pack: rules(companySchema).optional(),
    /** How much the cost of a host speaks against it. */
    costWeight: weight.optional(),
  })
  .superRefine((placement, context) => {
    const { strategy } = placement;
    if (strategy !== 'round-robin') return;
    for (const path of ['prefer', 'spread', 'pack', 'costWeight'] as const) {
      if (placement[path] === undefined) continue;
      context.addIssue({
        code: 'custom',
        path: [path],
        message: 'hosts that take turns are not weighed against each other',
      });
    }
  });
/** Where a VM may run and where it had better run. */
export type Placement = z.infer<typeof placementSchema>;

/**
 * The labels that were asked for last: most are asked for several times in a row. To remember those of all VMs would cost
 * every collection of garbage more than it saves.
 */
let last: { readonly labels: Labels; readonly pairs: readonly LabelPair[] } | undefined;

/** The labels as pairs. */
export function labelPairs(labels: Labels): readonly LabelPair[] {
  if (last?.labels !== labels) {
    last = { labels, pairs: Object.entries(labels).map(([key, value]) => `${key}=${value}`) };
  }
  return last.pairs;
}

/** Whether the labels hold a pair. */
export function hasPair(labels: Labels, pair: LabelPair): boolean {
  const at = pair.indexOf('=');
  const key = pair.slice(0, at);
  return Object.hasOwn(labels, key) && labels[key] === pair.slice(at + 1);
}
