/** What follows from the end of a VM's process: whether it is started again, when, and when n3x gives up. */
import { restartOf } from '../model/care.ts';
import type { Restart } from '../model/health.ts';
import { type Vm, wishGeneration } from '../model/vm.ts';
import type { LastExit, ObservedVm } from '../ports/driver.ts';
import { BACKOFF_RESET_MS, backoffDelay } from './backoff.ts';

/** What is to be done about a process that ended. */
export type AfterEnd =
  /** It is started again, not before `notBeforeMs` by the wall clock; for the `count`-th time in a row. */
  | { readonly type: 'again'; readonly notBeforeMs: number; readonly count: number }
  /** It is left at that. */
  | { readonly type: 'halt'; readonly phase: 'failed' | 'stopped'; readonly reason: string; readonly message: string };

/** How a process ended, in words. */
export function exitText(exit: LastExit): string {
  if (exit.unhealthy === true) return 'was stopped for being unhealthy';
  if (exit.signal !== null) return `ended by ${exit.signal}`;
  return exit.code === null ? 'ended' : `ended with code ${exit.code}`;
}

/** The end of the process that was started for what the user wants now; undefined when it did not end by itself. */
export function endOf(vm: Vm, observed: ObservedVm): LastExit | undefined {
  const { managed, lastExit } = observed;
  if (managed === undefined || managed.restarts !== vm.restarts) return undefined;
  return (managed.startedGeneration ?? 0) >= wishGeneration(vm) ? lastExit : undefined;
}

/** Restarts that count against the limit: those within the window before `atMs`, wall clock. */
export function recentRestarts(observed: ObservedVm, { windowSeconds }: Restart, atMs: number): number {
  return (observed.managed?.again ?? []).filter((time) => atMs - time < windowSeconds * 1000).length;
}

function span(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/**
 * Judges an end. It rests on nothing but what the driver keeps beside the VM, and does not change while time passes, so a
 * daemon that was started anew comes to the same.
 */
export function afterEnd(vm: Vm, observed: ObservedVm, exit: LastExit): AfterEnd {
  const restart = restartOf(vm.spec);
  const { policy, maxRestarts, windowSeconds } = restart;
  const clean = exit.code === 0;
  if (policy === 'never' || (policy === 'on-failure' && clean)) {
    const message = `the process ${exitText(exit)}, and its restart policy is ${policy}: \`n3xctl vm start ${vm.name}\` starts it again`;
    return { type: 'halt', phase: clean ? 'stopped' : 'failed', reason: 'Exited', message };
  }
  const count = recentRestarts(observed, restart, exit.atMs);
  if (count >= maxRestarts) {
    const times = maxRestarts === 1 ? 'once' : `${maxRestarts} times`;
    const message = `started again ${times} within ${span(windowSeconds)}, and the process ${exitText(exit)} once more; n3x has given up: see \`n3xctl vm logs ${vm.name}\`, then \`n3xctl vm start ${vm.name}\``;
    return { type: 'halt', phase: 'failed', reason: 'GaveUp', message };
  }
  const last = observed.managed?.again?.at(-1);
  const stood = last === undefined || exit.atMs - last >= BACKOFF_RESET_MS;
  return { type: 'again', notBeforeMs: stood ? exit.atMs : last + backoffDelay(count + 1), count: count + 1 };
}
