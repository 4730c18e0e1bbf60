/**
 * The people behind the cluster, as far as faults need them: they take a host that lost its data out of the
 * cluster and let its machine join as a new one, and install another build where the one that is there stops.
 */
import { ERROR_CODES, type N3xError } from '@n3x/core/base/errors';
import type { ClusterState } from '@n3x/core/machine/state';
import type { Trace } from '../trace/trace.ts';
import { Violation } from '../world/observer.ts';
import type { SimulatedHost } from '../world/simulated-host.ts';
import type { World } from '../world/world.ts';
import type { History } from './history.ts';

/** Name of the rule. */
export const COMMANDS_READABLE = 'commands-readable';

/** How long it takes until somebody looks after a host that is down, and between two looks, in ms. */
const NOTICE_MS = 2_000;
const LOOK_MS = 1_000;
/** How long a command of theirs may take, in ms. */
const TIMEOUT_MS = 5_000;
/** In the history they stand as this client. */
const CLIENT = 0;

/** What operators have to know of a run. */
export interface OperatorOptions {
  readonly world: World;
  readonly trace: Trace;
  readonly history: History;
  /** Whether hosts may leave at any time for other reasons. */
  readonly membershipChanges: boolean;
  /** The state that the cluster has agreed on. */
  readonly state: () => ClusterState | undefined;
}

/** All operators of one run. */
export class Operators {
  readonly #options: OperatorOptions;
  /** Hosts that have lost their data and are not replaced yet. */
  readonly #lost = new Set<SimulatedHost>();
  #atWork = 0;
  #sequence = 1;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  /** Whether something that they have begun is not done. */
  get busy(): boolean {
    return this.#lost.size > 0 || this.#atWork > 0;
  }

  /**
   * Whether the cluster can do without the data of `host` for good, and still without that of one more host whose
   * departure may be under way: Raft promises nothing for more.
   */
  mayLose(host: SimulatedHost): boolean {
    const state = this.#options.state();
    if (state === undefined || host.isRetired || this.busy) return false;
    const { hosts } = this.#options.world;
    if (hosts.some((other) => !other.isRetired && other.disk.isRotten)) return false;
    const members = [...state.hosts()];
    if (!members.every(({ membership }) => membership === 'voter' || membership === 'learner')) return false;
    const voters = members.filter(({ membership }) => membership === 'voter');
    const { world } = this.#options;
    // One that died for good counts as a voter until it is replaced, and has nothing any more.
    const left = voters.filter(({ id }) => id !== host.id && world.hostById(id)?.isRetired !== true).length;
    return left >= Math.floor(voters.length / 2) + 1 + (this.#options.membershipChanges ? 1 : 0);
  }

  /** The daemon of `host` will not run as it is. */
  refused(host: SimulatedHost, error: N3xError): void {
    if (host.isRetired || this.#lost.has(host)) return;
    this.#note(`${host.name} refuses to start: ${error.code}`);
    if (error.code === ERROR_CODES.version) this.#otherBuild(host, error);
    else this.wipe(host);
  }

  /** `host` has lost its data directory, or what is in it is of no use. */
  wipe(host: SimulatedHost): void {
    host.wipe();
    this.#lost.add(host);
    this.#note(`${host.name} has lost its data`);
    this.#after(NOTICE_MS, () => this.#replace(host));
  }

  /** Asks `host` to leave. */
  remove(host: SimulatedHost): void {
    this.#through()?.command(
      this.#requestId('leave'),
      { type: 'hostLeave', name: host.name },
      TIMEOUT_MS,
      () => undefined,
    );
  }

  /** Lets a new machine join. */
  join(): void {
    this.#atWork++;
    this.#options.world.join(() => {
      this.#atWork--;
    });
  }

  /** Only a build that was put there against the rules, or a host without a vote that was away, may have to stop. */
  #otherBuild(host: SimulatedHost, error: N3xError): void {
    const membership = this.#options.state()?.host(host.id)?.membership;
    if (membership === 'voter' && !host.wasDowngraded) {
      throw new Violation(COMMANDS_READABLE, `${host.name} votes and has to stop: ${error.message}`);
    }
    this.#atWork++;
    this.#after(NOTICE_MS, () => {
      this.#atWork--;
      host.replaceBuild(this.#options.world.newestFormats);
      host.start();
    });
  }

  /** Removes the lost host until it is out, then lets its machine join under a new name and id. */
  #replace(lost: SimulatedHost): void {
    const member = this.#options.state()?.host(lost.id);
    if (member === undefined) {
      this.#options.world.join(() => void this.#lost.delete(lost));
      return;
    }
    const requestId = this.#requestId('remove');
    const command = { type: 'hostRemove', name: lost.name, force: false } as const;
    if (member.membership !== 'leaving' && !member.reachable) {
      this.#through()?.command(requestId, command, TIMEOUT_MS, () => undefined);
      // Its VMs stop for good, at some time from now on: to their users that comes out of the blue.
      const { history, world } = this.#options;
      for (const object of history.objects.keys()) {
        if (object.startsWith('vm/')) {
          const recorded = history.invoke(CLIENT, { type: 'write', object, command }, requestId, world.timeline.nowMs);
          history.abandon(recorded, world.timeline.nowMs);
        }
      }
    }
    this.#after(LOOK_MS, () => this.#replace(lost));
  }

  /** Any host that is up: one after the other. */
  #through(): SimulatedHost | undefined {
    const up = this.#options.world.hosts.filter((host) => host.isUp && !host.isRetired);
    return up[this.#sequence % Math.max(1, up.length)];
  }

  #requestId(what: string): string {
    return `operator.${what}.${this.#sequence++}`;
  }

  #note(text: string): void {
    this.#options.trace.record({ type: 'note', text });
  }

  #after(delayMs: number, action: () => void): void {
    this.#options.world.timeline.after(delayMs, action);
  }
}
