/**
 * How long a host's lease lasts, and for whom. Both sides count on boot clocks of their own, and neither ever looks
 * at a wall clock: the host counts short, from when it *sent* the renewal, and the leader counts long, from when it
 * *received* it, so that all that is fenced on the host has ended before the leader gives it to another.
 */
import type { ClusterSettings } from './cluster.ts';

/** Figures of the leases of a cluster. */
export interface LeaseTiming {
  /** Life of a lease, in ms. */
  readonly ttlMs: number;
  /** Largest error of the rate of any host's clock, as a share of it. */
  readonly clockError: number;
  /** Time, in ms, that a host keeps for ending what is fenced, once its dead-man's switch goes off. */
  readonly fenceMarginMs: number;
}

/** What holds where the settings say nothing. A lost host's VMs are given away 6.3 s after its last renewal. */
export const DEFAULT_LEASE_TIMING: LeaseTiming = { ttlMs: 6_000, clockError: 0.05, fenceMarginMs: 500 };

/** Steps, in ms, of the clocks that leases are counted on: a reading may be this old. */
const CLOCK_STEP_MS = 10;

/** Renewals in the life of a lease: one or two may be lost without harm. */
const RENEWALS = 4;

/** The figures in force. */
export function leaseTimingOf(settings: ClusterSettings | undefined): LeaseTiming {
  const { ttlMs, clockError, fenceMarginMs } = DEFAULT_LEASE_TIMING;
  return {
    ttlMs: settings?.leaseTtlSeconds === undefined ? ttlMs : settings.leaseTtlSeconds * 1000,
    clockError: settings?.clockErrorPercent === undefined ? clockError : settings.clockErrorPercent / 100,
    fenceMarginMs: settings?.fenceMarginMs ?? fenceMarginMs,
  };
}

/** Time, in ms on a host's clock from the sending of a renewal, at which its dead-man's switch goes off. */
export function holderLimitMs({ ttlMs, clockError, fenceMarginMs }: LeaseTiming): number {
  return Math.floor(ttlMs * (1 - clockError)) - fenceMarginMs - CLOCK_STEP_MS;
}

/** Time, in ms on the leader's clock from the last renewal it accepted, after which nothing fenced runs on the host. */
export function leaderLimitMs({ ttlMs, clockError }: LeaseTiming): number {
  return Math.ceil(ttlMs * (1 + clockError)) + CLOCK_STEP_MS;
}

/** Time, in ms, between two renewals. */
export function renewEveryMs({ ttlMs }: LeaseTiming): number {
  return ttlMs / RENEWALS;
}

/** Why figures do not go together, in words; undefined when they do. */
export function leaseTimingProblem(timing: LeaseTiming): string | undefined {
  const holds = holderLimitMs(timing);
  const needs = Math.ceil(2.5 * renewEveryMs(timing));
  if (holds >= needs) return undefined;
  return `a host could hold a lease of ${timing.ttlMs} ms for ${holds} ms only, with clocks wrong by up to ${timing.clockError * 100} % and ${timing.fenceMarginMs} ms kept for fencing, and has to for ${needs} ms to bear a lost renewal: raise lease-ttl, or lower clock-error or fence-margin`;
}
