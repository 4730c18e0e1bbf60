/** The volume driver of a host: does what the loop asks of its volumes, and reports what it finds. */
import { volumeProblem } from '@n3x/core/host/volume-gate';
import type { DriverVm } from '@n3x/core/ports/driver';
import type { JournalPort } from '@n3x/core/ports/journal';
import type { ObservedVolume, VolumeAction, VolumeOutcome, VolumePort } from '@n3x/core/ports/volumes';
import { type Exec, exec } from '../exec.ts';
import { DriverFailure, failedOutcome } from '../microvm/failure.ts';
import { type Pool, VolumeStore } from './volume-store.ts';

/** Pause in ms between two looks at the pools. */
const LOOK_MS = 5_000;

/** How the driver is set up. */
export interface VolumeDriverOptions {
  readonly pools: readonly Pool[];
  /** Name of this host, for what is told to people. */
  readonly hostName: string;
  readonly journal: JournalPort;
  readonly own: (path: string) => Promise<void>;
  readonly onDone: (token: number, outcome: VolumeOutcome) => void;
  /** The complete list of what is in the pools, when it changed. */
  readonly onObserved: (volumes: readonly ObservedVolume[]) => void;
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

  constructor(options: VolumeDriverOptions) {
    this.#options = options;
    this.store = new VolumeStore({ pools: options.pools, exec: options.exec ?? exec, own: options.own });
  }

  /** Begins to watch; the first report follows. */
  start(): void {
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

  /** Reports nothing more. Resolves once nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    await Promise.all(this.#working);
  }

  async #perform(token: number, action: VolumeAction): Promise<void> {
    const { volume } = action;
    let outcome: VolumeOutcome = { ok: true };
    try {
      if (action.type === 'create') await this.store.create(volume);
      else await this.store.remove(volume);
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

  #report(volumes: readonly ObservedVolume[]): void {
    const text = JSON.stringify(volumes);
    if (this.#closed || text === this.#reported) return;
    this.#reported = text;
    this.#options.onObserved(volumes);
  }
}
