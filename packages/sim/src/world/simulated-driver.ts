/**
 * The microVM driver of one host in virtual time. Builds and boots take a while, fail, or hang until they
 * time out. VMs belong to the host and not to the daemon: they go on when it dies and are found again by
 * the next one; a power cut ends them.
 */
import type { Random } from '@n3x/core/base/random';
import type { AttachedVolume } from '@n3x/core/model/volume';
import {
  AGAIN_KEPT,
  type DriverAction,
  type DriverOutcome,
  type DriverPort,
  type DriverVm,
  type LastExit,
  type ObservedVm,
} from '@n3x/core/ports/driver';
import type { VmCourse } from './observer.ts';

/** Virtual time, as far as a driver needs it. */
export interface DriverTime {
  readonly nowMs: number;
  after(delayMs: number, run: () => void): unknown;
}

/** How well the host builds and runs VMs. Chances are in parts of a thousand, times in ms. */
export interface DriverProfile {
  readonly buildMs: readonly [number, number];
  readonly bootMs: readonly [number, number];
  readonly stopMs: readonly [number, number];
  /** Actions that fail, to be tried again. */
  readonly failPermille: number;
  /** Actions that hang until they time out. */
  readonly hangPermille: number;
  readonly hangMs: number;
  /** Starts whose process ends by itself some time later, half of them with code 0. */
  readonly exitPermille: number;
  /** Starts whose guest is not well some time later, for a while. */
  readonly illPermille: number;
}

/** Something that is wrong with a driver for a while. */
export type DriverTrouble = 'slow-driver' | 'failing-driver' | 'hanging-driver';

/** How many times longer a slow driver takes. */
const SLOW_FACTOR = 10;

/** What the loop is told. */
export interface DriverListener {
  observed(vms: readonly ObservedVm[]): void;
  done(token: number, outcome: DriverOutcome): void;
}

/** Name of the module by which a source is bad: its text is `build` where it cannot be built, `boot` where its guest never gets ready. */
export const BAD_MODULE = 'bad';

function badnessOf({ source }: DriverVm['spec']): string {
  const module = source.kind === 'inline' ? source.modules[0] : undefined;
  return module?.kind === 'text' && module.name === BAD_MODULE ? module.text : '';
}
/** A VM with this label turns out to need so many vcpu more than was asked for. */
const GROWS_LABEL = 'sim/grows';

/** The disks of the host, as a runner and its guest use them. */
export interface DriverDisks {
  open(volumes: readonly AttachedVolume[], epoch: number): void;
  write(volumes: readonly AttachedVolume[]): void;
}

const NO_DISKS: DriverDisks = { open: () => undefined, write: () => undefined };

/** Ms between two writes of a guest that has volumes. */
const WRITE_MS: readonly [number, number] = [300, 3_000];

/** Ms between two looks at the host without a cause. */
const LOOK_MS = 5_000;

interface MicroVm {
  readonly name: string;
  /** Whether n3x has its marks on it. */
  managed: boolean;
  uid: string;
  epoch: number;
  builtGeneration: number;
  runner: string;
  restarts: number;
  startedGeneration: number;
  /** Starts so far. */
  starts: number;
  again: readonly number[];
  evaluated: { readonly vcpu: number; readonly memoryMib: number } | undefined;
  unhealthy: boolean;
  bootedRunner: string;
  process: { readonly pid: number; readonly startedAtMs: number } | undefined;
  ready: boolean;
  /** Whether its process was started under a lease. */
  fenced: boolean;
  lastExit: LastExit | undefined;
}

/** The VMs of one host and the driver that looks after them. */
export class SimulatedDriver {
  readonly #time: DriverTime;
  readonly #random: Random;
  /** What decides about the health of guests and how they end, so that the rest is drawn as without it. */
  readonly #care: Random;
  readonly #wallMs: () => number;
  readonly #onProcess: (uid: string, runs: boolean) => void;
  readonly #onCourse: (course: VmCourse) => void;
  readonly #mayStart: () => boolean;
  readonly #disks: DriverDisks;
  readonly #vms = new Map<string, MicroVm>();
  #profile: DriverProfile;
  /** One of a kind for each fault that lasts. */
  readonly #troubles: DriverTrouble[] = [];
  #listener: DriverListener | undefined;
  /** Grows with each process of the daemon. */
  #incarnation = 0;
  /** Grows with each power cut. */
  #power = 0;
  #nextPid = 100;

  /**
   * `onProcess` is told when the process of a VM begins or ends, whatever ended it; `onCourse` before it, what was meant
   * by it; `mayStart` says whether the dead-man's switch is armed, so that what is fenced may start.
   */
  constructor(
    time: DriverTime,
    random: Random,
    wallMs: () => number,
    profile: DriverProfile,
    onProcess: (uid: string, runs: boolean) => void = () => undefined,
    onCourse: (course: VmCourse) => void = () => undefined,
    mayStart: () => boolean = () => true,
    disks: DriverDisks = NO_DISKS,
  ) {
    this.#onCourse = onCourse;
    this.#mayStart = mayStart;
    this.#disks = disks;
    this.#onProcess = onProcess;
    this.#time = time;
    this.#random = random;
    this.#care = random.fork('care');
    this.#wallMs = wallMs;
    this.#profile = profile;
  }

  /** How well builds and boots go from now on. */
  setProfile(profile: DriverProfile): void {
    this.#profile = profile;
  }

  /** From now on it is in trouble; answers what ends that. */
  trouble(kind: DriverTrouble): () => void {
    this.#troubles.push(kind);
    return () => {
      const at = this.#troubles.indexOf(kind);
      if (at >= 0) this.#troubles.splice(at, 1);
    };
  }

  /** The machine is gone, with all that was on it. */
  discard(): void {
    this.detach('power');
    this.#vms.clear();
  }

  /** The dead-man's switch went off: what is fenced ends at once. */
  fence(): void {
    for (const vm of this.#vms.values()) {
      if (!vm.fenced || vm.process === undefined) continue;
      this.#onCourse({ type: 'ended', uid: vm.uid, cause: 'order', code: null });
      this.#end(vm);
      vm.lastExit = { code: null, signal: 'SIGKILL', atMs: this.#wallMs() };
    }
    this.#tell();
  }

  /** Uids of the VMs of n3x whose process runs. */
  running(): string[] {
    return [...this.#vms.values()].filter((vm) => vm.managed && vm.process !== undefined).map((vm) => vm.uid);
  }

  /** Somebody makes a microVM here, of which n3x knows nothing; `uid` is what those who watch know it by. */
  place(name: string, uid: string, runs: boolean): void {
    const runner = `/nix/store/${name}`;
    const process = runs ? { pid: this.#nextPid++, startedAtMs: this.#wallMs() } : undefined;
    this.#vms.set(name, {
      ...unstarted(name, uid),
      managed: false,
      runner,
      bootedRunner: runner,
      process,
      ready: runs,
    });
    if (runs) this.#onProcess(uid, true);
    this.#tell();
  }

  /** Whether n3x has its marks on it. */
  manages(name: string): boolean {
    return this.#vms.get(name)?.managed === true;
  }

  /** Whether its process runs, whoever's it is. */
  runs(name: string): boolean {
    return this.#vms.get(name)?.process !== undefined;
  }

  /** Takes over what is there; its process is left alone. */
  adopt({ name, uid, epoch, generation }: DriverVm): void {
    const found = this.#vms.get(name);
    if (found?.uid !== uid || found.managed) return;
    const built = { builtGeneration: generation, startedGeneration: generation };
    Object.assign(found, { ...built, managed: true, epoch, restarts: 0, again: [] });
    this.#tell();
  }

  /** Takes the marks away, and leaves the rest. */
  release(name: string, uid: string): void {
    const found = this.#vms.get(name);
    if (found?.uid !== uid) return;
    found.managed = false;
    this.#tell();
  }

  /** The VM that n3x may act upon. */
  #own(name: string, uid: string): MicroVm | undefined {
    const vm = this.#vms.get(name);
    return vm?.uid === uid && vm.managed ? vm : undefined;
  }

  /** A daemon starts: it is told what is there, now and then and after each change. */
  attach(listener: DriverListener): DriverPort {
    const incarnation = ++this.#incarnation;
    this.#listener = listener;
    this.#time.after(0, () => this.#look(incarnation));
    return {
      perform: (token, action) => {
        if (incarnation === this.#incarnation) this.#perform(incarnation, token, action);
      },
      watch: () => undefined,
    };
  }

  /** The daemon ends. What systemd has been asked to do goes on; a power cut ends everything that runs. */
  detach(kind: 'process' | 'power'): void {
    this.#incarnation++;
    this.#listener = undefined;
    if (kind === 'process') return;
    this.#power++;
    for (const vm of this.#vms.values()) {
      if (vm.process === undefined) continue;
      // What is lost with its host's power has not ended by itself.
      this.#onCourse({ type: 'ended', uid: vm.uid, cause: 'order', code: null });
      this.#end(vm);
    }
  }

  /** It ends by itself, or because it is not well. */
  #exit(vm: MicroVm, exit: LastExit): void {
    this.#onCourse({ type: 'ended', uid: vm.uid, cause: 'itself', code: exit.code });
    vm.lastExit = exit;
    this.#end(vm);
  }

  #end(vm: MicroVm): void {
    if (vm.process !== undefined) this.#onProcess(vm.uid, false);
    vm.process = undefined;
    vm.ready = false;
    vm.unhealthy = false;
  }

  #look(incarnation: number): void {
    if (incarnation !== this.#incarnation) return;
    this.#tell();
    this.#time.after(LOOK_MS, () => this.#look(incarnation));
  }

  #tell(): void {
    this.#listener?.observed([...this.#vms.values()].map(observedOf));
  }

  #between([from, to]: readonly [number, number]): number {
    return from + this.#random.below(Math.max(1, to - from));
  }

  #chance(permille: number): boolean {
    return this.#random.below(1_000) < permille;
  }

  #perform(incarnation: number, token: number, action: DriverAction): void {
    const hangs = this.#chance(this.#profile.hangPermille) || this.#troubles.includes('hanging-driver');
    const fails = hangs || this.#chance(this.#profile.failPermille) || this.#troubles.includes('failing-driver');
    const power = this.#power;
    const starts = action.type === 'start' ? this.#vms.get(action.vm.name)?.starts : undefined;
    const usualMs = this.#duration(action) * (this.#troubles.includes('slow-driver') ? SLOW_FACTOR : 1);
    this.#time.after(hangs ? this.#profile.hangMs : usualMs, () => {
      if (power !== this.#power) return;
      // One that an earlier daemon asked for and a later one has seen to is not done twice.
      const isOver = action.type === 'start' && this.#vms.get(action.vm.name)?.starts !== starts;
      const outcome: DriverOutcome = fails ? failure(action, hangs) : isOver ? { ok: true } : this.#do(action);
      if (outcome.ok) this.#tell();
      if (incarnation === this.#incarnation) this.#listener?.done(token, outcome);
    });
  }

  #duration(action: DriverAction): number {
    switch (action.type) {
      case 'build':
        return this.#between(this.#profile.buildMs);
      case 'start':
        return this.#between([10, 100]);
      case 'stop':
        return this.#between(this.#profile.stopMs);
      case 'remove':
        return this.#between([5, 50]);
    }
  }

  #do(action: DriverAction): DriverOutcome {
    switch (action.type) {
      case 'build':
        return this.#build(action.vm);
      case 'start':
        return this.#start(action);
      case 'stop': {
        const vm = this.#own(action.name, action.uid);
        if (vm === undefined) return { ok: true };
        vm.lastExit = undefined;
        if (action.unhealthy === true) {
          this.#exit(vm, { code: null, signal: null, atMs: this.#wallMs(), unhealthy: true });
          return { ok: true };
        }
        this.#onCourse({ type: 'ended', uid: vm.uid, cause: 'order', code: null });
        vm.again = [];
        this.#end(vm);
        return { ok: true };
      }
      case 'remove': {
        const vm = this.#own(action.name, action.uid);
        if (vm === undefined) return { ok: true };
        this.#end(vm);
        this.#vms.delete(action.name);
        return { ok: true };
      }
    }
  }

  #build({ name, uid, epoch, generation, spec, rebuilds, restore }: DriverVm): DriverOutcome {
    const found = this.#vms.get(name);
    if (found !== undefined && (found.uid !== uid || !found.managed))
      return refusal('NotManaged', `${name} is another VM`);
    const { source, vcpu } = spec;
    const bad = badnessOf(spec);
    if (restore === undefined && bad === 'build') {
      return { ok: false, reason: 'BuildFailed', message: 'the simulated source is bad', retriable: false };
    }
    const content = `${JSON.stringify(source)}/${vcpu}/${rebuilds}/${bad}`;
    const grows = Number(spec.labels[GROWS_LABEL] ?? 0);
    const evaluated = grows === 0 ? undefined : { vcpu: spec.vcpu + grows, memoryMib: spec.memoryMib };
    const runner = restore?.runner ?? `/nix/store/${uid}-${content}`;
    if (found === undefined) {
      this.#vms.set(name, {
        ...unstarted(name, uid),
        ...{ epoch, runner, builtGeneration: generation, evaluated },
      });
    } else {
      Object.assign(found, { epoch, runner, evaluated, builtGeneration: generation });
    }
    return { ok: true };
  }

  #goOnWriting(vm: MicroVm, process: MicroVm['process'], volumes: readonly AttachedVolume[]): void {
    this.#time.after(this.#between(WRITE_MS), () => {
      if (vm.process !== process) return;
      this.#disks.write(volumes);
      this.#goOnWriting(vm, process, volumes);
    });
  }

  #start({ vm: wanted, restarts, again }: Extract<DriverAction, { type: 'start' }>): DriverOutcome {
    const { name, uid, fenced, epoch, volumes } = wanted;
    const vm = this.#own(name, uid);
    if (vm === undefined) return refusal('NotBuilt', `${name} has no runner`);
    if (vm.process !== undefined) return { ok: true };
    if (fenced && !this.#mayStart()) return refusal('NoLease', `the lease has run out before ${name} was started`);
    vm.fenced = fenced;
    const process = { pid: this.#nextPid++, startedAtMs: this.#wallMs() };
    vm.process = process;
    vm.starts++;
    this.#onCourse({ type: 'started', vm: wanted, restarts });
    if (volumes !== undefined) {
      this.#disks.open(volumes, epoch);
      this.#goOnWriting(vm, process, volumes);
    }
    this.#onProcess(uid, true);
    vm.restarts = restarts;
    vm.startedGeneration = wanted.generation;
    vm.again = again === true ? [...vm.again, process.startedAtMs].slice(-AGAIN_KEPT) : [];
    vm.ready = false;
    vm.lastExit = undefined;
    vm.bootedRunner = vm.runner;
    const isBad = vm.runner.endsWith('/boot');
    this.#later(vm, this.#between(this.#profile.bootMs), () => {
      if (isBad) return;
      vm.ready = true;
    });
    if (this.#care.below(1_000) < this.#profile.illPermille) {
      const illMs = 1_000 + this.#care.below(19_000);
      this.#later(vm, 2_500 + this.#care.below(7_500), () => {
        vm.unhealthy = true;
        this.#later(vm, illMs, () => {
          vm.unhealthy = false;
        });
      });
    }
    if (this.#chance(this.#profile.exitPermille)) {
      const code = this.#care.below(2);
      this.#later(vm, this.#between([500, 20_000]), () => {
        this.#exit(vm, { code, signal: null, atMs: this.#wallMs() });
      });
    }
    return { ok: true };
  }

  /** Something that happens to the process that runs now, unless it ends before. */
  #later(vm: MicroVm, delayMs: number, happen: () => void): void {
    const { process } = vm;
    this.#time.after(delayMs, () => {
      if (vm.process !== process || process === undefined) return;
      happen();
      this.#tell();
    });
  }
}

/** One that nothing is known of but whose it is. */
function unstarted(name: string, uid: string): MicroVm {
  return {
    ...{ name, uid, managed: true, epoch: 0, builtGeneration: 0, runner: '', restarts: 0, startedGeneration: 0 },
    ...{ starts: 0, again: [], evaluated: undefined, unhealthy: false, bootedRunner: '', process: undefined },
    ...{ ready: false, fenced: false, lastExit: undefined },
  };
}

function observedOf(vm: MicroVm): ObservedVm {
  const { name, uid, epoch, builtGeneration, restarts, startedGeneration, again, runner, process, ready, lastExit } =
    vm;
  const { bootedRunner } = vm;
  return {
    name,
    ...(vm.managed ? { managed: { uid, epoch, builtGeneration, restarts, startedGeneration, again } } : {}),
    currentRunner: runner,
    ...(process === undefined ? {} : { process, bootedRunner }),
    ready,
    ...(vm.evaluated === undefined ? {} : { evaluated: vm.evaluated }),
    ...(vm.unhealthy ? { unhealthy: true, said: 'the simulated probe fails' } : {}),
    ...(lastExit === undefined ? {} : { lastExit }),
  };
}

function refusal(reason: string, message: string): DriverOutcome {
  return { ok: false, reason, message, retriable: true };
}

function failure(action: DriverAction, hung: boolean): DriverOutcome {
  return hung
    ? refusal('TimedOut', `the simulated ${action.type} hung`)
    : refusal(action.type === 'build' ? 'BuildFailed' : 'StartFailed', `the simulated ${action.type} failed`);
}
