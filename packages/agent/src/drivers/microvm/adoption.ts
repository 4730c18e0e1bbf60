/**
 * What was on the host before n3x: finds it, takes a VM over without touching its process, and hands one back. A VM of the
 * host's own NixOS configuration is left alone.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DriverVm } from '@n3x/core/ports/driver';
import { DriverFailure } from './failure.ts';
import { exists, type Layout } from './layout.ts';
import { MARKER_FILE, type Marker, type Run, writeMarker } from './marker.ts';
import type { Supervisor } from './supervisor.ts';

/** Where NixOS puts the units of the host's configuration; those that install its microVMs have a name of their own. */
const SYSTEM_UNITS = '/etc/systemd/system';

/** Whose a microVM of a host is. */
export type FoundVm =
  /** n3x manages it. */
  | { readonly kind: 'managed'; readonly name: string; readonly uid: string; readonly pid: number | null }
  /** It belongs to the host's own configuration. */
  | { readonly kind: 'declarative'; readonly name: string; readonly pid: number | null }
  /** Somebody else made it, or n3x handed it back: it can be adopted when it names a flake. */
  | { readonly kind: 'foreign'; readonly name: string; readonly pid: number | null; readonly flake: string | null }
  /** No microVM can be made of what is there: its runner is missing, or it was never finished. */
  | { readonly kind: 'remains'; readonly name: string; readonly pid: null };

/** What adoption needs. */
export interface AdoptionContext {
  readonly layout: Layout;
  /** The supervisor of what is adopted. */
  readonly supervisor: Supervisor;
  readonly supervisorOf: (marker: Marker) => Supervisor;
  /** What the runner of a VM is built from, as a hash. */
  readonly inputHash: (vm: DriverVm) => string;
  /** Units of the host's configuration; the system's without it. */
  readonly systemUnits?: string;
}

/** Looks, takes over, hands back. Rejects with a `DriverFailure` or a system error. */
export class Adoption {
  readonly #context: AdoptionContext;

  constructor(context: AdoptionContext) {
    this.#context = context;
  }

  /** All microVMs of the host. */
  async find(): Promise<FoundVm[]> {
    const found: FoundVm[] = [];
    for (const name of await this.#context.layout.names()) found.push(await this.look(name));
    return found;
  }

  /** One of them; `NotFound` when there is none of that name. */
  async look(name: string): Promise<FoundVm> {
    const { layout, supervisor, supervisorOf } = this.#context;
    const claim = await layout.claim(name);
    if (claim.kind === 'free') {
      throw new DriverFailure('NotFound', `there is no microVM ${name} on this host`, false);
    }
    if (claim.kind === 'managed') {
      const process = await supervisorOf(claim.marker).inspect(name, claim.marker);
      return { kind: 'managed', name, uid: claim.marker.uid, pid: process?.pid ?? null };
    }
    const running = await supervisor.findForeign(name);
    const pid = running?.pid ?? null;
    if (await this.#isDeclarative(name)) return { kind: 'declarative', name, pid };
    const flake = (await layout.readFile(name, 'flake'))?.trim();
    if (pid === null && !(await exists(layout.path(name, 'current')))) return { kind: 'remains', name, pid };
    return { kind: 'foreign', name, pid, flake: flake === undefined || flake === '' ? null : flake };
  }

  /** Writes the marker of a VM that is on the host; its process, if it runs, is from now on the VM's. */
  async adopt(vm: DriverVm): Promise<void> {
    const { layout, supervisor, inputHash } = this.#context;
    const { name } = vm;
    const claim = await layout.claim(name);
    if (claim.kind === 'managed' && claim.marker.uid === vm.uid) return;
    const found = await this.look(name);
    if (found.kind !== 'foreign') {
      throw new DriverFailure(
        'NotAdoptable',
        `the microVM ${name} on this host cannot be adopted: ${whyNot(found)}`,
        false,
      );
    }
    for (const link of ['current', 'booted'] as const) {
      const target = await layout.readLink(name, link);
      // Rooted by n3x's own hand: what it runs from must not be collected.
      if (target !== undefined) await layout.setLink(name, link, target);
    }
    const images = (await readdir(layout.directory(name))).filter((file) => file.endsWith('.img')).sort();
    await writeMarker(layout.directory(name), {
      format: 1,
      uid: vm.uid,
      epoch: vm.epoch,
      builtGeneration: vm.generation,
      inputHash: inputHash(vm),
      restarts: 0,
      startedGeneration: vm.generation,
      // They hold data, and must never be made anew.
      volumes: images,
      evaluated: { vcpu: vm.spec.vcpu, memoryMib: vm.spec.memoryMib },
      run: null,
    });
    try {
      const run = await supervisor.takeOver(name, vm.fenced);
      if (run !== undefined) await layout.updateMarker(name, (marker) => ({ ...marker, run: withRunner(run, marker) }));
    } catch (error) {
      await rm(join(layout.directory(name), MARKER_FILE), { force: true });
      throw error;
    }
  }

  /** Takes the marks of n3x away, last of all its marker. The process runs on and nothing ends it any more. */
  async release(name: string, uid: string): Promise<void> {
    const { layout, supervisorOf } = this.#context;
    const claim = await layout.claim(name);
    if (claim.kind !== 'managed' || claim.marker.uid !== uid) return;
    const supervisor = supervisorOf(claim.marker);
    // Looked at first: it may have ended, and its end leaves things to take away.
    await supervisor.inspect(name, claim.marker);
    const marker = await layout.managed(name, uid);
    await supervisor.letGo(name, marker.run);
    await rm(join(layout.directory(name), MARKER_FILE), { force: true });
  }

  async #isDeclarative(name: string): Promise<boolean> {
    const { layout, systemUnits = SYSTEM_UNITS } = this.#context;
    if (await exists(layout.path(name, 'toplevel'))) return true;
    return await exists(join(systemUnits, `install-microvm-${name}.service`));
  }
}

function withRunner(run: Run, marker: Marker): Run {
  return { ...run, restarts: marker.restarts };
}

/** Why a microVM cannot be adopted, in words. */
export function whyNot(found: FoundVm): string {
  switch (found.kind) {
    case 'managed':
      return 'n3x manages it already, as another VM';
    case 'declarative':
      return "it belongs to the host's own NixOS configuration: take it out of microvm.vms there first";
    case 'remains':
      return 'it has no runner: there is nothing that could run';
    case 'foreign':
      return found.flake === null
        ? 'it has no file "flake" that says what it is built from: write the reference there'
        : 'it can be';
  }
}
