/** What an operator wants of the cluster as a whole. */
import type { Cluster } from '../model/cluster.ts';
import type { Command } from './command.ts';
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
  if (before.voters === voters && before.replaceAfterSeconds === replaceAfterSeconds) return unchanged();
  tx.putCluster({ ...cluster, settings: { ...before, voters, replaceAfterSeconds } });
  const about = { kind: 'cluster', name: cluster.name } as const;
  if (before.voters !== voters) tx.event(about, 'VotersWanted', `${voters} hosts shall vote, ${before.voters} before`);
  if (before.replaceAfterSeconds !== replaceAfterSeconds) {
    const change = `a voter is replaced after ${replaceAfterSeconds} s, ${before.replaceAfterSeconds} s before`;
    tx.event(about, 'ReplaceAfterChanged', change);
  }
  return done();
}
