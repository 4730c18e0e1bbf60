/** The microVM driver of a host: does what the loop asks, one thing per VM at a time, and reports what it finds. */
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { describeError } from '@n3x/core/base/errors';
import type { NixSystem } from '@n3x/core/model/names';
import type { Power } from '@n3x/core/model/vm';
import type { DriverAction, DriverOutcome, DriverPort, DriverVm, ObservedVm } from '@n3x/core/ports/driver';
import type { JournalPort } from '@n3x/core/ports/journal';
import { exec } from '../exec.ts';
import type { FenceDirectory } from '../fence/fence-directory.ts';
import type { VolumeDriver } from '../volumes/volume-driver.ts';
import { Adoption, type FoundVm, whyNot } from './adoption.ts';
import { BUILD_LOG } from './build-log.ts';
import { type TailOptions, tailFile } from './console-log.ts';
import { DirectSupervisor } from './direct-supervisor.ts';
import { DriverFailure, failedOutcome } from './failure.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { findOwner, Layout } from './layout.ts';
import type { Marker } from './marker.ts';
import { Nix, type NixOptions } from './nix-build.ts';
import { Observer } from './observer.ts';
import { clean, findOrphans, type Orphan, type OrphanContext } from './orphans.ts';
import { Slots } from './slots.ts';
import type { Supervisor, SupervisorKind } from './supervisor.ts';
import { resolveSupervisor, type SupervisorChoice, SystemdSupervisor } from './systemd-supervisor.ts';
import { RUNTIME_UNITS } from './unit-drop-in.ts';
import { VmActions } from './vm-actions.ts';

/** How the driver builds; may change while it works. */
export interface BuildSettings {
  readonly nix: NixOptions;
  /** Builds at the same time. */
  readonly maxBuilds: number;
  /** Flake references for the flakes that n3x writes. */
  readonly nixpkgs: string;
  readonly microvm: string;
}

/** How the driver is set up. */
export interface MicrovmDriverOptions extends BuildSettings {
  /** Directory of the microVMs: microvm.nix's `/var/lib/microvms`, or another. Absolute. */
  readonly stateDir: string;
  /** Directory of their garbage collection roots: `/nix/var/nix/gcroots/microvm`, or another below `/nix/var/nix/gcroots`. */
  readonly gcrootsDir: string;
  readonly supervisor: 'auto' | SupervisorKind;
  /** Where fenced VMs are made known to the dead-man's switch. */
  readonly fence: FenceDirectory;
  readonly system: NixSystem;
  /** Whether KVM was seen to work; runners are told in `N3X_KVM`. */
  readonly kvm: boolean;
  readonly journal: JournalPort;
  /** Makes volumes ready for a start. */
  readonly volumes: Pick<VolumeDriver, 'attach'>;
  /** An action is done. */
  readonly onDone: (token: number, outcome: DriverOutcome) => void;
  /** The complete list of what is on the host, when it changed. */
  readonly onObserved: (vms: readonly ObservedVm[]) => void;
}

/** A driver at work. */
export class MicrovmDriver implements DriverPort {
  readonly #options: MicrovmDriverOptions;
  readonly #layout: Layout;
  #actions: VmActions;
  #settings: BuildSettings;
  readonly #observer: Observer;
  readonly #queue = new KeyedQueue();
  readonly #abort = new AbortController();
  readonly #direct: DirectSupervisor;
  readonly #systemd: SystemdSupervisor;
  readonly choice: SupervisorChoice;

  private constructor(options: MicrovmDriverOptions, layout: Layout, choice: SupervisorChoice) {
    this.#options = options;
    this.#layout = layout;
    this.choice = choice;
    const log = (event: string, fields: Readonly<Record<string, unknown>>) =>
      options.journal.log('warn', event, fields);
    this.#direct = new DirectSupervisor({
      layout,
      fence: options.fence,
      environment: { N3X_KVM: options.kvm ? 'yes' : 'no' },
      onExit: () => this.#observer.refresh(),
      log,
    });
    this.#systemd = new SystemdSupervisor({ layout, fence: options.fence, log });
    this.#settings = options;
    this.#actions = this.#makeActions(options);
    this.#observer = new Observer({
      layout,
      supervisorOf: (marker) => this.#supervisorOf(marker),
      exec,
      onObserved: options.onObserved,
      onError: (error) => log('microvm.observeFailed', { error: String(error) }),
    });
  }

  /** Finds out what supervises here and reports what is on the host. Rejects when the supervisor asked for cannot work. */
  static async create(options: MicrovmDriverOptions): Promise<MicrovmDriver> {
    const choice = await resolveSupervisor(options.supervisor, options.stateDir);
    const layout = new Layout({
      stateDir: options.stateDir,
      gcrootsDir: options.gcrootsDir,
      owner: await findOwner(),
    });
    options.journal.log('info', 'microvm.supervisor', { kind: choice.kind, reason: choice.reason });
    return new MicrovmDriver(options, layout, choice);
  }

  #makeActions(settings: BuildSettings): VmActions {
    const slots = new Slots(settings.maxBuilds);
    return new VmActions({
      layout: this.#layout,
      volumes: this.#options.volumes,
      nix: new Nix(settings.nix),
      supervisor: this.choice.kind === 'systemd' ? this.#systemd : this.#direct,
      supervisorOf: (marker) => this.#supervisorOf(marker),
      system: this.#options.system,
      nixpkgs: settings.nixpkgs,
      microvm: settings.microvm,
      buildSlot: (work) => slots.run(work),
      signal: this.#abort.signal,
    });
  }

  /** Builds that begin from now on are made this way. */
  reconfigure(settings: BuildSettings): void {
    this.#settings = settings;
    this.#actions = this.#makeActions(settings);
  }

  /** All microVMs of the host, n3x's or not. */
  async findVms(): Promise<FoundVm[]> {
    return await this.#adoption().find();
  }

  /** What a microVM that is not n3x's needs, as its flake says. Rejects with a `DriverFailure` when it cannot be adopted. */
  async adoptable(name: string): Promise<{ flake: string; pid: number | null; vcpu: number; memoryMib: number }> {
    const found = await this.#adoption().look(name);
    if (found.kind !== 'foreign' || found.flake === null) {
      throw new DriverFailure(
        'NotAdoptable',
        `the microVM ${name} on this host cannot be adopted: ${whyNot(found)}`,
        false,
      );
    }
    const target = { ref: found.flake, attribute: name, directory: this.#layout.directory(name), writeLock: false };
    const resources = await new Nix(this.#settings.nix).resources(target, this.#abort.signal);
    return { flake: found.flake, pid: found.pid, ...resources };
  }

  /** Begins to manage a microVM that is on the host as `vm`. */
  async adopt(vm: DriverVm): Promise<void> {
    await this.#queue.run(vm.name, () => this.#adoption().adopt(vm));
    await this.#observer.observe();
  }

  /** Manages a VM no more; it runs on. */
  async release(name: string, uid: string): Promise<void> {
    await this.#queue.run(name, () => this.#adoption().release(name, uid));
    await this.#observer.observe();
  }

  /** What is left on this host of microVMs that are gone; `interfaces` are those that the cluster gave to VMs here. */
  async findOrphans(interfaces: ReadonlySet<string>): Promise<Orphan[]> {
    return await findOrphans(this.#orphanContext(), this.#queue.keys(), interfaces);
  }

  /** Takes away what is named, of what has no owner still; gives what went, and why something did not. */
  async cleanOrphans(
    interfaces: ReadonlySet<string>,
    wanted: (orphan: Orphan) => boolean,
  ): Promise<{ cleaned: Orphan[]; failed: { orphan: Orphan; message: string }[] }> {
    const context = this.#orphanContext();
    const cleaned: Orphan[] = [];
    const failed: { orphan: Orphan; message: string }[] = [];
    for (const orphan of (await this.findOrphans(interfaces)).filter(wanted)) {
      try {
        await clean(context, orphan);
        cleaned.push(orphan);
        this.#options.journal.log('info', 'microvm.orphanCleaned', { ...orphan });
      } catch (error) {
        failed.push({ orphan, message: describeError(error) });
      }
    }
    return { cleaned, failed };
  }

  #orphanContext(): OrphanContext {
    const { stateDir, gcrootsDir } = this.#options;
    const systemd = this.choice.kind === 'systemd';
    const interfacesDir = '/sys/class/net';
    return { layout: this.#layout, stateDir, gcrootsDir, exec, systemd, runtimeUnits: RUNTIME_UNITS, interfacesDir };
  }

  #adoption(): Adoption {
    return new Adoption({
      layout: this.#layout,
      supervisor: this.choice.kind === 'systemd' ? this.#systemd : this.#direct,
      supervisorOf: (marker) => this.#supervisorOf(marker),
      inputHash: (vm) => this.#actions.inputHash(vm),
    });
  }

  /** Reports what is on the host, also when it has not changed: somebody new wants to know. */
  observeAgain(): void {
    this.#observer.forget();
    this.#observer.refresh();
  }

  /** Begins to watch; the first report follows. */
  start(): void {
    this.#observer.start();
  }

  perform(token: number, action: DriverAction): void {
    const name = 'vm' in action ? action.vm.name : action.name;
    void this.#queue.run(name, async () => {
      let outcome: DriverOutcome = { ok: true };
      try {
        await this.#actions.perform(action);
      } catch (error) {
        outcome = failedOutcome(error);
        if (!(error instanceof DriverFailure)) {
          this.#options.journal.log('error', 'microvm.actionFailed', {
            vm: name,
            action: action.type,
            error: String(error),
          });
        }
      }
      // What it changed is reported first: whoever hears of the end finds the facts in place.
      await this.#observer.observe();
      if (!this.#abort.signal.aborted) this.#options.onDone(token, outcome);
    });
  }

  watch(vms: readonly { readonly vm: DriverVm; readonly power: Power }[]): void {
    this.#observer.watch(vms.map(({ vm }) => vm));
  }

  /** A VM's log as it is on disk or in the journal. Rejects with `NotManaged` for a VM that n3x does not have here. */
  async readLog(
    name: string,
    options: TailOptions & { readonly which: 'console' | 'build' },
  ): Promise<AsyncIterable<Uint8Array>> {
    const marker = await this.#marker(name);
    if (options.which === 'build') return tailFile(this.#layout.path(name, BUILD_LOG), options);
    return this.#supervisorOf(marker).readConsole(name, options);
  }

  /** A VM's console: what is printed from now on, and where to type. Ends with the signal. */
  async openConsole(name: string, signal: AbortSignal): Promise<{ input: Writable | null; output: Readable }> {
    const marker = await this.#marker(name);
    const { input, output } = await this.#supervisorOf(marker).openConsole(name, signal);
    signal.addEventListener('abort', () => input?.destroy(), { once: true });
    return { input, output: output.pipe(new PassThrough()) };
  }

  /** Ends watching and running builds; VMs run on. Resolves once nothing is under way. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.#observer.stop();
    await this.#queue.idle();
  }

  async #marker(name: string): Promise<Marker> {
    const claim = await this.#layout.claim(name);
    if (claim.kind === 'managed') return claim.marker;
    throw new DriverFailure('NotManaged', `n3x has no microVM ${name} on this host`, false);
  }

  /** What runs is stopped by what started it, whatever the configuration says now. */
  #supervisorOf(marker: Marker): Supervisor {
    const kind = marker.run?.supervisor ?? this.choice.kind;
    return kind === 'systemd' ? this.#systemd : this.#direct;
  }
}
