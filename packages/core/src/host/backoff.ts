/**
 * What one host remembers of its attempts: when the next one is due, and what the last one failed with.
 * Lost with the process, and that is fine: the attempt is then simply made at once.
 */
import type { DriverAction, DriverOutcome, ObservedVm } from '../ports/driver.ts';

/** First wait, in ms. */
export const BACKOFF_FIRST_MS = 1000;
/** Longest wait, in ms. */
export const BACKOFF_LAST_MS = 60_000;
/** A process that ran this long, in ms, makes its next start the first one again. */
export const BACKOFF_RESET_MS = 60_000;

/** The wait after the `attempts`-th attempt, in ms: 1 s, doubled each time, at most 60 s. */
export function backoffDelay(attempts: number): number {
  return Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(16, Math.max(0, attempts - 1)));
}

/** Why an action failed. */
export type ActionFailure = Extract<DriverOutcome, { ok: false }>;

/** What is remembered of one kind of action on one VM. */
export interface Attempt {
  /** What the attempt was for; one for something else says nothing about this. */
  readonly purpose: string;
  /** In a row. */
  readonly attempts: number;
  /** Monotonic time of the last one's end. */
  readonly atMs: number;
  /** Monotonic time before which there is no next one; infinite when trying again is pointless. */
  readonly notBeforeMs: number;
  /** Monotonic time at which what it started was last seen to run. */
  readonly seenUpMs?: number;
  /** Absent when it succeeded. */
  readonly failure?: ActionFailure;
}

/** What the reconciler reads. */
export interface BackoffView {
  /** The last attempt of this kind for this purpose. */
  attempt(name: string, type: DriverAction['type'], purpose: string): Attempt | undefined;
  /** Whether an action on it ended after the driver last looked: what is known of it is out of date. */
  stale(name: string): boolean;
}

/**
 * What an action is for. A build is for a generation and an epoch, a start for a generation and a count of restarts, so
 * that a user who changes something, or asks for a restart, need not wait.
 */
export function purposeOf(action: DriverAction): string {
  switch (action.type) {
    case 'build':
      return `${action.vm.uid}/${action.vm.generation}/${action.vm.epoch}`;
    case 'start':
      return `${action.vm.uid}/${action.vm.generation}/${action.restarts}`;
    case 'stop':
    case 'remove':
      return action.uid;
  }
}

/** The memory of one host. Bounded by the number of VMs on it, once `keep` forgets the others. */
export class Backoff implements BackoffView {
  readonly #stale = new Set<string>();
  readonly #attempts = new Map<string, Map<DriverAction['type'], Attempt>>();

  attempt(name: string, type: DriverAction['type'], purpose: string): Attempt | undefined {
    const attempt = this.#attempts.get(name)?.get(type);
    return attempt?.purpose === purpose ? attempt : undefined;
  }

  stale(name: string): boolean {
    return this.#stale.has(name);
  }

  /** An action ended. To be called once for each, before the next reconciliation. */
  ended(action: DriverAction, outcome: DriverOutcome, nowMs: number): void {
    const name = action.type === 'build' || action.type === 'start' ? action.vm.name : action.name;
    const purpose = purposeOf(action);
    this.#stale.add(name);
    const byType = this.#attempts.get(name) ?? new Map<DriverAction['type'], Attempt>();
    const before = this.attempt(name, action.type, purpose);
    const stood = before?.seenUpMs !== undefined && before.seenUpMs - before.atMs >= BACKOFF_RESET_MS;
    const attempts = before === undefined || stood ? 1 : before.attempts + 1;
    const final = !outcome.ok && !outcome.retriable;
    byType.set(action.type, {
      purpose,
      attempts,
      atMs: nowMs,
      notBeforeMs: final ? Number.POSITIVE_INFINITY : nowMs + backoffDelay(attempts),
      ...(outcome.ok ? {} : { failure: outcome }),
    });
    // What was stopped is stopped no more, and the other way round.
    if (action.type === 'start') byType.delete('stop');
    if (action.type === 'remove' && outcome.ok) this.#attempts.delete(name);
    else this.#attempts.set(name, byType);
  }

  /** The driver looked at the host. To be called for each observation. */
  observed(vms: readonly ObservedVm[], nowMs: number): void {
    this.#stale.clear();
    for (const vm of vms) {
      if (vm.process === undefined) continue;
      const byType = this.#attempts.get(vm.name);
      const start = byType?.get('start');
      if (start !== undefined) byType?.set('start', { ...start, seenUpMs: nowMs });
    }
  }

  /** Forgets every VM but these. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#attempts.keys()) if (!names.has(name)) this.#attempts.delete(name);
  }
}
