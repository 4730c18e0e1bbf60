/**
 * Machines that die for good, one after the other, while others are there to take their place: what it takes to
 * see that the voters heal. Nobody removes the dead; new machines join in their stead.
 */
import type { Random } from '@n3x/core/base/random';
import type { ClusterState } from '@n3x/core/machine/state';
import type { Trace } from '../trace/trace.ts';
import type { SimulatedHost } from '../world/simulated-host.ts';
import type { World } from '../world/world.ts';

/** Mean time between two deaths, in ms. */
const PAUSE_MS = 12_000;
/** Of ten that die, how many are voters. */
const VOTERS = 8;

/** What the deaths of one run depend on. */
export interface CasualtyOptions {
  readonly world: World;
  readonly random: Random;
  readonly trace: Trace;
  /** The state that the cluster has agreed on. */
  readonly state: () => ClusterState | undefined;
  /** Whether the cluster can do without the data of a host for good. */
  readonly mayLose: (host: SimulatedHost) => boolean;
  readonly join: () => void;
}

/** Kills machines until it is told to stop. */
export class Casualties {
  readonly #options: CasualtyOptions;
  #stopping = false;
  #dead = 0;

  constructor(options: CasualtyOptions) {
    this.#options = options;
  }

  /** Machines that have died. */
  get dead(): number {
    return this.#dead;
  }

  /** Begins. */
  start(): void {
    const { world, random } = this.#options;
    world.timeline.after(random.below(2 * PAUSE_MS), () => {
      if (this.#stopping) return;
      this.#strike();
      this.start();
    });
  }

  /** Kills nobody any more. */
  finish(): void {
    this.#stopping = true;
  }

  #strike(): void {
    const { world, random, trace, state, mayLose, join } = this.#options;
    const members = [...(state()?.hosts() ?? [])];
    const wanted = random.below(10) < VOTERS ? 'voter' : 'learner';
    const living = members.flatMap((member) => {
      const host = world.hostById(member.id);
      // Agents never vote: they take nobody's place.
      if (host === undefined || host.isRetired || member.settings.role === 'agent') return [];
      return [{ host, membership: member.membership }];
    });
    // The voters have to have healed from the last death. Where nobody is left to take over, a new machine has to come.
    const due = state()?.cluster?.settings.voters ?? 0;
    const voterIsDead = members.some(({ id, membership }) => membership === 'voter' && world.hostById(id)?.isRetired);
    if (living.length < due) join();
    if (voterIsDead || living.length < due) return;
    const candidates = living.filter(({ membership }) => membership === wanted);
    const victim = candidates[random.below(Math.max(1, candidates.length))]?.host;
    if (victim === undefined || !mayLose(victim)) return;
    this.#dead++;
    trace.record({ type: 'note', text: `${victim.name} dies for good` });
    victim.wipe();
    if (living.length <= due + 1 || random.below(2) === 0) join();
  }
}
