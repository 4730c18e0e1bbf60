/** Volumes as the cluster keeps them: what each is, which host has its data, and who wrote on it last. */
import { z } from 'zod';
import { moveFailureSchema } from './move.ts';
import { nameSchema } from './names.ts';
import { vmNameSchema } from './vm-name.ts';

/** The pool that every host has: a directory beside the state of its VMs. */
export const DEFAULT_POOL = 'default';

/** File systems that a volume may be given. */
export const fileSystemSchema = z.enum(['ext4', 'xfs', 'btrfs', 'ext2', 'ext3', 'vfat']);
/** A file system. */
export type FileSystem = z.infer<typeof fileSystemSchema>;

/** Size of a volume in MiB. */
export const volumeSizeSchema = z
  .int()
  .min(1)
  .max(64 * 1_048_576);

/** Identity of a volume: `v`, the Raft index that made it, and its number there. Never given twice. */
export const volumeUidSchema = z.string().regex(/^v\d{1,16}-\d{1,4}$/, 'the uid of a volume is like v1042-0');

/** Where the data of a volume is. */
export const volumePlaceSchema = z.strictObject({
  hostId: z.int().min(1),
  /** Name of that host, for people: it is remembered when the host is gone. */
  host: nameSchema,
  /** Raft index since which it is there. */
  since: z.int().min(1),
  /** Raft index at which the move began that brought it there; absent for data that was made where it is. */
  move: z.int().min(1).optional(),
  /** Whether it belonged to no VM when it came there. */
  alone: z.literal(true).optional(),
});
/** Where the data of a volume is. */
export type VolumePlace = z.infer<typeof volumePlaceSchema>;

const fields = {
  uid: volumeUidSchema,
  name: nameSchema,
  sizeMib: volumeSizeSchema,
  fsType: fileSystemSchema,
  pool: nameSchema,
  /** The name that its file system was labelled with, where it has had another one since. */
  madeAs: nameSchema.optional(),
  /** Absent until a host is to have it. */
  place: volumePlaceSchema.optional(),
  /** Where what it was copied from still is: it stays there until a VM has run with the copy. */
  former: volumePlaceSchema.optional(),
  /** Whether its image was made. It is made once; from then on only its place may start a VM with it. */
  created: z.boolean(),
  /** The highest epoch that is known to be stamped beside the data: that of its last writer. 0 before the first one. */
  writer: z.int().min(0),
  /** Bytes that it takes on its host's disk, as last reported. */
  usedBytes: z.int().min(0).optional(),
};

/** A volume of a VM. */
export const vmVolumeSchema = z.strictObject({
  ...fields,
  /** Whether it outlives the VM. Absent when it does not. */
  keep: z.literal(true).optional(),
});
/** A volume of a VM. */
export type VmVolume = z.infer<typeof vmVolumeSchema>;

/** A volume of no VM on its way to another host, which copies it. It is where it was until all of the copy is there. */
export const volumeMoveSchema = z.strictObject({
  /** Raft index at which it began: tells this move from any other of the same volume. */
  index: z.int().min(1),
  /** Host that holds room for it. */
  targetId: z.int().min(1),
  /** Wall clock of its beginning, for display. */
  sinceMs: z.number(),
  /** Bytes that the target has, as last reported. Absent before the first report. */
  copiedBytes: z.int().min(0).optional(),
  /** What was in the way at the last try; it is tried again. */
  problem: z.string().max(256).optional(),
});
/** A volume of no VM on its way to another host. */
export type VolumeMove = z.infer<typeof volumeMoveSchema>;

/** A volume that belongs to no VM: kept when its VM went, or on its way out. */
export const storedVolumeSchema = z.strictObject({
  kind: z.literal('volume'),
  ...fields,
  /** Name of the VM that it belonged to. */
  formerVm: vmNameSchema,
  modifiedIndex: z.int(),
  createdAtMs: z.number(),
  /** Set while its host has yet to remove it. */
  deleting: z.literal(true).optional(),
  /** Set while another host copies it. */
  moving: volumeMoveSchema.optional(),
  /** Why the last try to move it came to nothing; until it moves again. */
  moveFailure: moveFailureSchema.optional(),
});
/** A volume that belongs to no VM. */
export type StoredVolume = z.infer<typeof storedVolumeSchema>;

/** What is to be known of a volume to make it, and to find it. */
export interface HostVolume {
  readonly uid: string;
  readonly name: string;
  readonly pool: string;
  readonly sizeMib: number;
  readonly fsType: FileSystem;
}

/** A volume that a VM is to be started with. */
export interface AttachedVolume extends HostVolume {
  /** The epoch that has to be stamped beside it, or a later one. */
  readonly writer: number;
  /** The name that its file system was labelled with, where that is another. */
  readonly madeAs?: string;
}

/** Longest label by file system: mke2fs(8), mkfs.xfs(8), mkfs.btrfs(8). None for vfat, which knows capitals only. */
const LABEL_CHARACTERS = { ext2: 16, ext3: 16, ext4: 16, xfs: 12, btrfs: 255, vfat: 0 } as const;

/** The label that the file system of a volume bears; undefined when its name is too long for one. */
export function fileSystemLabel(name: string, fsType: FileSystem): string | undefined {
  return name.length <= LABEL_CHARACTERS[fsType] ? name : undefined;
}

/** A volume under another name: its file system goes on bearing the one that it was made with. */
export function renamed(volume: VmVolume, name: string): VmVolume {
  const { madeAs = volume.name, ...rest } = volume;
  return { ...rest, name, ...(madeAs === name ? {} : { madeAs }) };
}

/** The uid of the `number`-th volume that the entry at `index` makes. */
export function volumeUid(index: number, number: number): string {
  return `v${index}-${number}`;
}

/** The Raft index that made the volume. */
export function madeAt(uid: string): number {
  return Number(uid.slice(1, uid.indexOf('-')));
}

/** Whether a host other than this one has, or may have, data in it. */
export function isElsewhere(volume: Pick<VmVolume, 'created' | 'place'>, hostId: number): boolean {
  return volume.created && volume.place?.hostId !== hostId;
}
