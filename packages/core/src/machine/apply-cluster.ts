/** What an operator wants of the cluster as a whole. */
import { ERROR_CODES } from '../base/errors.ts';
import type { Cluster } from '../model/cluster.ts';
import { type LeaseTiming, leaderLimitMs, leaseTimingOf, leaseTimingProblem } from '../model/lease-timing.ts';
import { DEFAULT_STRATEGY } from '../model/placement.ts';
import { restartLeaseProblem, restartLeaseSeconds } from '../model/restart-lease.ts';
import type { Command } from './command.ts';
import { same } from './difference.ts';
import type { Transaction } from './transaction.ts';
import { done, no, unchanged, type Verdict } from './verdict.ts';

/** `clusterSet`. */
export function applyClusterSet(
  tx: Transaction,
  cluster: Cluster,
  command: Extract<Command, { type: 'clusterSet' }>,
): Verdict {
  const voters = command.settings.voters ?? cluster.settings.voters;
  const replaceAfterSeconds = command.settings.replaceAfterSeconds ?? cluster.settings.replaceAfterSeconds;
  const { settings: before } = cluster;
  const strategy = command.settings.strategy ?? before.strategy;
  const after = { ...before, ...command.settings, voters, replaceAfterSeconds };
  if (same(before, after)) return unchanged();
  const timing = leaseTimingOf(after);
  const problem = leaseTimingProblem(timing);
  if (problem !== undefined) return no(ERROR_CODES.invalid, problem, {});
  const restartProblem = restartLeaseProblem(after);
  if (restartProblem !== undefined) return no(ERROR_CODES.invalid, restartProblem, {});
  // Leases of before may still be held when a leader comes to office that has granted none of them.
  const longestLeaseMs = Math.max(
    ...[leaderLimitMs(timing), leaderLimitMs(leaseTimingOf(before)), cluster.longestLeaseMs ?? 0],
  );
  tx.putCluster({ ...cluster, settings: after, longestLeaseMs });
  const about = { kind: 'cluster', name: cluster.name } as const;
  if (before.voters !== voters) tx.event(about, 'VotersWanted', `${voters} hosts shall vote, ${before.voters} before`);
  if (before.replaceAfterSeconds !== replaceAfterSeconds) {
    const change = `a voter is replaced after ${replaceAfterSeconds} s, ${before.replaceAfterSeconds} s before`;
    tx.event(about, 'ReplaceAfterChanged', change);
  }
  if (before.strategy !== strategy) {
    tx.event(about, 'StrategyChanged', `VMs go by ${strategy}, by ${before.strategy ?? DEFAULT_STRATEGY} before`);
  }
  const [was, is] = [leaseText(leaseTimingOf(before)), leaseText(timing)];
  if (was !== is) tx.event(about, 'LeasesChanged', `leases last ${is}; ${was} before`);
  const [waited, waits] = [restartLeaseSeconds(before), restartLeaseSeconds(after)];
  if (waited !== waits) {
    tx.event(about, 'RestartLeaseChanged', `n3xd may take ${waits} s to restart, ${waited} s before`);
  }
  return done();
}

function leaseText({ ttlMs, clockError, fenceMarginMs }: LeaseTiming): string {
  return `${ttlMs / 1000} s, clocks wrong by up to ${clockError * 100} %, ${fenceMarginMs} ms for fencing`;
}
