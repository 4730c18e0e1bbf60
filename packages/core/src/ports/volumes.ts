/**
 * The volumes of one host: images in the directories of its pools, each with a stamp beside it that says which volume
 * it is and who wrote on it last. Actions are messages: `perform` returns at once and the outcome comes back to the
 * loop as a `volumeDone` input, after a `volumesObserved` input that shows what it did. Every action may be repeated.
 */
import type { HostVolume } from '../model/volume.ts';
import type { NodeId } from '../raft/types.ts';
import type { DriverOutcome } from './driver.ts';

/** One piece of work on one volume. At most one per volume is under way at a time. */
export type VolumeAction =
  /** Make the image, empty and with its file system, stamped as never written. Never where there is anything already. */
  | { readonly type: 'create'; readonly volume: HostVolume }
  /** Remove image and stamp, and what there is of a copy. */
  | { readonly type: 'remove'; readonly volume: Pick<HostVolume, 'uid' | 'pool'> }
  /**
   * Make a copy of what `sourceId` has, for the move that began at Raft index `move`. It goes on where a try before it for the
   * same move has stopped; a copy that was made for another move is thrown away first. The copy is no volume until it is
   * accepted. It ends once all of it, with the stamp of the source, is durable and each of its bytes was compared.
   */
  | { readonly type: 'copy'; readonly volume: HostVolume; readonly move: number; readonly sourceId: NodeId }
  /** Make the whole copy of this move the volume, in place of an older one. Nothing when it is that already. */
  | { readonly type: 'accept'; readonly volume: HostVolume; readonly move: number }
  /** Remove the copy, and nothing but it. */
  | { readonly type: 'discard'; readonly volume: Pick<HostVolume, 'uid' | 'pool'> };

/** A volume as it is found on the host, read from its disk and never from memory alone. */
export interface ObservedVolume {
  readonly uid: string;
  readonly pool: string;
  /** What is stamped beside the image: the epoch of its last writer, 0 before the first. */
  readonly epoch: number;
  /** Bytes that image takes of the disk; less than its size while it is sparse. */
  readonly usedBytes: number;
}

/** A copy of a volume that is being made, or was made and not accepted. At most one of each volume. */
export interface ObservedCopy {
  readonly uid: string;
  readonly pool: string;
  /** Raft index of the move that it is made for. */
  readonly move: number;
  /** What is stamped beside the image that it is made of. */
  readonly epoch: number;
  /** Bytes of the image that are durable here, holes included. */
  readonly copiedBytes: number;
  /** Whether all of it is. */
  readonly isWhole: boolean;
}

/** What the host can do about volumes. */
export interface VolumePort {
  /** `token` comes back in the `volumeDone` input. */
  perform(token: number, action: VolumeAction): void;
}

/** How work on a volume ended. */
export type VolumeOutcome = DriverOutcome;
