/** Finds what is on the host, from its own facts, and reports it when it changes. */
import { readdir } from 'node:fs/promises';
import type { DriverVm, ObservedVm } from '@n3x/core/ports/driver';
import type { Layout } from './layout.ts';
import type { Marker } from './marker.ts';
import { ProbeLoop } from './probe-loop.ts';
import { readProcess } from './process-identity.ts';
import type { RunningProcess, Supervisor } from './supervisor.ts';

/** Pauses in ms: between two looks at everything, and at the processes that are known to run. */
const FULL_LOOK_MS = 3000;
const QUICK_LOOK_MS = 250;
/** Logs are looked at for their size at every so many full looks. */
const TEND_EVERY = 5;

/** What an observer needs. */
export interface ObserverOptions {
  readonly layout: Layout;
  readonly supervisorOf: (marker: Marker) => Supervisor;
  readonly onObserved: (vms: readonly ObservedVm[]) => void;
  readonly onError: (error: unknown) => void;
}

interface Probed {
  readonly runId: string;
  readonly vm: DriverVm;
  readonly loop: ProbeLoop;
  ready: boolean;
}

/** Watches a host's VMs. */
export class Observer {
  readonly #options: ObserverOptions;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #probes = new Map<string, Probed>();
  /** Processes of the last look, by VM. */
  #running = new Map<string, number>();
  #watched = new Map<string, DriverVm>();
  #reported = '';
  #looks = 0;
  #looking: Promise<void> | null = null;
  #again = false;
  #stopped = false;

  constructor(options: ObserverOptions) {
    this.#options = options;
  }

  /** Begins to look by itself. */
  start(): void {
    this.refresh();
    this.#timers.push(setInterval(() => this.refresh(), FULL_LOOK_MS));
    this.#timers.push(setInterval(() => void this.#quickLook(), QUICK_LOOK_MS));
  }

  /** Reports nothing more. */
  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    for (const probed of this.#probes.values()) probed.loop.stop();
    this.#probes.clear();
  }

  /** Which VMs to probe, and how; replaces what was watched before. */
  watch(vms: readonly DriverVm[]): void {
    this.#watched = new Map(vms.map((vm) => [vm.name, vm]));
    this.refresh();
  }

  /** Reports the next look whatever it finds. */
  forget(): void {
    this.#reported = '';
  }

  /** Looks soon. */
  refresh(): void {
    void this.observe();
  }

  /** Looks, and resolves once what is on the host now is reported. */
  observe(): Promise<void> {
    if (this.#looking !== null) {
      // What happened after that look began needs another one.
      this.#again = true;
      return this.#looking;
    }
    this.#looking = this.#lookWhileNeeded();
    return this.#looking;
  }

  async #lookWhileNeeded(): Promise<void> {
    do {
      this.#again = false;
      try {
        if (!this.#stopped) await this.#look();
      } catch (error) {
        this.#options.onError(error);
      }
    } while (this.#again);
    this.#looking = null;
  }

  async #look(): Promise<void> {
    const { layout } = this.#options;
    const found: ObservedVm[] = [];
    const running = new Map<string, number>();
    this.#looks += 1;
    for (const name of await layout.names()) {
      const vm = await this.#lookAt(name);
      if (vm === undefined) continue;
      if (vm.process !== undefined) running.set(name, vm.process.pid);
      found.push(vm);
    }
    for (const [name, probed] of this.#probes) {
      if (running.has(name)) continue;
      probed.loop.stop();
      this.#probes.delete(name);
    }
    this.#running = running;
    this.#report(found);
  }

  async #lookAt(name: string): Promise<ObservedVm | undefined> {
    const { layout, supervisorOf } = this.#options;
    let claim = await layout.claim(name);
    let process: RunningProcess | undefined;
    if (claim.kind === 'managed') {
      const supervisor = supervisorOf(claim.marker);
      process = await supervisor.inspect(name, claim.marker);
      if (this.#looks % TEND_EVERY === 0) await supervisor.tend(name);
      // The look itself may have found that a run is over.
      claim = await layout.claim(name);
    }
    if (claim.kind === 'free') return undefined;
    const [currentRunner, bootedRunner] = [
      await layout.readLink(name, 'current'),
      await layout.readLink(name, 'booted'),
    ];
    const links = {
      ...(currentRunner === undefined ? {} : { currentRunner }),
      ...(bootedRunner === undefined ? {} : { bootedRunner }),
    };
    if (claim.kind === 'foreign') return { name, ...links, ready: false };
    const marker = await this.#noteVolumes(name, claim.marker, process);
    const { uid, epoch, builtGeneration, restarts, evaluated, lastExit } = marker;
    return {
      name,
      managed: { uid, epoch, builtGeneration, restarts },
      ...links,
      ...(process === undefined ? {} : { process }),
      ready: process !== undefined && this.#isReady(name, marker),
      ...(evaluated === undefined ? {} : { evaluated }),
      ...(lastExit === undefined ? {} : { lastExit }),
    };
  }

  /** Remembers the volume images of a running VM: from now on they hold data. */
  async #noteVolumes(name: string, marker: Marker, process: RunningProcess | undefined): Promise<Marker> {
    if (process === undefined || !this.#isReady(name, marker)) return marker;
    const images = (await readdir(this.#options.layout.directory(name))).filter((file) => file.endsWith('.img')).sort();
    if (images.join('/') === marker.volumes.join('/')) return marker;
    return await this.#options.layout.updateMarker(name, (before) => ({ ...before, volumes: images }));
  }

  /** What the probe of this run says; begins to probe where that is not done yet. */
  #isReady(name: string, marker: Marker): boolean {
    const { run } = marker;
    if (run === null) return false;
    if (run.readySeen) return true;
    const vm = this.#watched.get(name);
    const probed = this.#probes.get(name);
    if (vm === undefined || vm.uid !== marker.uid) return probed?.runId === run.id && probed.ready;
    const same =
      probed?.runId === run.id && JSON.stringify(probed.vm.spec.readiness) === JSON.stringify(vm.spec.readiness);
    if (probed !== undefined && same) return probed.ready;
    probed?.loop.stop();
    const loop = new ProbeLoop({
      vm,
      context: { consoleText: () => this.#consoleText(name) },
      onChange: (ready, lasting) => void this.#probeChanged(name, run.id, ready, lasting),
      onError: this.#options.onError,
    });
    this.#probes.set(name, { runId: run.id, vm, loop, ready: false });
    return false;
  }

  async #probeChanged(name: string, runId: string, ready: boolean, lasting: boolean): Promise<void> {
    const probed = this.#probes.get(name);
    if (probed?.runId !== runId) return;
    probed.ready = ready;
    try {
      if (ready && lasting) {
        await this.#options.layout.updateMarker(name, (marker) =>
          marker.run?.id === runId ? { ...marker, run: { ...marker.run, readySeen: true } } : marker,
        );
      }
    } catch (error) {
      this.#options.onError(error);
    }
    await this.observe();
  }

  async #consoleText(name: string): Promise<string> {
    const claim = await this.#options.layout.claim(name);
    if (claim.kind !== 'managed') return '';
    return await this.#options.supervisorOf(claim.marker).consoleText(name, claim.marker);
  }

  /** Sees quickly that a process is gone, also one that is no child of this daemon. */
  async #quickLook(): Promise<void> {
    try {
      for (const pid of this.#running.values()) {
        if ((await readProcess(pid)) === undefined) return this.refresh();
      }
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #report(vms: readonly ObservedVm[]): void {
    const text = JSON.stringify(vms);
    if (this.#stopped || text === this.#reported) return;
    this.#reported = text;
    this.#options.onObserved(vms);
  }
}
