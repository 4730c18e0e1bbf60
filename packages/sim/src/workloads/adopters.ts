/**
 * The people who have microVMs of their own on hosts: they start some, let n3x take them over and take them back. What
 * the shell of a host does for them beside the log (its marks on the VM) is done here, and is cut short when the host's daemon
 * ends meanwhile; then it is asked for again.
 */
import type { Random } from '@n3x/core/base/random';
import { driverVm } from '@n3x/core/host/want';
import type { Command } from '@n3x/core/machine/command';
import { type Vm, type VmSpec, vmSpecSchema } from '@n3x/core/model/vm';
import type { CommandOutcome } from '@n3x/core/ports/client';
import type { LeftAlone } from '../checkers/adoption.ts';
import type { Trace } from '../trace/trace.ts';
import type { SimulatedHost } from '../world/simulated-host.ts';
import type { World } from '../world/world.ts';

/** Mean time between two requests, in ms. */
const PAUSE_MS = 500;
/** How long a request may take, in ms. */
const TIMEOUT_MS = 5_000;
/** Longest time, in ms, from what the log says to the marks on the VM. */
const MARKS_MS = 300;
/** microVMs of their own on one host. */
const PER_HOST = 2;

/** A microVM that was on a host before n3x. */
interface Found {
  readonly name: string;
  readonly uid: string;
  readonly host: SimulatedHost;
  readonly spec: VmSpec;
}

/** Adopts and releases until it is told to stop, and then only finishes what it has begun. */
export class Adopters {
  readonly #world: World;
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #rules: LeftAlone;
  readonly #found: Found[] = [];
  #stopping = false;
  #sequence = 1;

  constructor(world: World, random: Random, trace: Trace, rules: LeftAlone) {
    this.#world = world;
    this.#random = random;
    this.#trace = trace;
    this.#rules = rules;
  }

  /** Begins. */
  start(): void {
    this.#world.timeline.after(this.#random.below(2 * PAUSE_MS), () => {
      const up = this.#world.hosts.filter((host) => host.isUp && !host.isStalled && !host.isRetired);
      const host = up[this.#random.below(Math.max(1, up.length))];
      if (host !== undefined) this.#act(host);
      this.start();
    });
  }

  /** Asks for nothing new; what was cut short is gone on with. */
  finish(): void {
    this.#stopping = true;
  }

  /** What is not finished, in words. */
  busy(): string | undefined {
    for (const found of this.#found) {
      if (found.host.isRetired) continue;
      const vm = this.#vmOf(found);
      if (vm?.deleting === true) return `${found.name} is being handed back`;
      if (vm !== undefined && !found.host.driver.manages(found.name)) return `${found.name} is being taken over`;
    }
    return undefined;
  }

  /** As its own host knows it. */
  #vmOf({ name, uid, host }: Found): Vm | undefined {
    const vm = host.loop?.state.vm(name);
    return vm?.uid === uid ? vm : undefined;
  }

  #act(host: SimulatedHost): void {
    const here = this.#found.filter((found) => found.host === host);
    if (!this.#stopping && here.length < PER_HOST && this.#random.below(3) === 0) {
      this.#make(host, `own-${host.name}-${here.length}`);
      return;
    }
    const found = here[this.#random.below(Math.max(1, here.length))];
    if (found === undefined) return;
    const vm = this.#vmOf(found);
    const isManaged = host.driver.manages(found.name);
    // Begun and cut short.
    if (vm !== undefined && !vm.deleting && !isManaged) this.#adopt(found, vm.power);
    else if (vm?.releasing === true) this.#release(found);
    else if (this.#stopping || this.#random.below(2) === 0) return;
    else if (vm === undefined && !isManaged) this.#adopt(found, host.driver.runs(found.name) ? 'running' : 'stopped');
    else if (vm !== undefined) this.#release(found);
  }

  #make(host: SimulatedHost, name: string): void {
    const isPinned = this.#random.below(2) === 0;
    const spec = vmSpecSchema.parse({
      source: { kind: 'flake', ref: 'github:people/own', attribute: name },
      ...{ vcpu: 1, memoryMib: 64, failover: 'stay' },
      ...(isPinned ? { placement: { requireLabels: {}, host: host.name } } : {}),
    });
    this.#found.push({ name, uid: `uid-${name}`, host, spec });
    host.driver.place(name, `uid-${name}`, this.#random.below(4) > 0);
    this.#trace.record({ type: 'note', text: `somebody has a microVM ${name} on ${host.name}` });
  }

  #adopt(found: Found, power: Vm['power']): void {
    const { name, uid, spec, host } = found;
    this.#ask(found, { type: 'vmAdopt', name, uid, spec, power, hostId: host.id }, () => {
      const vm = this.#vmOf(found);
      if (vm?.assignment == null || vm.deleting) return;
      host.driver.adopt(driverVm(vm, vm.assignment.epoch));
    });
  }

  #release(found: Found): void {
    const { name, uid, host } = found;
    this.#ask(found, { type: 'vmRelease', name }, () => {
      if (this.#vmOf(found)?.releasing !== true) return;
      host.driver.release(name, uid);
      this.#rules.released(uid);
    });
  }

  /** Asks the VM's own host, and leaves the marks there a moment later, unless its daemon has ended. */
  #ask(found: Found, command: Extract<Command, { type: 'vmAdopt' | 'vmRelease' }>, mark: () => void): void {
    const { host, name, uid } = found;
    const { loop } = host;
    const done = (outcome: CommandOutcome | undefined): void => {
      if (outcome?.type !== 'result' || !outcome.result.ok) return;
      if (command.type === 'vmAdopt') this.#rules.adopted(uid);
      this.#world.timeline.after(this.#random.below(MARKS_MS), () => {
        if (host.loop === loop && !host.isStalled) mark();
      });
    };
    this.#trace.record({ type: 'note', text: `somebody asks for ${command.type} of ${name} on ${host.name}` });
    host.command(`adopter.${this.#sequence++}`, command, TIMEOUT_MS, done);
  }
}
