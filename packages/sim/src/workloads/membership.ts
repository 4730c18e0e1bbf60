/** Hosts that join and leave while everything else goes on. */
import type { Random } from '@n3x/core/base/random';
import type { ClusterState } from '@n3x/core/machine/state';
import type { Trace } from '../trace/trace.ts';
import type { World } from '../world/world.ts';

/** Mean time between two changes, in ms. */
const PAUSE_MS = 6_000;
/** Time that the daemon of a host that is out goes on, in ms: nobody tells it. */
const LINGER_MS = 1_000;
/** Bounds on the number of members. */
const MEMBERS = [3, 7] as const;

/** Changes who is a member, one change after the other, until it is told to stop. */
export class MembershipChanges {
  readonly #world: World;
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #state: () => ClusterState | undefined;
  #stopping = false;
  #sequence = 1;
  #joining = 0;
  #changes = 0;

  /** `state` gives the state that the cluster has agreed on. */
  constructor(world: World, random: Random, trace: Trace, state: () => ClusterState | undefined) {
    this.#world = world;
    this.#random = random;
    this.#trace = trace;
    this.#state = state;
  }

  /** Joins and departures that were begun. */
  get changes(): number {
    return this.#changes;
  }

  /** Whether a host that was to join has yet to. */
  get busy(): boolean {
    return this.#joining > 0;
  }

  /** Begins. */
  start(): void {
    this.#world.timeline.after(this.#random.below(2 * PAUSE_MS), () => {
      if (this.#stopping) return;
      this.#change();
      this.start();
    });
  }

  /** Begins no more changes. */
  finish(): void {
    this.#stopping = true;
  }

  /** Lets the daemons of hosts that are out of the cluster end. */
  retire(): void {
    const state = this.#state();
    if (state === undefined) return;
    for (const host of this.#world.hosts) {
      if (host.isRetired || state.host(host.id) !== undefined) continue;
      host.retire();
      this.#world.timeline.after(LINGER_MS, () => host.keepDown('process'));
      this.#trace.record({ type: 'note', text: `${host.name} is out of the cluster` });
    }
  }

  #change(): void {
    const members = [...(this.#state()?.hosts() ?? [])];
    const staying = members.filter((host) => host.membership !== 'leaving');
    const grows = this.#random.below(2) === 0 ? staying.length < MEMBERS[1] : staying.length <= MEMBERS[0];
    if (grows) {
      if (this.#joining > 0) return;
      this.#joining++;
      this.#changes++;
      this.#trace.record({ type: 'note', text: 'a host joins' });
      this.#world.join(() => {
        this.#joining--;
      });
      return;
    }
    const leaving = staying[this.#random.below(staying.length)];
    const up = this.#world.hosts.filter((host) => host.isUp && !host.isRetired);
    const through = up[this.#random.below(Math.max(1, up.length))];
    if (leaving === undefined || through === undefined) return;
    this.#changes++;
    this.#trace.record({ type: 'note', text: `${leaving.name} is to leave` });
    // A refusal, because it has VMs, is as good as any answer.
    const command = { type: 'hostLeave', name: leaving.name } as const;
    through.command(`leave.${this.#sequence++}`, command, 5_000, () => undefined);
  }
}
