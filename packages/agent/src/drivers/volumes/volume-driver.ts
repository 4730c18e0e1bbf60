/** The volume driver of a host: does what the loop asks of its volumes, and reports what it finds. */
import { volumeProblem } from '@n3x/core/host/volume-gate';
import type { DriverVm } from '@n3x/core/ports/driver';
import type { JournalPort } from '@n3x/core/ports/journal';
import type { VolumeAction, VolumeOutcome, VolumePort } from '@n3x/core/ports/volumes';
import type { NodeId } from '@n3x/core/raft/types';
import { type Exec, exec } from '../exec.ts';
import { DriverFailure, failedOutcome } from '../microvm/failure.ts';
import { Slots } from '../microvm/slots.ts';
import type { Pool } from './pool.ts';
import type { PoolMarks } from './pool-marks.ts';
import { copyVolume, type VolumeSource } from './volume-copy.ts';
import { type FoundVolumes, VolumeStore } from './volume-store.ts';

/** Pause in ms between two looks at the pools. */
const LOOK_MS = 5_000;
/** Most copies that are made here at once; others wait their turn. */
const MAX_COPIES = 2;

/** How the driver is set up. */
export interface VolumeDriverOptions {
  readonly pools: readonly Pool[];
  /** Name of this host, for what is told to people. */
  readonly hostName: string;
  readonly journal: JournalPort;
  readonly own: (path: string) => Promise<void>;
  readonly onDone: (token: number, outcome: VolumeOutcome) => void;
  /** The complete list of what is in the pools, when it changed. */
  readonly onObserved: (found: FoundVolumes) => void;
  /** How the pools are known again. */
  readonly marks?: PoolMarks;
  /** A host that a volume is to be copied from. */
  readonly source: (hostId: NodeId) => VolumeSource;
  readonly exec?: Exec;
}

/** A volume driver at work. */
export class VolumeDriver implements VolumePort {
  readonly store: VolumeStore;
  readonly #options: VolumeDriverOptions;
  readonly #unreadable = new Set<string>();
  readonly #working = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | null = null;
  #reported = '';
  #looking: Promise<void> | null = null;
  #again = false;
  #closed = false;
  readonly #slots = new Slots(MAX_COPIES);
  readonly #copies = new Set<Promise<void>>();
  #copying = new AbortController();

  constructor(options: VolumeDriverOptions) {
    this.#options = options;
    const { pools, own, marks } = options;
    this.store = new VolumeStore({ pools, exec: options.exec ?? exec, own, ...(marks === undefined ? {} : { marks }) });
  }

  /** Begins to watch; the first report follows. */
  start(): void {
    void this.#sweep();
    void this.observe();
    this.#timer = setInterval(() => void this.observe(), LOOK_MS);
  }

  /** Reports what there is, also when it has not changed: somebody new wants to know. */
  observeAgain(): void {
    this.#reported = '';
    void this.observe();
  }

  perform(token: number, action: VolumeAction): void {
    const work = this.#perform(token, action);
    this.#working.add(work);
    void work.finally(() => this.#working.delete(work));
  }

  /**
   * Makes the volumes of a VM ready for its runner, which is about to start: each is looked at once more, stamped with
   * the VM's epoch, and linked at `linkOf` its name. Rejects with a `DriverFailure`, and then nothing must start.
   */
  async attach(vm: DriverVm, linkOf: (image: string) => string): Promise<void> {
    const volumes = vm.volumes ?? [];
    for (const volume of volumes) {
      const found = await this.store.find(volume);
      const problem = volumeProblem(vm.name, volume, found, this.#options.hostName);
      if (problem !== undefined) throw new DriverFailure(problem.reason, problem.message, true);
      if (found !== undefined) await this.store.link(linkOf(`${volume.name}.img`), found.image);
    }
    for (const volume of volumes) await this.store.stamp(volume, vm.epoch);
    if (volumes.length > 0) void this.observe();
  }

  /** Looks, and resolves once what is in the pools now is reported. */
  observe(): Promise<void> {
    if (this.#looking !== null) {
      // What happened after that look began needs another one.
      this.#again = true;
      return this.#looking;
    }
    this.#looking = this.#lookWhileNeeded();
    return this.#looking;
  }

  /** Ends the copies that are under way; what is durable of them stays. Resolves once they have ended. */
  async abortCopies(): Promise<void> {
    this.#copying.abort();
    this.#copying = new AbortController();
    await Promise.all(this.#copies);
  }

  /** Reports nothing more, and ends the copies that are under way. Resolves once nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.abortCopies();
    await Promise.all(this.#working);
  }

  async #perform(token: number, action: VolumeAction): Promise<void> {
    const { volume } = action;
    let outcome: VolumeOutcome = { ok: true };
    try {
      await this.#act(action);
    } catch (error) {
      outcome = failedOutcome(error);
      if (!(error instanceof DriverFailure)) {
        const fields = { volume: volume.uid, action: action.type, error: String(error) };
        this.#options.journal.log('error', 'volume.actionFailed', fields);
      }
    }
    // What it changed is reported first: whoever hears of the end finds the facts in place.
    await this.observe();
    if (!this.#closed) this.#options.onDone(token, outcome);
  }

  async #act(action: VolumeAction): Promise<void> {
    switch (action.type) {
      case 'create':
        return await this.store.create(action.volume);
      case 'remove':
        return await this.store.remove(action.volume);
      case 'copy':
        return await this.#copy(action);
      case 'accept':
        return await this.store.accept(action.volume, action.move);
      case 'discard':
        return await this.store.discard(action.volume);
    }
  }

  async #copy({ volume, move, sourceId }: Extract<VolumeAction, { type: 'copy' }>): Promise<void> {
    const { signal } = this.#copying;
    const { store } = this;
    const copy = this.#slots.run(() =>
      copyVolume({
        ...{ store, volume, move, signal },
        source: this.#options.source(sourceId),
        onDurable: () => void this.observe(),
      }),
    );
    const settled = copy.then(
      () => undefined,
      () => undefined,
    );
    this.#copies.add(settled);
    try {
      await copy;
    } finally {
      this.#copies.delete(settled);
    }
  }

  async #sweep(): Promise<void> {
    try {
      await this.store.sweep();
    } catch (error) {
      this.#options.journal.log('error', 'volume.sweepFailed', { error: String(error) });
    }
  }

  async #lookWhileNeeded(): Promise<void> {
    do {
      this.#again = false;
      try {
        const found = await this.store.list((uid, error) => this.#isUnreadable(uid, error));
        this.#report(found);
      } catch (error) {
        this.#options.journal.log('error', 'volume.lookFailed', { error: String(error) });
      }
    } while (this.#again);
    this.#looking = null;
  }

  /** Told of once: it is looked at again and again. */
  #isUnreadable(uid: string, error: unknown): void {
    if (this.#unreadable.has(uid)) return;
    this.#unreadable.add(uid);
    this.#options.journal.log('error', 'volume.unreadable', { volume: uid, error: String(error) });
  }

  #report(found: FoundVolumes): void {
    const text = JSON.stringify(found);
    if (this.#closed || text === this.#reported) return;
    this.#reported = text;
    this.#options.onObserved(found);
  }
}
