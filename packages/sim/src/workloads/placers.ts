/**
 * The people who place VMs by hand. They choose among the hosts that had room as far as the host knows that they ask, which
 * may be behind, and the scheduler places VMs at the same time: only `apply` sees both.
 */
import type { Random } from '@n3x/core/base/random';
import type { Command } from '@n3x/core/machine/command';
import { misfits } from '@n3x/core/machine/fit';
import type { ClusterState } from '@n3x/core/machine/state';
import type { Trace } from '../trace/trace.ts';
import type { World } from '../world/world.ts';

/** Mean time between two requests, in ms. */
const PAUSE_MS = 250;
/** How long a request may take, in ms. */
const TIMEOUT_MS = 5_000;
/** VMs that are placed at once. */
const AT_ONCE = 2;

/** Places VMs until it is told to stop. */
export class Placers {
  readonly #world: World;
  readonly #random: Random;
  readonly #trace: Trace;
  #stopping = false;
  #sequence = 1;

  constructor(world: World, random: Random, trace: Trace) {
    this.#world = world;
    this.#random = random;
    this.#trace = trace;
  }

  /** Begins. */
  start(): void {
    this.#world.timeline.after(this.#random.below(2 * PAUSE_MS), () => {
      if (this.#stopping) return;
      this.#ask();
      this.start();
    });
  }

  /** Asks for nothing more. */
  finish(): void {
    this.#stopping = true;
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[this.#random.below(Math.max(1, from.length))];
  }

  #ask(): void {
    const through = this.#pick(this.#world.hosts.filter((host) => host.isUp));
    const state = through?.loop?.state;
    if (through === undefined || state?.cluster === undefined) return;
    for (const command of this.#choose(state)) {
      this.#trace.record({ type: 'note', text: `somebody places ${command.name} on ${command.host}` });
      through.command(`placer.${this.#sequence++}`, command, TIMEOUT_MS, () => undefined);
    }
  }

  /** One host for some VMs that wait, each of which would fit there alone. */
  #choose(state: ClusterState): Extract<Command, { type: 'vmPlace' }>[] {
    const waiting = [...state.waiting].flatMap((name) => state.vm(name) ?? []);
    const first = this.#pick(waiting);
    if (first === undefined) return [];
    const fits = (host: Parameters<typeof misfits>[1]) => misfits(first, host, state.indexes).length === 0;
    const host = this.#pick([...state.hosts()].filter(fits))?.name;
    if (host === undefined) return [];
    const others = waiting.filter((vm) => vm !== first).slice(0, AT_ONCE - 1);
    return [first, ...others].map(({ name }) => ({ type: 'vmPlace', name, host }));
  }
}
