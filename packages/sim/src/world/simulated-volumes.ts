/**
 * The volumes of one host in virtual time: images with a stamp, and with a count in place of data that whoever runs on
 * them raises. They outlive the daemon and power cuts. After a power cut the disk that they are on may be mounted
 * only some time after the daemon has started: until then there is an empty directory in its place.
 *
 * A copy is read part by part from where its source can be reached, and each part as it is at that time; parts that a try
 * before has read are compared. Parts that differ make a copy that is torn: a content that nobody ever wrote.
 */
import type { Random } from '@n3x/core/base/random';
import type { AttachedVolume } from '@n3x/core/model/volume';
import type { ObservedCopy, ObservedVolume, VolumeAction, VolumeOutcome, VolumePort } from '@n3x/core/ports/volumes';
import type { NodeId } from '@n3x/core/raft/types';
import type { VolumeEvent } from './observer.ts';
import type { DriverTime } from './simulated-driver.ts';

/** What the loop is told. */
export interface VolumeListener {
  observed(volumes: readonly ObservedVolume[], copies: readonly ObservedCopy[]): void;
  done(token: number, outcome: VolumeOutcome): void;
}

interface Image {
  readonly uid: string;
  readonly pool: string;
  epoch: number;
  /** How often it was written; 0 when empty. */
  content: number;
}

interface Copy {
  readonly uid: string;
  readonly pool: string;
  readonly move: number;
  epoch: number;
  content: number;
  /** Parts that are there. */
  parts: number;
  /** The try that read the last one. */
  attempt: string;
}

/** What a directory of volumes holds. */
class Directory {
  readonly images = new Map<string, Image>();
  readonly copies = new Map<string, Copy>();

  clear(): void {
    this.images.clear();
    this.copies.clear();
  }
}

/** What another host lets this one read of a volume now, or why it does not. */
export type Source = { readonly epoch: number; readonly content: number } | { readonly refusal: string };

/** Asks the host with this id. */
export type ReadSource = (sourceId: NodeId, uid: string, move: number) => Source;

/** Parts that a copy is read in, and ms that each takes. */
const COPY_PARTS = 4;
const PART_MS: readonly [number, number] = [20, 1_500];
/** The content of a torn copy. */
const TORN = -1_000_000;

/** A host knows its pools again: it makes nothing in a directory where the disk of one should be. */
const NOT_MOUNTED: VolumeOutcome = {
  ...{ ok: false, reason: 'PoolMissing', message: 'the disk of the simulated pool is not mounted', retriable: true },
};

/** Ms between two looks without a cause, that an action takes, and until a disk is mounted after a power cut. */
const LOOK_MS = 5_000;
const ACTION_MS: readonly [number, number] = [5, 200];
const MOUNT_MS: readonly [number, number] = [1_000, 8_000];
/** Power cuts after which the disk is mounted late, and actions that fail, in parts of a thousand. */
const LATE_PERMILLE = 400;
const FAIL_PERMILLE = 30;

/** The volumes of one host. */
export class SimulatedVolumes {
  readonly #time: DriverTime;
  readonly #random: Random;
  readonly #onData: (uid: string, event: VolumeEvent, content: number) => void;
  readonly #disk = new Directory();
  readonly #read: ReadSource;
  /** What is in the directory while the disk is not mounted on it. */
  readonly #beneath = new Directory();
  #isMounted = true;
  #listener: VolumeListener | undefined;
  #incarnation = 0;
  #power = 0;

  constructor(
    time: DriverTime,
    random: Random,
    onData: (uid: string, event: VolumeEvent, content: number) => void,
    read: ReadSource,
  ) {
    this.#time = time;
    this.#random = random;
    this.#onData = onData;
    this.#read = read;
  }

  /** A daemon starts. */
  attach(listener: VolumeListener): VolumePort {
    const incarnation = ++this.#incarnation;
    this.#listener = listener;
    this.#time.after(0, () => this.#look(incarnation));
    if (!this.#isMounted) {
      const power = this.#power;
      this.#time.after(this.#between(MOUNT_MS), () => {
        if (power === this.#power) this.#mount();
      });
    }
    return {
      perform: (token, action) => {
        if (incarnation === this.#incarnation) this.#perform(incarnation, token, action);
      },
    };
  }

  /** The daemon ends, or all that runs. What was under way when the power went has left nothing. */
  detach(kind: 'process' | 'power'): void {
    this.#incarnation++;
    this.#listener = undefined;
    if (kind === 'process') return;
    this.#power++;
    this.#mount();
    if (this.#disk.images.size > 0 && this.#random.below(1_000) < LATE_PERMILLE) this.#isMounted = false;
  }

  /** The machine is gone. */
  discard(): void {
    this.#disk.clear();
    this.#beneath.clear();
  }

  /** Uids of the images that are on its disk. */
  images(): string[] {
    return [...this.#disk.images.keys()];
  }

  /** What a reader finds of a volume now. */
  image(uid: string): { readonly epoch: number; readonly content: number } | undefined {
    return this.#here.images.get(uid);
  }

  /**
   * What a start does to the volumes of a VM: each is stamped, and the runner opens it. Like the real one it makes an
   * empty image where one is missing: that it never comes to that is not for it to see to.
   */
  open(volumes: readonly AttachedVolume[], epoch: number): void {
    for (const { uid, pool } of volumes) {
      const image = this.#here.images.get(uid) ?? { uid, pool, epoch, content: 0 };
      image.epoch = epoch;
      this.#here.images.set(uid, image);
      this.#onData(uid, 'found', image.content);
    }
    this.#tell();
  }

  /** The guest writes on its volumes. */
  write(volumes: readonly AttachedVolume[]): void {
    for (const { uid } of volumes) {
      const image = this.#here.images.get(uid);
      if (image === undefined) continue;
      image.content += 1;
      this.#onData(uid, 'written', image.content);
    }
  }

  get #here(): Directory {
    return this.#isMounted ? this.#disk : this.#beneath;
  }

  #mount(): void {
    this.#isMounted = true;
    this.#beneath.clear();
    this.#tell();
  }

  #between([from, to]: readonly [number, number]): number {
    return from + this.#random.below(to - from);
  }

  #look(incarnation: number): void {
    if (incarnation !== this.#incarnation) return;
    this.#tell();
    this.#time.after(LOOK_MS, () => this.#look(incarnation));
  }

  #tell(): void {
    const { images, copies } = this.#here;
    this.#listener?.observed(
      [...images.values()].map(({ uid, pool, epoch, content }) => ({
        uid,
        pool,
        epoch,
        usedBytes: Math.max(0, content),
      })),
      [...copies.values()].map(({ uid, pool, move, epoch, parts }) => ({
        ...{ uid, pool, move, epoch, copiedBytes: parts, isWhole: parts === COPY_PARTS },
      })),
    );
  }

  #perform(incarnation: number, token: number, action: VolumeAction): void {
    const power = this.#power;
    if (action.type === 'copy') {
      this.#copyPart(incarnation, token, action);
      return;
    }
    this.#time.after(this.#between(ACTION_MS), () => {
      if (power !== this.#power) return;
      const fails = this.#random.below(1_000) < FAIL_PERMILLE;
      const outcome: VolumeOutcome = fails
        ? { ok: false, reason: 'DiskFull', message: 'the simulated disk is full', retriable: true }
        : this.#do(action);
      if (outcome.ok) this.#tell();
      if (incarnation === this.#incarnation) this.#listener?.done(token, outcome);
    });
  }

  /** Reads the next part, until all are there or the source cannot be read. */
  #copyPart(incarnation: number, token: number, action: Extract<VolumeAction, { type: 'copy' }>): void {
    const { volume, move, sourceId } = action;
    const { uid, pool } = volume;
    const end = (outcome: VolumeOutcome): void => {
      this.#tell();
      this.#listener?.done(token, outcome);
    };
    this.#time.after(this.#between(PART_MS), () => {
      // The daemon copies: when it ends, so does that, and what was read stays.
      if (incarnation !== this.#incarnation) return;
      if (!this.#isMounted) {
        end(NOT_MOUNTED);
        return;
      }
      const source = this.#read(sourceId, uid, move);
      if ('refusal' in source) {
        end({ ok: false, reason: 'SourceUnreachable', message: source.refusal, retriable: true });
        return;
      }
      const { copies } = this.#here;
      const before = copies.get(uid);
      const attempt = `${incarnation}.${token}`;
      // What a try begins with is compared with the source; what it has read itself is not read again.
      const goesOn = before?.move === move && (before.attempt === attempt || before.content === source.content);
      const copy = goesOn ? before : { uid, pool, move, ...source, parts: 0, attempt };
      if (copy.content !== source.content) copy.content = TORN;
      copy.attempt = attempt;
      copy.parts += 1;
      copies.set(uid, copy);
      if (copy.parts >= COPY_PARTS) {
        this.#onData(uid, 'copied', copy.content);
        end({ ok: true });
      } else this.#copyPart(incarnation, token, action);
    });
  }

  #do(action: Exclude<VolumeAction, { type: 'copy' }>): VolumeOutcome {
    const { uid, pool } = action.volume;
    const { images, copies } = this.#here;
    switch (action.type) {
      case 'create':
        if (!this.#isMounted) return NOT_MOUNTED;
        // Never over what is there.
        if (!images.has(uid)) images.set(uid, { uid, pool, epoch: 0, content: 0 });
        return { ok: true };
      case 'remove': {
        const image = images.get(uid);
        images.delete(uid);
        copies.delete(uid);
        if (image !== undefined) this.#onData(uid, 'removed', image.content);
        return { ok: true };
      }
      case 'discard': {
        const copy = copies.get(uid);
        copies.delete(uid);
        if (copy !== undefined) this.#onData(uid, 'discarded', copy.content);
        return { ok: true };
      }
      case 'accept': {
        const copy = copies.get(uid);
        if (copy === undefined || copy.move !== action.move || copy.parts < COPY_PARTS) {
          if (images.has(uid)) return { ok: true };
          return { ok: false, reason: 'VolumeMissing', message: 'there is no whole copy', retriable: true };
        }
        copies.delete(uid);
        images.set(uid, { uid, pool, epoch: copy.epoch, content: copy.content });
        return { ok: true };
      }
    }
  }
}
