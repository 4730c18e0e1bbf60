/**
 * The longer lease that a host is given for one orderly restart of its n3xd, so that what is fenced runs on meanwhile. It
 * goes through the log, and the host's record says so until the restart is over: every later leader knows of it, and
 * waits for it, for this host alone.
 */
import type { ClusterSettings } from './cluster.ts';
import { holderLimitMs, leaderLimitMs, leaseTimingOf } from './lease-timing.ts';
import { RESTART_LEASE_SECONDS, type Restarting } from './restarting.ts';

/** The setting in force, in seconds; 0 for none. */
export function restartLeaseSeconds(settings: ClusterSettings | undefined): number {
  return settings?.restartLeaseSeconds ?? RESTART_LEASE_SECONDS;
}

/** How long it is for either side, in ms; undefined when there is none. */
export function restartLimits(
  settings: ClusterSettings | undefined,
): Pick<Restarting, 'holdMs' | 'waitMs'> | undefined {
  const seconds = restartLeaseSeconds(settings);
  if (seconds === 0) return undefined;
  const timing = { ...leaseTimingOf(settings), ttlMs: seconds * 1000 };
  return { holdMs: holderLimitMs(timing), waitMs: leaderLimitMs(timing) };
}

/** Why it does not go with the other figures, in words; undefined when it does. */
export function restartLeaseProblem(settings: ClusterSettings): string | undefined {
  const seconds = restartLeaseSeconds(settings);
  const ttlSeconds = leaseTimingOf(settings).ttlMs / 1000;
  if (seconds === 0 || seconds > ttlSeconds) return undefined;
  return `a restart lease of ${seconds} s is no longer than the ${ttlSeconds} s that a lease lasts anyhow: raise restart-lease, or set it to 0 for none`;
}
