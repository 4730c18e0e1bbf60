/** People who ask for something every now and then, through any host that is up and from what that host knows. */
import type { Random } from '@n3x/core/base/random';
import type { Command } from '@n3x/core/machine/command';
import type { ClusterState } from '@n3x/core/machine/state';
import type { Trace } from '../trace/trace.ts';
import type { SimulatedHost } from '../world/simulated-host.ts';
import type { World } from '../world/world.ts';

/** How long a request may take, in ms. */
const TIMEOUT_MS = 5_000;

/** Draws one of a list; undefined of an empty one. */
export type Pick = <T>(from: readonly T[]) => T | undefined;

/** What they ask for. */
export interface Asking<T extends Command> {
  /** What the ids of their requests begin with. */
  readonly name: string;
  /** Mean time between two requests, in ms. */
  readonly pauseMs: number;
  /** What is asked for next; none when there is nothing to be asked for. */
  readonly choose: (state: ClusterState, through: SimulatedHost, pick: Pick) => readonly T[];
  /** For the trace, after `somebody`. */
  readonly text: (command: T) => string;
}

/** Asks until it is told to stop. */
export class Asker<T extends Command> {
  readonly #world: World;
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #asking: Asking<T>;
  #stopping = false;
  #sequence = 1;

  constructor(world: World, random: Random, trace: Trace, asking: Asking<T>) {
    this.#world = world;
    this.#random = random;
    this.#trace = trace;
    this.#asking = asking;
  }

  /** Begins. */
  start(): void {
    this.#world.timeline.after(this.#random.below(2 * this.#asking.pauseMs), () => {
      if (this.#stopping) return;
      this.#ask();
      this.start();
    });
  }

  /** Asks for nothing more; what is under way goes on. */
  finish(): void {
    this.#stopping = true;
  }

  #ask(): void {
    const pick: Pick = (from) => from[this.#random.below(Math.max(1, from.length))];
    const through = pick(this.#world.hosts.filter((host) => host.isUp));
    const state = through?.loop?.state;
    if (through === undefined || state?.cluster === undefined) return;
    const { name, choose, text } = this.#asking;
    for (const command of choose(state, through, pick)) {
      this.#trace.record({ type: 'note', text: `somebody ${text(command)}` });
      through.command(`${name}.${this.#sequence++}`, command, TIMEOUT_MS, () => undefined);
    }
  }
}
