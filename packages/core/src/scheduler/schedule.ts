/**
 * The scheduler: from the state to placement commands. Pure and complete in itself: `schedule(state, limits)`
 * considers every VM that waits for a host, the most important and then the oldest first, and counts what it has
 * placed in the same pass.
 *
 * Hard rules are in `machine/fit.ts` (apply holds them too), points in `score.ts`, the order of hosts in
 * `candidates.ts`, who makes room in `preemption.ts`, reasons in `feasible.ts`, all of it for people in `explain.ts`.
 */
import type { Command } from '../machine/command.ts';
import { isLasting, misfits } from '../machine/fit.ts';
import { vmSlot } from '../machine/indexes.ts';
import type { ClusterState } from '../machine/state.ts';
import { strategyOf } from '../model/cluster.ts';
import type { Host } from '../model/host.ts';
import type { Strategy } from '../model/placement.ts';
import { type Vm, vmPriority } from '../model/vm.ts';
import { projectOf } from '../model/vm-name.ts';
import { ALL_KEPT_UP_TO, type Weighing } from '../model/weighing.ts';
import { type Candidates, candidates, type Kind, kindOf } from './candidates.ts';
import { explainUnplaceable, placedByHand, UNPLACEABLE_REASONS, type Unplaceable } from './feasible.ts';
import { HostList } from './host-list.ts';
import { PassLoads } from './loads.ts';
import { planPreemption } from './preemption.ts';
import { type Question, weighAll, weighBest } from './weighing.ts';

/** A decision about one VM. */
export type PlacementCommand = Extract<Command, { type: 'vmAssign' | 'vmPreempt' | 'vmUnplaceable' }>;

/** How much one pass may decide. What is left waits for the next. */
export interface ScheduleLimits {
  /** VMs given a host. */
  readonly assignments: number;
  /** VMs told anew why they have none, and kinds of VM that are looked at for it. */
  readonly explanations: number;
  /** VMs that others are made to give way to. */
  readonly preemptions: number;
}

/** Limits of one pass that keep its commands within a few rounds of the log. */
export const SCHEDULE_LIMITS: ScheduleLimits = { assignments: 1024, explanations: 64, preemptions: 16 };

/** VMs that want a host: the most important, then the oldest first. */
function queue(state: ClusterState): Vm[] {
  const waiting: Vm[] = [];
  for (const name of state.waiting) {
    const vm = state.vm(name);
    if (vm !== undefined) waiting.push(vm);
  }
  return waiting.sort((a, b) => vmPriority(b) - vmPriority(a) || vmSlot(a) - vmSlot(b));
}

/** One pass over the VMs that wait. */
class Pass {
  readonly #state: ClusterState;
  readonly #limits: ScheduleLimits;
  readonly #hosts: HostList;
  readonly #loads: PassLoads;
  readonly #kinds = new Map<string, Candidates>();
  /** Kinds of the VMs that were looked at in advance. */
  readonly #kindOf = new Map<Vm, string>();
  /** Reasons by kind of VM: those that ask for the same hear the same. */
  readonly #reasons = new Map<string, { readonly why: Unplaceable; readonly weighing: Weighing } | undefined>();
  /** VMs without a host, with their kinds: told why once it is known what the others took. */
  readonly #left: { readonly vm: Vm; readonly kind: string }[] = [];
  /** Names of VMs that were made to give way in this pass. */
  readonly #victims = new Set<string>();
  /** Kinds of VM, with their priorities, that nobody can make room for. */
  readonly #noRoom = new Set<string>();
  readonly #commands: PlacementCommand[] = [];
  readonly #by: number;
  #assignments = 0;
  #explanations = 0;
  #preemptions = 0;

  constructor(state: ClusterState, limits: ScheduleLimits, by: number) {
    this.#by = by;
    this.#state = state;
    this.#limits = limits;
    this.#hosts = new HostList(state.hosts());
    this.#loads = new PassLoads(state);
  }

  get isFull(): boolean {
    return this.#assignments >= this.#limits.assignments;
  }

  /** Orders the hosts for VMs that are certain to be considered before anything is full, all kinds in one go. */
  prepare(vms: readonly Vm[]): void {
    const kinds = new Map<string, Kind>();
    for (const vm of vms) {
      const strategy = this.#strategyOf(vm);
      if (strategy === 'manual' || vm.spec.placement.host !== undefined) continue;
      const kind = kindOf(vm, strategy);
      this.#kindOf.set(vm, kind);
      if (!kinds.has(kind)) kinds.set(kind, { vm, strategy });
    }
    const found = candidates([...kinds.values()], this.#hosts, this.#loads);
    for (const [i, kind] of [...kinds.keys()].entries()) {
      const one = found[i];
      if (one !== undefined) this.#kinds.set(kind, one);
    }
  }

  consider(vm: Vm): void {
    const { placement } = vm.spec;
    const strategy = this.#strategyOf(vm);
    if (strategy === 'manual' && placement.host === undefined) {
      this.#explain(vm, placedByHand(vm));
      return;
    }
    const kind = this.#kindOf.get(vm) ?? kindOf(vm, strategy);
    const found = placement.host === undefined ? this.#candidates(vm, strategy, kind) : undefined;
    const host = placement.host === undefined ? found?.best(vm) : this.#only(vm, placement.host);
    if (host !== undefined) {
      const weighing = this.#weigh(vm, strategy, host, found);
      this.#loads.place(vm, host.id, strategy === 'round-robin');
      this.#commands.push({ type: 'vmAssign', ...base(vm), hostId: host.id, weighing });
      this.#assignments += 1;
      return;
    }
    if (this.#waitsForRoom(vm) || this.#makeRoom(vm, kind)) return;
    this.#left.push({ vm, kind });
  }

  /** Tells the VMs that are left why, as of the end of the pass. Those that know a reason take turns from entry to entry. */
  finish(): PlacementCommand[] {
    const isTold = ({ status }: Vm) => UNPLACEABLE_REASONS.has(status.reason);
    const told = this.#left.filter(({ vm }) => isTold(vm));
    const first = told.length === 0 ? 0 : this.#state.index % told.length;
    const untold = this.#left.filter(({ vm }) => !isTold(vm));
    for (const { vm, kind } of [...untold, ...told.slice(first), ...told.slice(0, first)]) {
      if (!this.#reasons.has(kind)) {
        if (this.#reasons.size >= this.#limits.explanations) continue;
        const why = explainUnplaceable(vm, this.#hosts.all, this.#loads);
        const strategy = this.#strategyOf(vm);
        this.#reasons.set(kind, why && { why, weighing: weighAll(this.#question(vm, strategy)) });
      }
      const reason = this.#reasons.get(kind);
      if (reason !== undefined) this.#explain(vm, reason.why, reason.weighing);
    }
    return this.#commands;
  }

  #strategyOf(vm: Vm): Strategy {
    return strategyOf(this.#state.cluster, this.#state.project(projectOf(vm.name)), vm.spec.placement);
  }

  #question(vm: Vm, strategy: Strategy): Question {
    return { vm, strategy, hosts: this.#hosts.all, loads: this.#loads, from: this.#state.index, by: this.#by };
  }

  /** What is remembered of the choice of `host`, before the VM counts there. */
  #weigh(vm: Vm, strategy: Strategy, host: Host, found: Candidates | undefined): Weighing {
    const question = this.#question(vm, strategy);
    if (found === undefined || this.#hosts.all.length <= ALL_KEPT_UP_TO) return weighAll(question, host);
    return weighBest(question, [host, ...found.next(vm, host)], found.excluded, found.parts);
  }

  #candidates(vm: Vm, strategy: Strategy, kind: string): Candidates | undefined {
    let found = this.#kinds.get(kind);
    if (found === undefined) {
      [found] = candidates([{ vm, strategy }], this.#hosts, this.#loads);
      if (found !== undefined) this.#kinds.set(kind, found);
    }
    return found;
  }

  #only(vm: Vm, name: string): Host | undefined {
    const host = this.#state.hostByName(name);
    return host !== undefined && misfits(vm, host, this.#loads).length === 0 ? host : undefined;
  }

  /** Whether others are making room for it: what they leave is kept free for it. */
  #waitsForRoom(vm: Vm): boolean {
    for (const hostId of this.#state.indexes.roomMadeOn(vm.name)) {
      const host = this.#state.host(hostId);
      if (host === undefined || misfits(vm, host, this.#loads).some(isLasting)) continue;
      this.#loads.reserve(vm, hostId);
      return true;
    }
    return false;
  }

  #makeRoom(vm: Vm, kind: string): boolean {
    const { host } = vm.spec.placement;
    const hosts = host === undefined ? this.#hosts.all : this.#hosts.all.filter(({ name }) => name === host);
    if (this.#preemptions >= this.#limits.preemptions) return false;
    // What would not do for one will not do for another: in a pass hosts only get fuller.
    const tried = `${vmPriority(vm)} ${kind}`;
    if (this.#noRoom.has(tried)) return false;
    const plan = planPreemption(this.#state, vm, hosts, this.#loads, this.#victims);
    if (plan === undefined) {
      this.#noRoom.add(tried);
      return false;
    }
    const victims: { name: string; uid: string; epoch: number }[] = [];
    for (const { name, uid, assignment } of plan.victims) {
      victims.push({ name, uid, epoch: assignment?.epoch ?? 0 });
      this.#victims.add(name);
    }
    this.#loads.reserve(vm, plan.host.id);
    this.#commands.push({ type: 'vmPreempt', ...base(vm), hostId: plan.host.id, victims });
    this.#preemptions += 1;
    return true;
  }

  #explain(vm: Vm, { reason, message }: Unplaceable, weighing?: Weighing): void {
    if (vm.status.reason === reason && vm.status.message === message) return;
    if (this.#explanations >= this.#limits.explanations) return;
    const seen = weighing === undefined ? {} : { weighing };
    this.#commands.push({ type: 'vmUnplaceable', ...base(vm), reason, message, ...seen });
    this.#explanations += 1;
  }
}

function base({ name, uid, modifiedIndex }: Vm): { name: string; uid: string; baseIndex: number } {
  return { name, uid, baseIndex: modifiedIndex };
}

/**
 * Decisions for the VMs that wait, made by the host with the id `by`. A VM whose explanation has not changed gets none.
 */
export function schedule(
  state: ClusterState,
  by: number,
  limits: ScheduleLimits = SCHEDULE_LIMITS,
): PlacementCommand[] {
  return state.waiting.size === 0 ? [] : scheduleThese(state, queue(state), by, limits);
}

/** As {@link schedule}, for these VMs alone and in their order. None of them has a host; they need not be of the state. */
export function scheduleThese(
  state: ClusterState,
  waiting: readonly Vm[],
  by: number,
  limits: ScheduleLimits,
): PlacementCommand[] {
  const pass = new Pass(state, limits, by);
  pass.prepare(waiting.slice(0, limits.assignments));
  for (const vm of waiting) {
    if (pass.isFull) break;
    pass.consider(vm);
  }
  return pass.finish();
}
