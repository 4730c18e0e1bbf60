/**
 * The reconciler of one host: from what the cluster wants and what the driver finds, to the next actions and
 * to what is reported. Pure and level-triggered: it may be run at any time, after any interruption.
 *
 * `reconcile(input)` gives at most one action per VM and none for a VM with an action under way. The caller
 * performs the actions, tells `Backoff.ended` of each outcome and `Backoff.observed` of each observation,
 * proposes `reports` (as `vmReport`, at most 256 in one) and `removed`, each unless the same is under way, and
 * runs it again when the state, an observation or the time moved. A VM on which an action has ended waits for
 * the next observation.
 *
 * The rules for one VM are in `want.ts`, the memory of attempts in `backoff.ts`.
 */
import type { Command, VmReport } from '../machine/command.ts';
import { same } from '../machine/difference.ts';
import type { ClusterState } from '../machine/state.ts';
import { restartOf } from '../model/care.ts';
import { isLeaving, moveOf, moveTargetId } from '../model/move.ts';
import { isHalted, type Vm, type VmStatus } from '../model/vm.ts';
import type { DriverAction, ObservedVm } from '../ports/driver.ts';
import type { BackoffView } from './backoff.ts';
import { recentRestarts } from './ended.ts';
import { type Gate, seenUpdating } from './gate.ts';
import { cannotPrepare, stepToPrepared, type VmMoveBuilt } from './prepare.ts';
import type { Seen } from './seen.ts';
import { type VolumeView, volumeHold } from './volume-gate.ts';
import { type Clocks, seenDuring, stepFor, stepToGone } from './want.ts';

/** `vmRemoved`. */
export type VmRemoved = Extract<Command, { type: 'vmRemoved' }>;

/** What a reconciliation looks at. */
export interface ReconcileInput extends Clocks {
  readonly state: ClusterState;
  readonly hostId: number;
  /** All that the driver finds; never empty for want of a first look. */
  readonly observed: readonly ObservedVm[];
  /** Actions under way, by VM name. */
  readonly inFlight: ReadonlyMap<string, DriverAction>;
  readonly backoff: BackoffView;
  readonly volumes: VolumeView;
}

/** What is to be done. */
export interface Reconciliation {
  readonly actions: readonly DriverAction[];
  /** Statuses that differ from what the state holds. */
  readonly reports: readonly VmReport[];
  /** Deleted VMs of which nothing is left here. */
  readonly removed: readonly VmRemoved[];
  /** VMs that move here and are built, or cannot be. */
  readonly built: readonly VmMoveBuilt[];
}

/** Time in seconds that a VM gets to stop when the cluster no longer says how long it may take. */
const ORPHAN_STOP_SECONDS = 60;

function statusOf(vm: Vm, seen: Seen, observed: ObservedVm | undefined, wallMs: number): VmStatus {
  const own = observed?.managed?.uid === vm.uid ? observed : undefined;
  const evaluated = own?.evaluated ?? vm.status.evaluated;
  // Whatever else is said of it meanwhile: until it is wished again it stays halted.
  const halt = seen.halt ?? (own?.process === undefined && isHalted(vm) ? vm.status.halt : undefined);
  const startedAgain = own === undefined ? 0 : recentRestarts(own, restartOf(vm.spec), wallMs);
  return {
    phase: seen.phase,
    reason: seen.reason.slice(0, 64),
    message: seen.message.slice(0, 1024),
    sinceMs: seen.phase === vm.status.phase ? vm.status.sinceMs : wallMs,
    observedGeneration: vm.generation,
    observedRestarts: own?.managed?.restarts ?? 0,
    ...(own?.process === undefined ? {} : { pid: own.process.pid }),
    ...(own?.currentRunner === undefined ? {} : { currentRunner: own.currentRunner }),
    ...(own?.bootedRunner === undefined ? {} : { bootedRunner: own.bootedRunner }),
    ...(evaluated === undefined ? {} : { evaluated }),
    ...(startedAgain === 0 ? {} : { startedAgain }),
    ...(halt === undefined ? {} : { halt }),
  };
}

/** Whether `epoch` is of a time that a recovery of the cluster left out. */
function isFromLostFuture(state: ClusterState, epoch: number): boolean {
  const recoveries = state.cluster?.recoveries ?? [];
  return recoveries.some(({ lastIndex, index }) => epoch > lastIndex && epoch <= index);
}

const LEFT_OVER: Seen = {
  phase: 'failed',
  reason: 'LeftOver',
  message:
    'another VM of this name is on this host, made after the point that the cluster was recovered to: stop it and move its files away, then this one starts',
};

function uidOf(action: DriverAction): string {
  return action.type === 'build' || action.type === 'start' ? action.vm.uid : action.uid;
}

/** The status of a VM on which an action is under way. While a build is made, the one before may run on. */
function seenWhile(vm: Vm, action: DriverAction, found: ObservedVm | undefined, backoff: BackoffView): Seen {
  const seen = seenDuring(action, vm.name, backoff);
  const { phase, reason, message } = vm.status;
  const runsOn =
    action.type === 'build' && found?.process !== undefined && found.managed?.epoch === vm.assignment?.epoch;
  return runsOn ? seenUpdating({ phase, reason, message }, seen) : seen;
}

/** One reconciliation of one host. */
export function reconcile(input: ReconcileInput): Reconciliation {
  const { state, hostId, inFlight, backoff, nowMs, wallMs, lease } = input;
  const actions: DriverAction[] = [];
  const reports: VmReport[] = [];
  const removed: VmRemoved[] = [];
  const built: VmMoveBuilt[] = [];
  const observed = new Map(input.observed.map((vm) => [vm.name, vm]));

  const report = (vm: Vm, epoch: number, seen: Seen, gate?: Gate): void => {
    // Why it goes is what its status says while it does; to report anything else would change nothing, again and again.
    const why = isLeaving(vm) && !vm.deleting ? { reason: vm.status.reason, message: vm.status.message } : {};
    const status = statusOf(vm, { ...seen, ...why }, observed.get(vm.name), wallMs);
    const report = { name: vm.name, uid: vm.uid, epoch, status };
    if (gate !== undefined) reports.push({ ...report, gate });
    else if (!same(vm.status, status)) reports.push(report);
  };

  /**
   * What the cluster decided after the point that it was recovered to, and so knows nothing of. It may be all there is of
   * a VM's data, so it stays. It goes on running, unless the same VM may be started on the host that is known to have it.
   */
  const keepLeftOver = (found: ObservedVm, managed: { readonly uid: string }): void => {
    if (found.process === undefined || state.vm(found.name)?.uid !== managed.uid) return;
    const step = stepToGone(found, ORPHAN_STOP_SECONDS, backoff, nowMs);
    if (step?.action?.type === 'stop') actions.push(step.action);
  };

  /** What is here under a name that is not, or no more, this host's to run. */
  const clear = (found: ObservedVm): void => {
    if (found.managed === undefined || inFlight.has(found.name) || backoff.stale(found.name)) return;
    // A state older than the assignment cannot know that it is void: the log is still being read again.
    if (found.managed.epoch > state.index) return;
    if (isFromLostFuture(state, found.managed.epoch)) {
      keepLeftOver(found, found.managed);
      return;
    }
    const step = stepToGone(found, ORPHAN_STOP_SECONDS, backoff, nowMs);
    // A VM that lost its host to a removal may have its only disks here: nobody has said that they may go.
    const vm = state.vm(found.name);
    const kept = vm?.uid === found.managed.uid && vm.assignment === null;
    if (step?.action === undefined || (kept && step.action.type === 'remove')) return;
    actions.push(step.action);
  };

  for (const vm of state.vmsOnHost(hostId)) {
    const { assignment } = vm;
    if (assignment === null) continue;
    const { epoch } = assignment;
    const found = observed.get(vm.name);
    const foreign = found?.managed !== undefined && found.managed.uid !== vm.uid;
    const underWay = inFlight.get(vm.name);
    if (underWay !== undefined) {
      // What is done to an earlier VM of this name says nothing of this one.
      if (uidOf(underWay) === vm.uid) report(vm, epoch, seenWhile(vm, underWay, found, backoff));
    } else if (backoff.stale(vm.name)) {
      // What was seen of it was seen before its last action ended.
    } else if (foreign) {
      // An earlier VM of the same name is still here.
      clear(found);
      if (found.managed !== undefined && isFromLostFuture(state, found.managed.epoch)) report(vm, epoch, LEFT_OVER);
    } else if (vm.releasing === true) {
      // The shell of its host takes the marks away; whatever runs there runs on.
      if (found?.managed === undefined) removed.push({ type: 'vmRemoved', hostId, name: vm.name, uid: vm.uid, epoch });
    } else if (vm.deleting || isLeaving(vm)) {
      const step = stepToGone(found, vm.spec.stopTimeoutSeconds, backoff, nowMs);
      const move = vm.deleting ? undefined : moveOf(vm);
      const told = { type: 'vmRemoved', hostId, name: vm.name, uid: vm.uid, epoch } as const;
      // It said so before: what is left is the target's to copy.
      if (step === undefined && move?.step === 'copy') continue;
      if (step === undefined) removed.push(move === undefined ? told : { ...told, moveIndex: move.index });
      else report(vm, epoch, step.seen);
      if (step?.action !== undefined) actions.push(step.action);
    } else {
      const step = stepFor(vm, epoch, found, backoff, { nowMs, wallMs, lease }, (one) =>
        volumeHold(one, hostId, input.volumes),
      );
      report(vm, epoch, step.seen, step.gate);
      if (step.action !== undefined) actions.push(step.action);
    }
  }
  for (const vm of state.vmsMovingTo(hostId)) {
    const move = moveOf(vm);
    if (move === undefined || inFlight.has(vm.name) || backoff.stale(vm.name)) continue;
    const found = observed.get(vm.name);
    if (found?.managed !== undefined && found.managed.uid !== vm.uid) {
      clear(found);
      if (isFromLostFuture(state, found.managed.epoch)) built.push(cannotPrepare(hostId, vm, move, LEFT_OVER.message));
      continue;
    }
    const step = stepToPrepared(hostId, vm, move, found, backoff);
    if (step.action !== undefined) actions.push(step.action);
    if (step.built !== undefined) built.push(step.built);
  }
  for (const found of input.observed) {
    const vm = state.vm(found.name);
    const isExpected = vm !== undefined && (vm.assignment?.hostId === hostId || moveTargetId(vm) === hostId);
    if (!isExpected) clear(found);
  }
  return { actions, reports, removed, built };
}
