/** What is to be done next about one VM, and what its status is: the rules, one VM at a time. */
import { isFenced, type Vm, type VmStatus } from '../model/vm.ts';
import type { DriverAction, DriverVm, ObservedVm } from '../ports/driver.ts';
import { type BackoffView, backoffDelay, purposeOf } from './backoff.ts';

/** The part of a status that the host decides. */
export interface Seen {
  readonly phase: VmStatus['phase'];
  readonly reason: string;
  readonly message: string;
}

/** The next step for one VM. */
export interface Step {
  readonly action?: DriverAction;
  readonly seen: Seen;
}

/** Clocks of one reconciliation: `nowMs` monotonic, `wallMs` ms since 1970. */
export interface Clocks {
  readonly nowMs: number;
  readonly wallMs: number;
}

function seen(phase: VmStatus['phase'], reason = '', message = ''): Seen {
  return { phase, reason, message };
}

/** What the driver is told of an assigned VM. */
export function driverVm(vm: Vm, epoch: number): DriverVm {
  const { name, uid, generation, spec, allocation } = vm;
  return { name, uid, epoch, generation, spec, allocation, fenced: isFenced(spec) };
}

/**
 * The generation whose build is needed: that of the last change of the spec. Power changes count as generations
 * too and need no build. No command changes the spec of a VM yet, so it is the first generation.
 */
export function neededBuild(_vm: Vm): number {
  return 1;
}

/**
 * The status of a VM while `action` is under way or waits to be tried again. A failure stays in sight until the
 * action succeeds, or the phase would flap with every attempt.
 */
export function seenDuring(action: DriverAction, name: string, backoff: BackoffView): Seen {
  const failure = backoff.attempt(name, action.type, purposeOf(action))?.failure;
  const starts = action.type === 'build' || action.type === 'start';
  if (failure !== undefined) return seen(starts ? 'failed' : 'stopping', failure.reason, failure.message);
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
  if (observed?.process === undefined) return { seen: seen('stopped') };
  const { stopTimeoutSeconds } = vm.spec;
  const stop: DriverAction = { type: 'stop', name: vm.name, uid: vm.uid, timeoutSeconds: stopTimeoutSeconds };
  return step(stop, vm.name, backoff, nowMs);
}

/** How a process ended, in words. */
function exitText(exit: NonNullable<ObservedVm['lastExit']>): string {
  if (exit.signal !== null) return `ended by ${exit.signal}`;
  return exit.code === null ? 'ended' : `ended with code ${exit.code}`;
}

function stepToStarted(vm: Vm, epoch: number, observed: ObservedVm, backoff: BackoffView, nowMs: number): Step {
  const start: DriverAction = { type: 'start', vm: driverVm(vm, epoch), restarts: vm.restarts };
  const attempt = backoff.attempt(vm.name, 'start', purposeOf(start));
  const next = step(start, vm.name, backoff, nowMs);
  const exit = observed.lastExit;
  if (attempt?.failure !== undefined || exit === undefined) return next;
  // It ended by itself.
  if (attempt === undefined || next.action !== undefined) return next;
  const seconds = Math.round(backoffDelay(attempt.attempts) / 1000);
  return {
    seen: seen('failed', 'Exited', `the process ${exitText(exit)}; started again ${seconds} s after its last start`),
  };
}

function seenRunning(vm: Vm, observed: ObservedVm, wallMs: number): Seen {
  if (observed.ready) return seen('running');
  const { process } = observed;
  const { status } = vm;
  if (status.pid === process?.pid && (status.phase === 'running' || status.phase === 'unhealthy')) {
    return seen('unhealthy', 'ProbeFails', 'was ready, and its readiness probe does not succeed any more');
  }
  const { readyTimeoutSeconds } = vm.spec;
  if (process !== undefined && wallMs - process.startedAtMs >= readyTimeoutSeconds * 1000) {
    return seen('starting', 'NotReadyInTime', `not ready ${readyTimeoutSeconds} s after its start`);
  }
  return seen('starting');
}

function stepToRunning(
  vm: Vm,
  epoch: number,
  observed: ObservedVm | undefined,
  backoff: BackoffView,
  clocks: Clocks,
): Step {
  const { nowMs, wallMs } = clocks;
  const managed = observed?.managed;
  const ours = managed?.epoch === epoch;
  // A process of an earlier epoch is not this assignment's, even on the same host: it ends first.
  if (observed?.process !== undefined && !ours) return stepToStopped(vm, observed, backoff, nowMs);
  const built = ours && managed.builtGeneration >= neededBuild(vm) && observed?.currentRunner !== undefined;
  if (!built || observed === undefined) {
    // The build also stamps what is there with the epoch.
    const build: DriverAction = { type: 'build', vm: driverVm(vm, epoch) };
    return step(build, vm.name, backoff, nowMs);
  }
  if (observed.process === undefined) return stepToStarted(vm, epoch, observed, backoff, nowMs);
  if (managed.restarts !== vm.restarts) return stepToStopped(vm, observed, backoff, nowMs);
  return { seen: seenRunning(vm, observed, wallMs) };
}

/** The next step for a VM that is assigned to this host at `epoch`, and not being deleted. */
export function stepFor(
  vm: Vm,
  epoch: number,
  observed: ObservedVm | undefined,
  backoff: BackoffView,
  clocks: Clocks,
): Step {
  if (observed !== undefined && observed.managed === undefined) {
    // n3x never touches what it does not manage.
    const message = `there is a microVM ${vm.name} on this host that n3x does not manage`;
    return { seen: seen(vm.power === 'stopped' ? 'stopped' : 'failed', 'NotManaged', message) };
  }
  return vm.power === 'stopped'
    ? stepToStopped(vm, observed, backoff, clocks.nowMs)
    : stepToRunning(vm, epoch, observed, backoff, clocks);
}
