/** What the driver does to one VM: build, start, stop, remove. Each may be repeated. */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { writeFlake } from '@n3x/core/guest/flake-writer';
import type { NixSystem } from '@n3x/core/model/names';
import type { DriverAction, DriverVm } from '@n3x/core/ports/driver';
import type { VolumeDriver } from '../volumes/volume-driver.ts';
import { DriverFailure } from './failure.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { exists, type Layout } from './layout.ts';
import type { Marker } from './marker.ts';
import type { BuildTarget, Nix } from './nix-build.ts';
import { refuseCollisions } from './runner.ts';
import type { Supervisor } from './supervisor.ts';

/** Directory of the flake that n3x writes, in the VM's state directory. */
export const DEFINITION = 'definition';
/** The addresses of the VM, in its state directory, for whoever has to tell a guest that n3x does not configure. */
export const ADDRESSES = 'addresses.json';

/** Runners whose resources are remembered. */
const REMEMBERED_RUNNERS = 1024;

/** What a built configuration needs. */
interface Resources {
  readonly vcpu: number;
  readonly memoryMib: number;
  readonly disks?: number;
}

/** What actions need. */
export interface ActionContext {
  readonly layout: Layout;
  readonly volumes: Pick<VolumeDriver, 'attach'>;
  readonly nix: Nix;
  /** The supervisor of new starts. */
  readonly supervisor: Supervisor;
  /** The supervisor of what runs. */
  readonly supervisorOf: (marker: Marker) => Supervisor;
  readonly system: NixSystem;
  /** Flake references for guests that n3x writes the flake of. */
  readonly nixpkgs: string;
  readonly microvm: string;
  /** Held by a build while it runs. */
  readonly buildSlot: <T>(work: () => Promise<T>) => Promise<T>;
  readonly signal: AbortSignal;
}

/** The actions on VMs of one host. All reject with a `DriverFailure` or a system error. */
export class VmActions {
  readonly #context: ActionContext;
  readonly #claims = new KeyedQueue();
  readonly #resourcesOf = new Map<string, Resources>();

  constructor(context: ActionContext) {
    this.#context = context;
  }

  /** Does an action. */
  async perform(action: DriverAction): Promise<void> {
    switch (action.type) {
      case 'build':
        return await this.#build(action.vm);
      case 'start':
        return await this.#start(action.vm, action.restarts, action.again === true);
      case 'stop':
        return await this.#stop(action);
      case 'remove':
        return await this.#remove(action.name, action.uid);
    }
  }

  async #build(vm: DriverVm): Promise<void> {
    const { layout, nix, signal } = this.#context;
    const marker = await this.#claim(vm);
    const inputHash = this.inputHash(vm);
    if (vm.allocation.addresses !== undefined) {
      await layout.writeFile(vm.name, ADDRESSES, `${JSON.stringify(vm.allocation.addresses, null, 2)}\n`);
    }
    // A change of anything else, such as power, needs no new runner, and must not bring one.
    const built = marker.inputHash === inputHash && (await exists(layout.path(vm.name, 'current/bin/microvm-run')));
    if (built) {
      await layout.updateMarker(vm.name, (before) => ({ ...before, epoch: vm.epoch, builtGeneration: vm.generation }));
      return;
    }
    if (await this.#bringBack(vm, inputHash)) return;
    const target = await this.#target(vm);
    await layout.writeFile(vm.name, 'flake', `${target.ref}\n`);
    await this.#context.buildSlot(async () => {
      const runner = await nix.build(target, signal);
      const evaluated = await this.#resources(vm, target, runner.storePath);
      await layout.install(vm.name, runner.storePath);
      await rm(runner.root, { force: true });
      await layout.updateMarker(vm.name, (before) => ({
        ...before,
        epoch: vm.epoch,
        builtGeneration: vm.generation,
        inputHash,
        evaluated,
      }));
    });
  }

  /** Makes a build of the past `current` where it is still there; the flake's link names what it was built from. */
  async #bringBack(vm: DriverVm, inputHash: string): Promise<boolean> {
    const { layout } = this.#context;
    const { restore, spec } = vm;
    if (restore === undefined || !(await exists(`${restore.runner}/bin/microvm-run`))) return false;
    if (spec.source.kind === 'flake') await layout.writeFile(vm.name, 'flake', `${spec.source.ref}\n`);
    await layout.install(vm.name, restore.runner);
    await layout.updateMarker(vm.name, ({ evaluated, ...before }) => {
      const known = restore.evaluated ?? evaluated;
      return {
        ...{ ...before, epoch: vm.epoch, builtGeneration: vm.generation, inputHash },
        ...(known === undefined ? {} : { evaluated: known }),
      };
    });
    return true;
  }

  /** The marker of the VM; a new state directory for a new one. */
  async #claim(vm: DriverVm): Promise<Marker> {
    const { layout } = this.#context;
    const claim = await layout.claim(vm.name);
    if (claim.kind !== 'free') return await layout.managed(vm.name, vm.uid);
    const marker: Marker = {
      format: 1,
      uid: vm.uid,
      epoch: vm.epoch,
      builtGeneration: 0,
      restarts: 0,
      volumes: [],
      run: null,
    };
    await layout.create(vm.name, marker);
    return marker;
  }

  /** What Nix is to build; for an inline spec its flake is written. */
  async #target(vm: DriverVm): Promise<BuildTarget> {
    const { layout, system, nixpkgs, microvm } = this.#context;
    const directory = layout.directory(vm.name);
    const { source } = vm.spec;
    if (source.kind === 'flake') {
      const { ref, attribute } = source;
      return { ref, attribute, directory, writeLock: false, refresh: vm.rebuilds > 0 };
    }
    const flake = writeFlake({ ...vm, system, nixpkgs, microvm });
    if (flake.unsupported.length > 0) {
      throw new DriverFailure('Unsupported', flake.unsupported.join('; '), false);
    }
    await rm(layout.path(vm.name, `${DEFINITION}/modules`), { recursive: true, force: true });
    for (const [file, text] of Object.entries(flake.files)) {
      await layout.writeFile(vm.name, `${DEFINITION}/${file}`, text);
    }
    const path = `${directory}/${DEFINITION}`.split('/').map(encodeURIComponent).join('/');
    return { ref: `path:${path}`, attribute: vm.name, directory, writeLock: flake.lockable, refresh: vm.rebuilds > 0 };
  }

  async #resources(vm: DriverVm, target: BuildTarget, runner: string): Promise<Resources> {
    const { source, vcpu, memoryMib } = vm.spec;
    // n3x wrote these figures itself, and nothing else could have changed them.
    if (source.kind === 'inline' && source.modules.length === 0) return { vcpu, memoryMib };
    // A runner's store path is made from its whole configuration: the same path has the same figures.
    const known = this.#resourcesOf.get(runner);
    if (known !== undefined) return known;
    const resources = await this.#context.nix.resources(target, this.#context.signal);
    if (this.#resourcesOf.size >= REMEMBERED_RUNNERS) this.#resourcesOf.clear();
    this.#resourcesOf.set(runner, resources);
    return resources;
  }

  /** What the runner of a VM is built from, as a hash. */
  inputHash(vm: DriverVm): string {
    const { nixpkgs, microvm, system } = this.#context;
    const { source, vcpu, memoryMib } = vm.spec;
    const input =
      source.kind === 'flake' ? [source] : [source, vcpu, memoryMib, vm.allocation, nixpkgs, microvm, system];
    // A build that is brought back is another than one from the same spec: what that refers to may have moved.
    const asked = vm.rebuilds === 0 && vm.restore === undefined ? [] : [vm.rebuilds, vm.restore?.runner ?? null];
    return createHash('sha256')
      .update(JSON.stringify([vm.uid, ...input, ...asked]))
      .digest('hex');
  }

  async #start(vm: DriverVm, restarts: number, again: boolean): Promise<void> {
    const { layout, supervisor, supervisorOf } = this.#context;
    const marker = await layout.managed(vm.name, vm.uid);
    if ((await supervisorOf(marker).inspect(vm.name, marker)) !== undefined) {
      if (marker.run?.restarts !== restarts) {
        throw new DriverFailure('StillRunning', `${vm.name} runs since before it was asked to restart`, true);
      }
      await layout.updateMarker(vm.name, (before) => ({ ...before, epoch: vm.epoch }));
      return;
    }
    const runner = await layout.readLink(vm.name, 'current');
    if (runner === undefined || !(await exists(`${runner}/bin/microvm-run`))) {
      throw new DriverFailure('NotBuilt', `${vm.name} has no runner yet: it must be built first`, true);
    }
    await this.#refuseLostVolumes(vm.name, marker);
    await this.#context.volumes.attach(vm, (image) => layout.path(vm.name, image));
    // Looked at and taken in one step, so that two that start at once see each other.
    await this.#claims.run('host', async () => {
      await refuseCollisions(layout, vm.name, runner);
      await layout.setLink(vm.name, 'booted', runner);
    });
    await layout.updateMarker(vm.name, (before) => ({ ...before, epoch: vm.epoch }));
    await supervisor.start(vm.name, runner, { restarts, generation: vm.generation, again, fenced: vm.fenced });
  }

  /** A runner makes a new, empty image where one is missing: not where there was data before. */
  async #refuseLostVolumes(name: string, marker: Marker): Promise<void> {
    for (const image of marker.volumes) {
      if (await exists(this.#context.layout.path(name, image))) continue;
      const message = `the volume image ${image} of ${name} is gone from this host; a start would make an empty one`;
      throw new DriverFailure('VolumeMissing', message, false);
    }
  }

  async #stop({ name, uid, timeoutSeconds, unhealthy }: Extract<DriverAction, { type: 'stop' }>): Promise<void> {
    const { layout, supervisorOf } = this.#context;
    const claim = await layout.claim(name);
    if (claim.kind === 'foreign') await layout.managed(name, uid);
    // Gone, or another VM by now: nothing of this one runs here.
    if (claim.kind !== 'managed' || claim.marker.uid !== uid) return;
    // Before the stop: whoever finds it stopped finds out why.
    await layout.updateMarker(name, ({ lastExit: _, ...marker }) =>
      unhealthy === true
        ? { ...marker, lastExit: { code: null, signal: null, atMs: Date.now(), unhealthy } }
        : { ...marker, again: [] },
    );
    await supervisorOf(claim.marker).stop(name, timeoutSeconds * 1000);
  }

  async #remove(name: string, uid: string): Promise<void> {
    const { layout, supervisorOf } = this.#context;
    const claim = await layout.claim(name);
    if (claim.kind === 'foreign') await layout.managed(name, uid);
    if (claim.kind === 'managed') {
      if (claim.marker.uid !== uid) return;
      if ((await supervisorOf(claim.marker).inspect(name, claim.marker)) !== undefined) {
        throw new DriverFailure('StillRunning', `${name} runs: it must be stopped before it is removed`, true);
      }
    }
    await this.#context.supervisor.forget(name);
    await layout.remove(name);
  }
}
