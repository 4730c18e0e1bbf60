/** A driver that keeps its VMs in a map, for tests of the reconciler. Actions end when the test says so. */
import { same } from '../machine/difference.ts';
import { AGAIN_KEPT, type DriverAction, type DriverOutcome, type LastExit, type ObservedVm } from '../ports/driver.ts';

interface ModelVm {
  managed: NonNullable<ObservedVm['managed']> | undefined;
  currentRunner?: string;
  bootedRunner?: string;
  process?: NonNullable<ObservedVm['process']>;
  ready: boolean;
  unhealthy?: true;
  said?: string;
  lastExit?: LastExit;
  /** What `currentRunner` was made from. */
  built?: unknown;
}

const NOT_MANAGED: DriverOutcome = { ok: false, reason: 'NotManaged', message: 'not ours', retriable: false };

/** The VMs of one host. */
export class ModelDriver {
  readonly vms = new Map<string, ModelVm>();
  /** Every breach of the driver's rules. */
  readonly breaches: string[] = [];
  /** Makes the next actions of a kind fail. */
  readonly failing = new Map<DriverAction['type'], Extract<DriverOutcome, { ok: false }>>();
  /** Makes every build have the same result. */
  same = false;
  #pid = 100;

  observe(): ObservedVm[] {
    return [...this.vms].map(([name, { managed, built: _built, ...rest }]) => ({
      name,
      ...rest,
      ...(managed === undefined ? {} : { managed: { ...managed } }),
    }));
  }

  /** Carries out an action. */
  perform(action: DriverAction, wallMs: number): DriverOutcome {
    const name = action.type === 'build' || action.type === 'start' ? action.vm.name : action.name;
    const vm = this.vms.get(name);
    if (vm !== undefined && vm.managed === undefined) {
      this.breaches.push(`${action.type} of ${name}, which is not managed`);
      return NOT_MANAGED;
    }
    const failure = this.failing.get(action.type);
    if (failure !== undefined) return failure;
    switch (action.type) {
      case 'build': {
        if (vm?.managed !== undefined && vm.managed.uid !== action.vm.uid)
          this.breaches.push(`build over another ${name}`);
        if (vm?.process !== undefined && vm.managed?.epoch !== action.vm.epoch)
          this.breaches.push(`build under ${name}`);
        const { uid, epoch, generation } = action.vm;
        const managed = { restarts: 0, ...vm?.managed, uid, epoch, builtGeneration: generation };
        const { spec, restore, rebuilds } = action.vm;
        const input = [spec.source, spec.memoryMib, rebuilds, restore];
        const isNew = vm?.currentRunner === undefined || (!this.same && !same(vm.built, input));
        const runner = restore?.runner ?? (isNew ? `/nix/store/${name}-${generation}` : vm.currentRunner);
        this.vms.set(name, {
          ready: false,
          ...vm,
          managed,
          built: input,
          ...(runner === undefined ? {} : { currentRunner: runner }),
        });
        return { ok: true };
      }
      case 'start':
        if (vm?.managed === undefined || vm.currentRunner === undefined) {
          this.breaches.push(`start of ${name} before its build`);
          return { ok: false, reason: 'StartFailed', message: 'not built', retriable: true };
        }
        if (vm.managed.epoch !== action.vm.epoch) this.breaches.push(`start of ${name} at another epoch`);
        if (vm.process !== undefined) return { ok: true };
        vm.managed = {
          ...vm.managed,
          restarts: action.restarts,
          startedGeneration: action.vm.generation,
          again: action.again === true ? [...(vm.managed.again ?? []), wallMs].slice(-AGAIN_KEPT) : [],
        };
        vm.bootedRunner = vm.currentRunner;
        this.#pid += 1;
        vm.process = { pid: this.#pid, startedAtMs: wallMs };
        this.#unwatch(vm);
        delete vm.lastExit;
        return { ok: true };
      case 'stop':
        if (vm?.managed?.uid === action.uid) {
          delete vm.process;
          delete vm.lastExit;
          if (action.unhealthy === true) vm.lastExit = { code: null, signal: null, atMs: wallMs, unhealthy: true };
          this.#unwatch(vm);
        }
        return { ok: true };
      case 'remove':
        if (vm?.process !== undefined) this.breaches.push(`removal of ${name}, which runs`);
        if (vm?.managed?.uid === action.uid) this.vms.delete(name);
        return { ok: true };
    }
  }

  #unwatch(vm: ModelVm): void {
    vm.ready = false;
    delete vm.unhealthy;
    delete vm.said;
  }

  /** The process of a VM ends by itself. */
  crash(name: string, atMs: number, code = 1): void {
    const vm = this.vms.get(name);
    if (vm?.process === undefined) return;
    delete vm.process;
    this.#unwatch(vm);
    vm.lastExit = { code, signal: null, atMs };
  }

  /** What the probe says of a guest; without a text it is well. */
  probe(name: string, said?: string): void {
    const vm = this.vms.get(name);
    if (vm === undefined) return;
    delete vm.unhealthy;
    delete vm.said;
    if (said === undefined) return;
    if (vm.ready) vm.unhealthy = true;
    vm.said = said;
  }

  /** Every running guest has booted. */
  boot(): void {
    for (const vm of this.vms.values()) vm.ready = vm.process !== undefined;
  }
}
