/**
 * The people who move VMs about: they drain and evacuate hosts, give up on it or let it be, move single VMs, and have the
 * hosts evened out. What they ask for rests on what some host knew, which may be old.
 */
import type { Random } from '@n3x/core/base/random';
import type { Command } from '@n3x/core/machine/command';
import type { ClusterState } from '@n3x/core/machine/state';
import { planRebalance } from '@n3x/core/scheduler/rebalance';
import type { Trace } from '../trace/trace.ts';
import type { SimulatedHost } from '../world/simulated-host.ts';
import type { World } from '../world/world.ts';

/** Mean time between two requests, in ms. */
const PAUSE_MS = 900;
/** How long a request may take, in ms. */
const TIMEOUT_MS = 5_000;
/** Longest deadline of a drain, in ms. */
const DEADLINE_MS = 20_000;

/** Moves VMs until it is told to stop. */
export class Movers {
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

  /** Asks for nothing more; drains that are under way go on. */
  finish(): void {
    this.#stopping = true;
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[this.#random.below(Math.max(1, from.length))];
  }

  #ask(): void {
    const through: SimulatedHost | undefined = this.#pick(this.#world.hosts.filter((host) => host.isUp));
    const state = through?.loop?.state;
    if (through === undefined || state?.cluster === undefined) return;
    const command = this.#choose(state, through);
    if (command === undefined) return;
    this.#trace.record({ type: 'note', text: `somebody asks for ${text(command)}` });
    through.command(`mover.${this.#sequence++}`, command, TIMEOUT_MS, () => undefined);
  }

  #choose(state: ClusterState, through: SimulatedHost): Command | undefined {
    const hosts = [...state.hosts()];
    const busy = hosts.filter(({ drain }) => drain !== undefined);
    const kind = this.#random.below(10);
    if (kind < 4) {
      // Somewhere VMs have to go: most hosts stay in use.
      if (busy.length * 2 >= hosts.length) return this.#undrain(busy.map(({ name }) => name));
      const name = this.#pick(hosts)?.name;
      if (name === undefined) return undefined;
      const mode = this.#random.below(3) === 0 ? 'evacuate' : 'drain';
      const isBounded = this.#random.below(3) === 0;
      const deadlineMs = through.clock.wallMs + 1 + this.#random.below(DEADLINE_MS);
      const parallel = 1 + this.#random.below(3);
      return { type: 'hostDrain', name, mode, parallel, ...(isBounded ? { deadlineMs } : {}) };
    }
    if (kind < 6) return this.#undrain(busy.map(({ name }) => name));
    if (kind < 7) {
      const moves = planRebalance(state, 4).moves.map(({ name, uid, epoch, targetId }) => ({
        name,
        uid,
        epoch,
        targetId,
      }));
      return moves.length === 0 ? undefined : { type: 'clusterRebalance', moves };
    }
    const moving = this.#pick([...state.indexes.moving]);
    if (kind < 8 && moving !== undefined) return { type: 'vmMigrateCancel', name: moving };
    const vm = this.#pick([...state.vms()].filter(({ assignment }) => assignment !== null));
    const targetId = this.#pick(hosts)?.id;
    if (vm === undefined || vm.assignment === null || targetId === undefined) return undefined;
    const { name, uid, assignment } = vm;
    return { type: 'vmMove', name, uid, epoch: assignment.epoch, cause: 'migrate', targetId };
  }

  #undrain(names: readonly string[]): Command | undefined {
    const name = this.#pick(names);
    return name === undefined ? undefined : { type: 'hostUndrain', name };
  }
}

function text(command: Command): string {
  switch (command.type) {
    case 'hostDrain':
      return `the ${command.mode === 'drain' ? 'drain' : 'evacuation'} of ${command.name}, ${command.parallel} at a time`;
    case 'hostUndrain':
      return `the end of the drain of ${command.name}`;
    case 'clusterRebalance':
      return `${command.moves.map(({ name, targetId }) => `${name} to host ${targetId}`).join(', ')}`;
    case 'vmMigrateCancel':
      return `the move of ${command.name} to be taken back`;
    case 'vmMove':
      return `${command.name} on host ${command.targetId}`;
    default:
      return command.type;
  }
}
