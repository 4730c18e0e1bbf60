/** What an operator wants of the cluster as a whole. */
import type { Cluster } from '../model/cluster.ts';
import { DEFAULT_STRATEGY } from '../model/placement.ts';
import type { Command } from './command.ts';
import { same } from './difference.ts';
import type { Transaction } from './transaction.ts';
import { done, unchanged, type Verdict } from './verdict.ts';

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
  const after = { ...before, voters, replaceAfterSeconds, ...(strategy === undefined ? {} : { strategy }) };
  if (same(before, after)) return unchanged();
  tx.putCluster({ ...cluster, settings: after });
  const about = { kind: 'cluster', name: cluster.name } as const;
  if (before.voters !== voters) tx.event(about, 'VotersWanted', `${voters} hosts shall vote, ${before.voters} before`);
  if (before.replaceAfterSeconds !== replaceAfterSeconds) {
    const change = `a voter is replaced after ${replaceAfterSeconds} s, ${before.replaceAfterSeconds} s before`;
    tx.event(about, 'ReplaceAfterChanged', change);
  }
  if (before.strategy !== strategy) {
    tx.event(about, 'StrategyChanged', `VMs go by ${strategy}, by ${before.strategy ?? DEFAULT_STRATEGY} before`);
  }
  return done();
}
