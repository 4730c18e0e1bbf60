/** Commands about volumes; part of the union of all commands. */
import { z } from 'zod';
import { nameSchema } from '../model/names.ts';
import { volumeSchema } from '../model/vm.ts';
import { vmNameSchema } from '../model/vm-name.ts';
import { volumeUidSchema } from '../model/volume.ts';

const hostId = z.int().min(1);
const epoch = z.int().min(1);
const uid = z.string().min(1).max(64);

/** The commands about volumes. */
export const VOLUME_COMMANDS = [
  /** The host has made volumes of a VM that it has at this epoch. Only then may it start the VM. */
  z.strictObject({
    type: z.literal('volumesCreated'),
    hostId,
    name: vmNameSchema,
    uid,
    epoch,
    volumes: z.array(volumeUidSchema).min(1).max(16),
  }),
  /** What a host finds stamped beside its volumes, and what they take of its disk. Void for volumes placed elsewhere. */
  z.strictObject({
    type: z.literal('volumeReport'),
    hostId,
    reports: z
      .array(z.strictObject({ uid: volumeUidSchema, epoch: z.int().min(0), usedBytes: z.int().min(0) }))
      .min(1)
      .max(256),
  }),
  /** The host has removed a volume of no VM that was to go, or what a volume was copied from. */
  z.strictObject({ type: z.literal('volumeRemoved'), hostId, uid: volumeUidSchema }),
  /** A user lets a volume of no VM go. */
  z.strictObject({ type: z.literal('volumeDelete'), uid: volumeUidSchema }),
  /** A user lets a VM begin with empty volumes, all or those that are named, in place of those with its data. */
  z.strictObject({
    type: z.literal('volumeRecreate'),
    name: vmNameSchema,
    ifModifiedIndex: z.int().optional(),
    volumes: z.array(nameSchema).max(16).optional(),
  }),
  /** A volume of no VM becomes one of a VM that is there, under its own name unless `as` is another. */
  z.strictObject({
    type: z.literal('volumeAttach'),
    name: vmNameSchema,
    uid: volumeUidSchema,
    as: nameSchema.optional(),
    mountPoint: volumeSchema.shape.mountPoint,
    ifModifiedIndex: z.int().optional(),
  }),
  /** A new, empty volume for a VM that is there. */
  z.strictObject({
    type: z.literal('volumeCreate'),
    name: vmNameSchema,
    volume: volumeSchema.omit({ from: true }),
    ifModifiedIndex: z.int().optional(),
  }),
  /** The volume of a VM becomes one of no VM; its data stays where it is. */
  z.strictObject({ type: z.literal('volumeDetach'), uid: volumeUidSchema, ifModifiedIndex: z.int().optional() }),
  /** A user wants a volume of no VM on another host. */
  z.strictObject({ type: z.literal('volumeMove'), uid: volumeUidSchema, host: nameSchema }),
  /** A user takes that back; no change when it does not move any more. */
  z.strictObject({ type: z.literal('volumeMoveCancel'), uid: volumeUidSchema }),
  /** The target of a volume's move tells how far it is. */
  z.strictObject({
    type: z.literal('volumeMoveCopying'),
    hostId,
    uid: volumeUidSchema,
    /** Raft index at which the move began. */
    index: z.int(),
    copiedBytes: z.int().min(0),
    /** What is in the way; it is tried again. */
    problem: z.string().max(256).optional(),
  }),
  /** The target has a whole copy of the volume, or cannot get it. Only then is the volume there. */
  z.strictObject({
    type: z.literal('volumeMoveCopied'),
    hostId,
    uid: volumeUidSchema,
    index: z.int(),
    /** What is stamped beside the copy. */
    epoch: z.int().min(0),
    failure: z.string().max(256).optional(),
  }),
] as const;
