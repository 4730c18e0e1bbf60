/** Commands about sets of VMs; part of the union of all commands. */
import { z } from 'zod';
import { vmNameSchema } from '../model/vm-name.ts';
import { maxUnavailableSchema, onFailureSchema, replicasSchema, templateSchema } from '../model/vm-set.ts';

const uid = z.string().min(1).max(40);
const ordinal = z.int().min(0);
const ifGeneration = z.int().optional();

/** One step of the leader's set controller; `apply` judges each by itself, whatever the leader believed. */
export const setStepSchema = z.discriminatedUnion('type', [
  /** Makes the member with this number. */
  z.strictObject({ type: z.literal('create'), ordinal }),
  /** Takes a member away that is one too many, or that was lost with its host. */
  z.strictObject({ type: z.literal('remove'), ordinal }),
  /** Brings a member to the template's revision of this number. */
  z.strictObject({ type: z.literal('update'), ordinal, template: z.int().min(1) }),
  /** Restarts a member that has yet to be restarted. */
  z.strictObject({ type: z.literal('restart'), ordinal }),
  /** Notes that all is as asked. */
  z.strictObject({ type: z.literal('settle') }),
  /** Forgets a set that is to be deleted and has no members left. */
  z.strictObject({ type: z.literal('forget') }),
]);
/** One step of the leader's set controller. */
export type SetStep = z.infer<typeof setStepSchema>;

/** The commands about sets. */
export const VM_SET_COMMANDS = [
  /** Same name and the same wishes: no change; others: conflict. */
  z.strictObject({
    type: z.literal('vmSetCreate'),
    name: vmNameSchema,
    uid,
    template: templateSchema,
    replicas: replicasSchema,
    maxUnavailable: maxUnavailableSchema,
    onFailure: onFailureSchema,
    /** Its members are made and not started. */
    power: z.literal('stopped').optional(),
  }),
  z.strictObject({ type: z.literal('vmSetScale'), name: vmNameSchema, replicas: replicasSchema, ifGeneration }),
  /** Another template, brought to the members a few at a time. */
  z.strictObject({
    type: z.literal('vmSetUpdate'),
    name: vmNameSchema,
    template: templateSchema,
    rebuild: z.boolean(),
    maxUnavailable: maxUnavailableSchema.optional(),
    onFailure: onFailureSchema.optional(),
    ifGeneration,
  }),
  /** Back to the last revision of the template that every member was ready with, or to one by its number. */
  z.strictObject({ type: z.literal('vmSetRollback'), name: vmNameSchema, to: z.int().min(1).optional(), ifGeneration }),
  /** Starts or stops all members at once, or restarts them a few at a time. */
  z.strictObject({
    type: z.literal('vmSetRun'),
    name: vmNameSchema,
    action: z.enum(['start', 'stop', 'restart']),
    ifGeneration,
  }),
  /** The set goes with all its VMs. With `keepVolumes` their volumes stay, as volumes of no VM. */
  z.strictObject({
    type: z.literal('vmSetDelete'),
    name: vmNameSchema,
    keepVolumes: z.boolean().optional(),
    ifGeneration,
  }),
  z.strictObject({ type: z.literal('vmSetStep'), name: vmNameSchema, uid, step: setStepSchema }),
] as const;
