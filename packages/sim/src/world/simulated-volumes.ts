/**
 * The volumes of one host in virtual time: images with a stamp, and with a count in place of data that whoever runs on
 * them raises. They outlive the daemon and power cuts. After a power cut the disk that they are on may be mounted
 * only some time after the daemon has started: until then there is an empty directory in its place.
 */
import type { Random } from '@n3x/core/base/random';
import type { AttachedVolume } from '@n3x/core/model/volume';
import type { ObservedVolume, VolumeAction, VolumeOutcome, VolumePort } from '@n3x/core/ports/volumes';
import type { VolumeEvent } from './observer.ts';
import type { DriverTime } from './simulated-driver.ts';

/** What the loop is told. */
export interface VolumeListener {
  observed(volumes: readonly ObservedVolume[]): void;
  done(token: number, outcome: VolumeOutcome): void;
}

interface Image {
  readonly uid: string;
  readonly pool: string;
  epoch: number;
  /** How often it was written; 0 when empty. */
  content: number;
}

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
  readonly #disk = new Map<string, Image>();
  /** What is in the directory while the disk is not mounted on it. */
  readonly #beneath = new Map<string, Image>();
  #isMounted = true;
  #listener: VolumeListener | undefined;
  #incarnation = 0;
  #power = 0;

  constructor(time: DriverTime, random: Random, onData: (uid: string, event: VolumeEvent, content: number) => void) {
    this.#time = time;
    this.#random = random;
    this.#onData = onData;
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
    if (this.#disk.size > 0 && this.#random.below(1_000) < LATE_PERMILLE) this.#isMounted = false;
  }

  /** The machine is gone. */
  discard(): void {
    this.#disk.clear();
    this.#beneath.clear();
  }

  /** Uids of the images that are on its disk. */
  images(): string[] {
    return [...this.#disk.keys()];
  }

  /**
   * What a start does to the volumes of a VM: each is stamped, and the runner opens it. Like the real one it makes an
   * empty image where one is missing: that it never comes to that is not for it to see to.
   */
  open(volumes: readonly AttachedVolume[], epoch: number): void {
    for (const { uid, pool } of volumes) {
      const image = this.#here.get(uid) ?? { uid, pool, epoch, content: 0 };
      image.epoch = epoch;
      this.#here.set(uid, image);
      this.#onData(uid, 'found', image.content);
    }
    this.#tell();
  }

  /** The guest writes on its volumes. */
  write(volumes: readonly AttachedVolume[]): void {
    for (const { uid } of volumes) {
      const image = this.#here.get(uid);
      if (image === undefined) continue;
      image.content += 1;
      this.#onData(uid, 'written', image.content);
    }
  }

  get #here(): Map<string, Image> {
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
    const found = [...this.#here.values()];
    this.#listener?.observed(found.map(({ uid, pool, epoch, content }) => ({ uid, pool, epoch, usedBytes: content })));
  }

  #perform(incarnation: number, token: number, action: VolumeAction): void {
    const power = this.#power;
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

  #do({ type, volume }: VolumeAction): VolumeOutcome {
    const { uid, pool } = volume;
    switch (type) {
      case 'create':
        // Never over what is there.
        if (!this.#here.has(uid)) this.#here.set(uid, { uid, pool, epoch: 0, content: 0 });
        return { ok: true };
      case 'remove':
        this.#here.delete(uid);
        return { ok: true };
    }
  }
}
