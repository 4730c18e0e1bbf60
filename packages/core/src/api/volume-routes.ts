/** Routes of volumes: they become part of the one table in `routes.ts`. */
import { z } from 'zod';
import { nameSchema } from '../model/names.ts';
import { volumeSchema } from '../model/vm.ts';
import { vmNameSchema } from '../model/vm-name.ts';
import { fileSystemSchema } from '../model/volume.ts';
import { CHANGE, READ } from './route-errors.ts';
import {
  changeQuerySchema,
  changeResponseSchema,
  listSchema,
  readQuerySchema,
  vmChangeResponseSchema,
  vmDeleteQuerySchema,
} from './schemas.ts';

/** What a user may call a volume: its uid, `VM.NAME`, or its name alone where that is the only one. */
export const volumeRefSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{0,126}$/, 'a volume is named by its uid, by VM.NAME, or by its name');

/**
 * What a volume is to its users. `planned`: not made yet. `attached`: of a VM. `kept`: of no VM any more.
 * `moving`: the same, and another host copies it. `deleting`: its host has yet to remove it. `lost`: its host was taken out of the cluster, and its data with it.
 */
export const volumeStateSchema = z.enum(['planned', 'attached', 'kept', 'moving', 'deleting', 'lost']);

/** A volume as clients see it. */
export const volumeViewSchema = z.object({
  uid: z.string(),
  name: z.string(),
  state: volumeStateSchema,
  /** The VM that it belongs to. */
  vm: z.string().nullable(),
  /** The VM that it belonged to, where that is gone. */
  formerVm: z.string().nullable(),
  /** The host that has its data, or is to have it. */
  host: z.string().nullable(),
  /** Whether that host is heard from. */
  reachable: z.boolean(),
  pool: z.string(),
  sizeMib: z.int(),
  fsType: fileSystemSchema,
  /** Bytes that it takes on its host's disk, as last reported. */
  usedBytes: z.int().nullable(),
  /** Epoch of its last writer; 0 when nobody ever wrote on it. */
  writer: z.int(),
  /** Raft index since which its data is where it is. */
  since: z.int().nullable(),
  /** The host that still has what it was copied from; null when there is none. */
  copiedFrom: z.string().nullable(),
  /** Of one that moves without a VM; null when it does not. */
  move: z
    .object({
      /** The host that copies it. */
      to: z.string(),
      /** Bytes that are there, as last reported. */
      copiedBytes: z.int(),
      /** What was in the way at the last try; it is tried again. Null when nothing was. */
      problem: z.string().nullable(),
    })
    .nullable(),
  /** Why the last move came to nothing; null when there was none, or it went well. */
  moveFailure: z.string().nullable(),
  /** Whether it outlives its VM. */
  keep: z.boolean(),
});
/** A volume as clients see it. */
export type VolumeView = z.infer<typeof volumeViewSchema>;

const refParams = z.strictObject({ ref: volumeRefSchema });

/** What came of a change of who a volume belongs to. */
export const volumeChangeResponseSchema = z.object({
  /** The volume as it is now; null when there is none any more, since it was never made. */
  volume: volumeViewSchema.nullable(),
  changed: z.boolean(),
  index: z.int(),
});

/** Every route of volumes by operation id. */
export const VOLUME_ROUTES = {
  listVolumes: {
    method: 'GET',
    path: '/v1/volumes',
    tag: 'volumes',
    summary: 'All volumes: of VMs, and those that outlived theirs',
    changes: false,
    query: readQuerySchema,
    answer: { type: 'json', schema: listSchema(volumeViewSchema) },
    errors: READ,
  },
  getVolume: {
    method: 'GET',
    path: '/v1/volumes/:ref',
    tag: 'volumes',
    summary: 'One volume, by its uid, by VM.NAME, or by a name that only one has',
    changes: false,
    params: refParams,
    query: readQuerySchema,
    answer: { type: 'json', schema: volumeViewSchema },
    errors: [...READ, 'N3X_NOT_FOUND', 'N3X_CONFLICT'],
  },
  deleteVolume: {
    method: 'DELETE',
    path: '/v1/volumes/:ref',
    tag: 'volumes',
    summary: 'Delete a volume that belongs to no VM, with its data',
    description: 'Answers once the wish is durable; the host that has it removes it.',
    changes: true,
    params: refParams,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  attachVolume: {
    method: 'POST',
    path: '/v1/volumes/:ref/attach',
    tag: 'volumes',
    summary: 'Give a volume of no VM to a VM that is there',
    description:
      'Under its own name, or under `name`; mounted at `mountPoint` where that is given. Refused unless the VM is stopped and ' +
      'on the host that has the volume.',
    changes: true,
    params: refParams,
    query: changeQuerySchema,
    body: z.strictObject({
      vm: vmNameSchema,
      name: nameSchema.optional(),
      mountPoint: volumeSchema.shape.mountPoint,
    }),
    answer: { type: 'json', schema: volumeChangeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  detachVolume: {
    method: 'POST',
    path: '/v1/volumes/:ref/detach',
    tag: 'volumes',
    summary: 'Take a volume from its VM; its data stays where it is, as a volume of no VM',
    description: 'Refused unless the VM is stopped.',
    changes: true,
    params: refParams,
    query: changeQuerySchema,
    answer: { type: 'json', schema: volumeChangeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  createVolume: {
    method: 'POST',
    path: '/v1/vms/:name/volumes',
    tag: 'volumes',
    summary: 'Give a VM that is there a new, empty volume',
    description: 'Its host makes it before the VM starts. Refused unless the VM is stopped.',
    changes: true,
    params: z.strictObject({ name: vmNameSchema }),
    query: changeQuerySchema,
    body: volumeSchema.omit({ from: true }),
    answer: { type: 'json', schema: volumeChangeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  moveVolume: {
    method: 'POST',
    path: '/v1/volumes/:ref/move',
    tag: 'volumes',
    summary: 'Move a volume that belongs to no VM to another host',
    description:
      'Answers once the wish is durable; the other host copies it, and the volume is there once all of it is. What it was ' +
      'copied from goes after that. One of a VM moves with its VM.',
    changes: true,
    params: refParams,
    body: z.strictObject({ host: nameSchema }),
    answer: { type: 'json', schema: volumeChangeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  cancelVolumeMove: {
    method: 'POST',
    path: '/v1/volumes/:ref/move/cancel',
    tag: 'volumes',
    summary: 'Take the move of a volume back',
    description: 'It stays where it is. Unchanged when it does not move any more.',
    changes: true,
    params: refParams,
    answer: { type: 'json', schema: volumeChangeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  deleteVm: {
    method: 'DELETE',
    path: '/v1/vms/:name',
    tag: 'vms',
    summary: 'Stop a VM and remove it with its state',
    description:
      'Answers once the wish is durable; the VM is gone when its host has removed it. Its volumes go with it, but for ' +
      'those that were to be kept; with `keepVolumes` all of them stay, as volumes of no VM.',
    changes: true,
    params: z.strictObject({ name: vmNameSchema }),
    query: vmDeleteQuerySchema,
    answer: { type: 'json', schema: changeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
  recreateVolumes: {
    method: 'POST',
    path: '/v1/vms/:name/recreate-volumes',
    tag: 'vms',
    summary: 'Let a VM begin with empty volumes in place of those with its data',
    description:
      'For a VM whose data is lost, or on a host that does not come back. All volumes, or those that are named. What it ' +
      'had stays as volumes of no VM, wherever it is. Refused while the VM runs or may run.',
    changes: true,
    params: z.strictObject({ name: vmNameSchema }),
    query: changeQuerySchema,
    body: z.strictObject({ volumes: z.array(nameSchema).min(1).max(16).optional() }),
    answer: { type: 'json', schema: vmChangeResponseSchema },
    errors: [...CHANGE, 'N3X_NOT_FOUND'],
  },
} as const;
