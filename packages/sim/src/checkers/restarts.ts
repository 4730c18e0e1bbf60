/**
 * What restart policies promise. A VM whose process ended by itself is started again as often as its policy allows and not once
 * more, whatever becomes of the daemons, until somebody wants it anew; and what the log says is not started any more
 * is not started on any host. Seen where processes begin and end, with what the driver was told.
 */
import type { ClusterState } from '@n3x/core/machine/state';
import { restartOf } from '@n3x/core/model/care';
import { isHalted, type Vm, wishGeneration } from '@n3x/core/model/vm';
import { type ObservedHost, Violation, type VmCourse, type WorldObserver } from '../world/observer.ts';

/** Name of the rule. */
export const RESTART_POLICY = 'restart-policy';

/** What a process was started for, and how often it ended by itself since. */
interface Wish {
  readonly key: string;
  readonly generation: number;
  readonly restarts: number;
  readonly policy: 'always' | 'on-failure' | 'never';
  readonly maxRestarts: number;
  /** Ends by itself that were not followed by a stop that was ordered. */
  ends: number;
  /** The policy leaves it at its last end. */
  isOver: boolean;
}

/** Watches how VMs are started again. */
export class RestartRules implements WorldObserver {
  readonly #state: () => ClusterState | undefined;
  /** By host and VM. */
  readonly #wishes = new Map<string, Wish>();
  /** Wishes that were over at some time: VM, generation and count of restarts that the process was started for. */
  readonly #over = new Map<string, { readonly generation: number; readonly restarts: number }[]>();
  #restarts = 0;
  #halts = 0;

  /** `state`: what the cluster has agreed on. */
  constructor(state: () => ClusterState | undefined) {
    this.#state = state;
  }

  /** Restarts, and ends that were left at that. */
  get counts(): Readonly<Record<string, number>> {
    return { vmRestarts: this.#restarts, vmHalts: this.#halts };
  }

  /** Why a VM that is halted should not be; undefined when it may. */
  whyNotHalted(vm: Vm): string | undefined {
    const over = this.#over.get(vm.uid) ?? [];
    const may = over.some(({ generation, restarts }) => generation >= wishGeneration(vm) && restarts === vm.restarts);
    return may ? undefined : `is not started any more (${vm.status.reason}), and nothing that was wanted has ended`;
  }

  course(host: ObservedHost, course: VmCourse): void {
    const at = `${host.name} ${course.type === 'started' ? course.vm.uid : course.uid}`;
    if (course.type === 'started') this.#started(host, at, course);
    else this.#ended(at, course);
  }

  #started(host: ObservedHost, at: string, { vm, restarts }: Extract<VmCourse, { type: 'started' }>): void {
    const key = `${vm.generation}/${restarts}/${vm.epoch}`;
    const before = this.#wishes.get(at);
    const { policy, maxRestarts } = restartOf(vm.spec);
    const wanted = `VM ${vm.name}, restart ${policy}, at most ${maxRestarts},`;
    if (before?.key === key) {
      if (before.isOver)
        throw new Violation(RESTART_POLICY, `${wanted} is started again on ${host.name} although it ended`);
      if (before.ends > maxRestarts) {
        throw new Violation(RESTART_POLICY, `${wanted} is started again on ${host.name} after ${before.ends} ends`);
      }
      if (before.ends > 0) this.#restarts++;
    } else {
      this.#wishes.set(at, { key, generation: vm.generation, restarts, policy, maxRestarts, ends: 0, isOver: false });
    }
    const agreed = this.#state()?.vm(vm.name);
    const { epoch } = agreed?.assignment ?? {};
    if (agreed?.uid === vm.uid && epoch === vm.epoch && isHalted(agreed)) {
      throw new Violation(RESTART_POLICY, `${wanted} is started on ${host.name}; the log says ${agreed.status.reason}`);
    }
  }

  #ended(at: string, { uid, cause, code }: Extract<VmCourse, { type: 'ended' }>): void {
    const wish = this.#wishes.get(at);
    if (wish === undefined) return;
    if (cause === 'order') {
      wish.ends = 0;
      wish.isOver = false;
      return;
    }
    wish.ends++;
    wish.isOver = wish.policy === 'never' || (wish.policy === 'on-failure' && code === 0);
    if (!wish.isOver && wish.ends <= wish.maxRestarts) return;
    this.#halts++;
    this.#over.set(uid, [...(this.#over.get(uid) ?? []), wish]);
  }
}
