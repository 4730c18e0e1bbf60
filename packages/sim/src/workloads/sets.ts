/**
 * The people who keep sets of VMs: they make them, scale them, bring them new templates of which some are bad, take
 * changes back, and delete members by hand. In the end every set is given a template that works.
 */
import type { Random } from '@n3x/core/base/random';
import type { Command } from '@n3x/core/machine/command';
import type { ClusterState } from '@n3x/core/machine/state';
import { type VmSpec, vmSpecSchema } from '@n3x/core/model/vm';
import { memberName, templateRevision, type VmSet } from '@n3x/core/model/vm-set';
import type { Trace } from '../trace/trace.ts';
import { BAD_MODULE } from '../world/simulated-driver.ts';
import type { SimulatedHost } from '../world/simulated-host.ts';
import type { World } from '../world/world.ts';

const NAMES = ['blue', 'red'] as const;
const REPLICAS_MAX = 4;
/** Mean time between two requests, in ms. */
const PAUSE_MS = 1_500;
/** How long a request may take, in ms. */
const TIMEOUT_MS = 5_000;
/** How long a guest of a set may take to get ready, in seconds. */
const READY_SECONDS = 6;
/** Of a hundred templates those that cannot be built, and those whose guests never get ready. */
const BAD_PERCENT = { build: 20, boot: 25 } as const;

/** What is asked of whole sets: more often something that starts them. */
const ACTIONS = ['restart', 'start', 'restart', 'stop'] as const;

/** The template number `version`; what is wrong with it in a word. */
function template(version: number, wrong: '' | 'build' | 'boot'): VmSpec {
  const modules = wrong === '' ? [] : [{ kind: 'text' as const, name: BAD_MODULE, text: wrong }];
  return vmSpecSchema.parse({
    source: { kind: 'inline', modules },
    ...{ vcpu: 1, memoryMib: 64 + (version % 64), readyTimeoutSeconds: READY_SECONDS },
  });
}

/** Keeps sets until it is told to stop, then sees them to their end. */
export class SetKeepers {
  readonly #world: World;
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #state: () => ClusterState | undefined;
  #stopping = false;
  #sequence = 1;

  /** `state` gives the state that the cluster has agreed on. */
  constructor(world: World, random: Random, trace: Trace, state: () => ClusterState | undefined) {
    this.#world = world;
    this.#random = random;
    this.#trace = trace;
    this.#state = state;
  }

  /** Begins. */
  start(): void {
    this.#world.timeline.after(this.#random.below(2 * PAUSE_MS), () => {
      const command = this.#stopping ? this.#last() : this.#choose();
      if (command !== undefined) this.#ask(command);
      this.start();
    });
  }

  /** Asks for nothing new; what has failed is mended until all is well. */
  finish(): void {
    this.#stopping = true;
  }

  /** Why the sets are not as asked yet; undefined when they are. */
  busy(): string | undefined {
    const state = this.#state();
    for (const set of state?.vmSets() ?? []) {
      const outcome = templateRevision(set, set.current)?.outcome;
      if (outcome !== 'ready') return `set ${set.name} is at revision ${set.current}, which is ${outcome}`;
      if (set.power === 'stopped') return `set ${set.name} is stopped`;
      if (set.span !== set.replicas) return `set ${set.name} has ${set.span} places and shall have ${set.replicas}`;
      for (let ordinal = 0; ordinal < set.replicas; ordinal++) {
        const vm = state?.vm(memberName(set.name, ordinal));
        if (vm === undefined) return `${memberName(set.name, ordinal)} is missing`;
        if ((vm.memberOf?.restarts ?? 0) !== (set.restarts ?? 0)) return `${vm.name} has yet to be restarted`;
        if (vm.memberOf?.template !== set.current)
          return `${vm.name} is at revision ${vm.memberOf?.template}, not ${set.current}`;
      }
    }
    return undefined;
  }

  #ask(command: Command): void {
    const up = this.#world.hosts.filter((host) => host.isUp);
    const through: SimulatedHost | undefined = up[this.#random.below(Math.max(1, up.length))];
    if (through === undefined) return;
    const name = 'name' in command ? command.name : '';
    this.#trace.record({ type: 'note', text: `somebody asks for ${command.type} of ${name}` });
    through.command(`sets.${this.#sequence++}`, command, TIMEOUT_MS, () => undefined);
  }

  #choose(): Command | undefined {
    const name = NAMES[this.#random.below(NAMES.length)] ?? NAMES[0];
    const set = this.#state()?.vmSet(name);
    const wish = this.#random.below(16);
    if (set === undefined) {
      const limits = { replicas: 2 + this.#random.below(REPLICAS_MAX - 1), maxUnavailable: 1 + this.#random.below(2) };
      const onFailure = this.#random.below(3) === 0 ? 'pause' : 'rollback';
      return {
        type: 'vmSetCreate',
        name,
        uid: `set${this.#sequence}`,
        template: template(0, ''),
        ...limits,
        onFailure,
      };
    }
    if (wish < 3) return { type: 'vmSetScale', name, replicas: this.#random.below(REPLICAS_MAX + 1) };
    if (wish < 8) return this.#change(set);
    if (wish < 9) return { type: 'vmSetRollback', name };
    if (wish < 11) return { type: 'vmDelete', name: memberName(name, this.#random.below(REPLICAS_MAX)) };
    if (wish < 15) return { type: 'vmSetRun', name, action: ACTIONS[wish - 11] ?? 'start' };
    return this.#random.below(4) === 0 ? { type: 'vmSetDelete', name } : this.#change(set);
  }

  #change({ name }: VmSet): Command {
    const chance = this.#random.below(100);
    const { build, boot } = BAD_PERCENT;
    const wrong = chance < build ? 'build' : chance < build + boot ? 'boot' : '';
    return {
      type: 'vmSetUpdate',
      name,
      template: template(this.#sequence, wrong),
      rebuild: this.#random.below(5) === 0,
    };
  }

  /** Something for a set that is stopped, or whose update failed: another one that works. */
  #last(): Command | undefined {
    for (const set of this.#state()?.vmSets() ?? []) {
      const now = templateRevision(set, set.current);
      const isBad = now?.template.source.kind === 'inline' && now.template.source.modules.length > 0;
      if (!set.deleting && set.power === 'stopped') return { type: 'vmSetRun', name: set.name, action: 'start' };
      if (!set.deleting && (isBad || now?.outcome === 'failed')) {
        return { type: 'vmSetUpdate', name: set.name, template: template(this.#sequence, ''), rebuild: true };
      }
    }
    return undefined;
  }
}
