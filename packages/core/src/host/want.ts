/** What is to be done next about one VM, and what its status is: the rules, one VM at a time. */
import { restartOf } from '../model/care.ts';
import type { Halt } from '../model/health.ts';
import { buildGeneration, isFenced, isHalted, type Vm, type VmStatus, vmVolumes } from '../model/vm.ts';
import type { DriverAction, DriverVm, LastExit, ObservedVm } from '../ports/driver.ts';
import { type BackoffView, backoffDelay, purposeOf } from './backoff.ts';
import { afterEnd, endOf, exitText } from './ended.ts';
import { type Gate, gateOfBuild, gateOfGuest, gateOfStart, runsBuild, seenUpdating } from './gate.ts';
import type { LeaseView } from './lease.ts';
import type { Seen } from './seen.ts';
import type { VolumeHold } from './volume-gate.ts';

/** The next step for one VM. */
export interface Step {
  readonly action?: DriverAction;
  readonly seen: Seen;
  /** What became of a build that had yet to prove itself. */
  readonly gate?: Gate;
}

/** Clocks of one reconciliation: `nowMs` monotonic, `wallMs` ms since 1970; and the host's lease, on its own clock. */
export interface Clocks {
  readonly nowMs: number;
  readonly wallMs: number;
  readonly lease: LeaseView;
}

interface StepContext extends Clocks {
  readonly backoff: BackoffView;
  /** Why it must not be started with its volumes as they are. */
  readonly hold: (vm: Vm) => VolumeHold | undefined;
}

type StartAction = Extract<DriverAction, { type: 'start' }>;

function seen(phase: VmStatus['phase'], reason = '', message = ''): Seen {
  return { phase, reason, message };
}

/** What the driver is told of an assigned VM. */
export function driverVm(vm: Vm, epoch: number): DriverVm {
  const { name, uid, generation, spec, allocation, revision } = vm;
  const restore = revision?.restores === undefined ? undefined : revision.runner;
  const evaluated = revision?.evaluated;
  const volumes = vmVolumes(vm).map((volume) => ({
    ...{ uid: volume.uid, name: volume.name, pool: volume.pool },
    ...{ sizeMib: volume.sizeMib, fsType: volume.fsType, writer: volume.writer },
    ...(volume.madeAs === undefined ? {} : { madeAs: volume.madeAs }),
  }));
  return {
    ...{ name, uid, epoch, generation, spec, allocation, fenced: isFenced(spec), rebuilds: revision?.rebuilds ?? 0 },
    ...(volumes.length === 0 ? {} : { volumes }),
    ...(restore === undefined
      ? {}
      : { restore: evaluated === undefined ? { runner: restore } : { runner: restore, evaluated } }),
  };
}

/**
 * The status of a VM while `action` is under way or waits to be tried again. A failure stays in sight until the
 * action succeeds, or the phase would flap with every attempt.
 */
export function seenDuring(action: DriverAction, name: string, backoff: BackoffView): Seen {
  const failure = backoff.attempt(name, action.type, purposeOf(action))?.failure;
  const starts = action.type === 'build' || action.type === 'start';
  if (failure !== undefined) return seen(starts ? 'failed' : 'stopping', failure.reason, failure.message);
  if (action.type === 'stop' && action.unhealthy === true) {
    return seen('stopping', 'Unhealthy', 'has been unhealthy for too long, and is restarted');
  }
  return seen(action.type === 'build' ? 'building' : action.type === 'start' ? 'starting' : 'stopping');
}

/** `action`, unless it is too soon for it. */
function step(action: DriverAction, name: string, backoff: BackoffView, nowMs: number): Step {
  const status = seenDuring(action, name, backoff);
  const attempt = backoff.attempt(name, action.type, purposeOf(action));
  const due = attempt === undefined || nowMs >= attempt.notBeforeMs;
  return due ? { action, seen: status } : { seen: status };
}

/** Stop if need be, then remove. Undefined once there is nothing left of it. */
export function stepToGone(
  observed: ObservedVm | undefined,
  timeoutSeconds: number,
  backoff: BackoffView,
  nowMs: number,
): Step | undefined {
  const uid = observed?.managed?.uid;
  if (observed === undefined || uid === undefined) return undefined;
  const { name } = observed;
  const stop: DriverAction = { type: 'stop', name, uid, timeoutSeconds };
  // Without a process there may still be a unit that restarts it: only a stop that succeeded allows the removal.
  const attempt = backoff.attempt(name, 'stop', uid);
  const stopped = observed.process === undefined && attempt !== undefined && attempt.failure === undefined;
  if (!stopped) return step(stop, name, backoff, nowMs);
  return step({ type: 'remove', name, uid }, name, backoff, nowMs);
}

function stepToStopped(vm: Vm, observed: ObservedVm | undefined, backoff: BackoffView, nowMs: number): Step {
  // How it last ended is no part of what comes next: a stop forgets it, also when nothing runs.
  if (observed?.process === undefined && observed?.lastExit === undefined) return { seen: seen('stopped') };
  const { stopTimeoutSeconds } = vm.spec;
  const stop: DriverAction = { type: 'stop', name: vm.name, uid: vm.uid, timeoutSeconds: stopTimeoutSeconds };
  return step(stop, vm.name, backoff, nowMs);
}

/** The status of a VM that is not started any more. */
function seenHalted(halt: Halt): Seen {
  return { phase: halt.phase, reason: halt.reason, message: halt.message, halt };
}

/** Starts what ended by itself again, or leaves it at that. */
function stepAfterEnd(vm: Vm, start: StartAction, observed: ObservedVm, exit: LastExit, from: StepContext): Step {
  const { backoff, nowMs, wallMs } = from;
  const after = afterEnd(vm, observed, exit);
  if (after.type === 'halt') {
    const { phase, reason, message } = after;
    return { seen: seenHalted({ phase, reason, message, generation: vm.generation, restarts: vm.restarts }) };
  }
  const again: DriverAction = { ...start, again: true };
  const next = step(again, vm.name, backoff, nowMs);
  const attempt = backoff.attempt(vm.name, 'start', purposeOf(again));
  if (attempt?.failure !== undefined) return next;
  // A daemon that was started since has no memory of its own; a clock that was put back must not hold it up for long.
  const waitMs = after.notBeforeMs - wallMs;
  const due = attempt === undefined ? waitMs <= 0 || waitMs > backoffDelay(after.count) : next.action !== undefined;
  if (due) return { ...next, action: again };
  const seconds = Math.round(backoffDelay(attempt?.attempts ?? after.count) / 1000);
  const { maxRestarts } = restartOf(vm.spec);
  const message = `the process ${exitText(exit)}; started again ${seconds} s after its last start, restart ${after.count} of ${maxRestarts}`;
  return { seen: seen('failed', 'Exited', message) };
}

function stepToStarted(vm: Vm, epoch: number, observed: ObservedVm, from: StepContext): Step {
  const start: StartAction = { type: 'start', vm: driverVm(vm, epoch), restarts: vm.restarts };
  const exit = from.lease.ended.has(vm.name) ? undefined : endOf(vm, observed);
  if (exit === undefined) return step(start, vm.name, from.backoff, from.nowMs);
  return stepAfterEnd(vm, start, observed, exit, from);
}

/** Why a VM that is built must not be started yet, if its host has no lease. */
function unleased({ spec }: Vm, { nowMs, untilMs, problem }: LeaseView): Seen | undefined {
  if (!isFenced(spec) || nowMs < untilMs) return undefined;
  return problem === null
    ? seen('starting', 'WaitsForLease', 'its host asks the leader for a lease')
    : seen('failed', 'FenceFailed', `its host's dead-man's switch does not arm: ${problem}`);
}

function seenRunning(vm: Vm, observed: ObservedVm, wallMs: number): Seen {
  const said = observed.said ?? '';
  if (observed.ready) {
    if (observed.unhealthy !== true) return seen('running');
    return seen('unhealthy', 'ProbeFails', said === '' ? 'its health probe does not succeed any more' : said);
  }
  const { process } = observed;
  const { readyTimeoutSeconds } = vm.spec;
  if (process !== undefined && wallMs - process.startedAtMs >= readyTimeoutSeconds * 1000) {
    const message = `not ready ${readyTimeoutSeconds} s after its start`;
    return seen('unhealthy', 'NotReadyInTime', said === '' ? message : `${message}: ${said}`);
  }
  return seen('starting', said === '' ? '' : 'NotReadyYet', said);
}

/** The step for a VM whose process runs as it should; one that has been unhealthy for too long is stopped. */
function stepWhileRunning(vm: Vm, observed: ObservedVm, { backoff, nowMs, wallMs }: StepContext): Step {
  const status = seenRunning(vm, observed, wallMs);
  const { unhealthySeconds } = restartOf(vm.spec);
  // Both have to say so: what it is now, and since when it is known to be.
  if (unhealthySeconds === undefined || status.phase !== 'unhealthy' || vm.status.phase !== 'unhealthy') {
    return { seen: status };
  }
  if (vm.status.pid !== observed.process?.pid || wallMs - vm.status.sinceMs < unhealthySeconds * 1000) {
    return { seen: status };
  }
  const timeoutSeconds = vm.spec.stopTimeoutSeconds;
  const stop: DriverAction = { type: 'stop', name: vm.name, uid: vm.uid, timeoutSeconds, unhealthy: true };
  const next = step(stop, vm.name, backoff, nowMs);
  return next.action === undefined ? { seen: status } : next;
}

function stepToRunning(vm: Vm, epoch: number, observed: ObservedVm | undefined, from: StepContext): Step {
  const { backoff, nowMs } = from;
  const managed = observed?.managed;
  const ours = managed?.epoch === epoch;
  // A process of an earlier epoch is not this assignment's, even on the same host: it ends first.
  if (observed?.process !== undefined && !ours) return stepToStopped(vm, observed, backoff, nowMs);
  const { halt } = vm.status;
  if (observed?.process === undefined && halt !== undefined && isHalted(vm)) return { seen: seenHalted(halt) };
  const built = ours && managed.builtGeneration >= buildGeneration(vm) && observed?.currentRunner !== undefined;
  if (!built || observed === undefined) {
    // The build also stamps what is there with the epoch.
    const build: DriverAction = { type: 'build', vm: driverVm(vm, epoch) };
    const next = step(build, vm.name, backoff, nowMs);
    const gate = gateOfBuild(vm, backoff.attempt(vm.name, 'build', purposeOf(build)));
    if (observed?.process === undefined) return { ...next, ...gate };
    // What runs meanwhile is the build before.
    return { ...next, seen: seenUpdating(seenRunning(vm, observed, from.wallMs), next.seen), ...gate };
  }
  if (observed.process === undefined) {
    // Only what is about to start is held: what runs has its volumes.
    const held = from.hold(vm);
    if (held !== undefined) return { seen: seen(held.phase, held.reason, held.message) };
    const waits = unleased(vm, from.lease);
    if (waits !== undefined) return { seen: waits };
    const start: StartAction = { type: 'start', vm: driverVm(vm, epoch), restarts: vm.restarts };
    const attempt = backoff.attempt(vm.name, 'start', purposeOf(start));
    return { ...stepToStarted(vm, epoch, observed, from), ...gateOfStart(vm, endOf(vm, observed), attempt) };
  }
  if (managed.restarts !== vm.restarts) return stepToStopped(vm, observed, backoff, nowMs);
  if (!runsBuild(vm, observed)) return stepToStopped(vm, observed, backoff, nowMs);
  const next = stepWhileRunning(vm, observed, from);
  return { ...next, ...gateOfGuest(vm, observed, next.seen) };
}

/** The next step for a VM that is assigned to this host at `epoch`, and not being deleted. */
export function stepFor(
  vm: Vm,
  epoch: number,
  observed: ObservedVm | undefined,
  backoff: BackoffView,
  clocks: Clocks,
  hold: (vm: Vm) => VolumeHold | undefined,
): Step {
  if (vm.adoptedAt === epoch && observed?.managed === undefined) {
    // What it is made of is on this host and nowhere else: a build would bring something else in its place.
    const message =
      observed === undefined
        ? `its files are gone from this host, on which it was before n3x managed it`
        : `this host has not taken it over yet: ask for it again with \`n3xctl vm adopt ${vm.name}\``;
    return { seen: seen('failed', observed === undefined ? 'Gone' : 'NotAdopted', message) };
  }
  if (observed !== undefined && observed.managed === undefined) {
    // n3x never touches what it does not manage.
    const message = `there is a microVM ${vm.name} on this host that n3x does not manage`;
    return { seen: seen(vm.power === 'stopped' ? 'stopped' : 'failed', 'NotManaged', message) };
  }
  return vm.power === 'stopped'
    ? stepToStopped(vm, observed, backoff, clocks.nowMs)
    : stepToRunning(vm, epoch, observed, { backoff, hold, ...clocks });
}
