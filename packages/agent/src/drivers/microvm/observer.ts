/** Finds what is on the host, from its own facts, and reports it when it changes. */
import { readdir } from 'node:fs/promises';
import type { DriverVm, LastExit, ObservedVm } from '@n3x/core/ports/driver';
import type { Exec } from '../exec.ts';
import type { Layout } from './layout.ts';
import type { Marker, Run } from './marker.ts';
import type { ProbeContext } from './probe.ts';
import { type Condition, ProbeLoop, UNASKED } from './probe-loop.ts';
import { readProcess } from './process-identity.ts';
import type { RunningProcess, Supervisor } from './supervisor.ts';

/** Pauses in ms: between two looks at everything, and at the processes that are known to run. */
const FULL_LOOK_MS = 3000;
const QUICK_LOOK_MS = 250;
/** Logs are looked at for their size at every so many full looks. */
const TEND_EVERY = 5;

/** Bytes of a command's output that are read. */
const COMMAND_OUTPUT_BYTES = 4096;

/** What an observer needs. */
export interface ObserverOptions {
  readonly layout: Layout;
  readonly supervisorOf: (marker: Marker) => Supervisor;
  /** Runs a program with the rights of the VMs' runners. */
  readonly exec: Exec;
  readonly onObserved: (vms: readonly ObservedVm[]) => void;
  readonly onError: (error: unknown) => void;
}

interface Probed {
  readonly runId: string;
  readonly vm: DriverVm;
  readonly loop: ProbeLoop;
}

/** What a configuration says, with what it does not say left out. */
function evaluatedOf({
  vcpu,
  memoryMib,
  disks,
}: NonNullable<Marker['evaluated']>): NonNullable<ObservedVm['evaluated']> {
  return { vcpu, memoryMib, ...(disks === undefined ? {} : { disks }) };
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
    const condition = process === undefined ? UNASKED : this.#condition(name, claim.marker);
    const marker = condition.ready ? await this.#noteVolumes(name, claim.marker) : claim.marker;
    const { evaluated, lastExit } = marker;
    return {
      name,
      managed: managedOf(marker),
      ...links,
      ...(process === undefined ? {} : { process }),
      ready: condition.ready,
      ...(condition.unhealthy ? { unhealthy: true } : {}),
      ...(condition.said === undefined ? {} : { said: condition.said }),
      ...(evaluated === undefined ? {} : { evaluated: evaluatedOf(evaluated) }),
      ...(lastExit === undefined ? {} : { lastExit: exitOf(lastExit) }),
    };
  }

  /** Remembers the volume images of a VM that has booted: from now on they hold data. */
  async #noteVolumes(name: string, marker: Marker): Promise<Marker> {
    const entries = await readdir(this.#options.layout.directory(name), { withFileTypes: true });
    // Links lead to volumes that n3x itself made and looks after.
    const images = entries.filter((one) => one.isFile() && one.name.endsWith('.img')).map((one) => one.name);
    images.sort();
    if (images.join('/') === marker.volumes.join('/')) return marker;
    return await this.#options.layout.updateMarker(name, (before) => ({ ...before, volumes: images }));
  }

  /** How the guest of this run does; begins to ask where that is not done yet. */
  #condition(name: string, marker: Marker): Condition {
    const { run } = marker;
    if (run === null) return UNASKED;
    const probed = this.#probes.get(name);
    const known = probed?.runId === run.id ? probed.loop.condition : noted(run);
    const vm = this.#watched.get(name);
    if (vm === undefined || vm.uid !== marker.uid) return known;
    if (probed?.runId === run.id && asks(probed.vm) === asks(vm)) return known;
    probed?.loop.stop();
    const loop = new ProbeLoop({
      vm,
      context: this.#context(name),
      from: known,
      startedAtMs: run.startedAtMs,
      onChange: (condition) => void this.#changed(name, run.id, condition),
      onError: this.#options.onError,
    });
    this.#probes.set(name, { runId: run.id, vm, loop });
    return known;
  }

  #context(name: string): ProbeContext {
    const { layout, exec } = this.#options;
    return {
      consoleText: () => this.#consoleText(name),
      notified: async () => {
        const claim = await layout.claim(name);
        if (claim.kind !== 'managed') return { ok: false, said: 'notify: it is gone' };
        return await this.#options.supervisorOf(claim.marker).notified(name);
      },
      run: (argv, env, timeoutMs) => {
        const user = layout.owner;
        const options = { cwd: layout.directory(name), env, timeoutMs, keepBytes: COMMAND_OUTPUT_BYTES };
        return exec(argv, { ...options, ...(user === undefined ? {} : { user }) });
      },
    };
  }

  /** A daemon that is started anew goes on from what is noted. */
  async #changed(name: string, runId: string, { ready, unhealthy, said }: Condition): Promise<void> {
    if (this.#probes.get(name)?.runId !== runId) return;
    try {
      await this.#options.layout.updateMarker(name, (marker) => {
        if (marker.run?.id !== runId) return marker;
        const { unhealthySaid: before, ...run } = marker.run;
        const unhealthySaid = unhealthy ? (before ?? said ?? '') : undefined;
        const noted = { ...run, readySeen: ready, ...(unhealthySaid === undefined ? {} : { unhealthySaid }) };
        return { ...marker, run: noted };
      });
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

/** What is noted of the guest of a run. */
function noted({ readySeen, unhealthySaid }: Run): Condition {
  if (unhealthySaid === undefined) return { ready: readySeen, unhealthy: false };
  return { ready: readySeen, unhealthy: true, said: unhealthySaid };
}

/** All that a loop's questions depend on, as text. */
function asks({ spec, allocation }: DriverVm): string {
  return JSON.stringify([spec.readiness, spec.health, spec.readyTimeoutSeconds, allocation]);
}

function managedOf(marker: Marker): NonNullable<ObservedVm['managed']> {
  const { uid, epoch, builtGeneration, restarts, startedGeneration, again } = marker;
  return {
    ...{ uid, epoch, builtGeneration, restarts },
    ...(startedGeneration === undefined ? {} : { startedGeneration }),
    ...(again === undefined ? {} : { again }),
  };
}

function exitOf({ code, signal, atMs, unhealthy }: NonNullable<Marker['lastExit']>): LastExit {
  return { code, signal, atMs, ...(unhealthy === undefined ? {} : { unhealthy }) };
}
