/**
 * Compares the survivors of a cluster: who knows most, and what can and cannot be said of what is lost.
 *
 * The most advanced is found as Raft finds who may lead (Ongaro's thesis, section 3.6.1): the highest term of the last
 * entry, then the highest index. Its log holds every entry that any survivor knows to be committed, for the same reason
 * for which an elected leader's does (leader completeness, section 3.6.3): whoever led in the term of its last entry had
 * all that was committed in earlier terms, and within one term there is one log, of which it has the longest part.
 */
import { assert } from '../base/assert.ts';
import { ERROR_CODES, N3xError } from '../base/errors.ts';
import { majoritySize } from '../raft/quorum/majority.ts';
import type { ConfState, NodeId } from '../raft/types.ts';
import type { RecoveryReport, ReportEntry, ReportHost } from './report.ts';

/** Entries of a survivor that the most advanced one does not have. They were never committed, so nobody was told that they took effect. */
export interface Discarded {
  readonly host: string;
  readonly from: number;
  readonly to: number;
  readonly entries: readonly ReportEntry[];
}

/** What follows from the reports. */
export interface Assessment {
  readonly clusterId: string;
  readonly clusterName: string;
  /** All reports, the most advanced first. */
  readonly ranking: readonly RecoveryReport[];
  readonly best: RecoveryReport;
  /** Known hosts of which there is no report: taken to be lost. */
  readonly missing: readonly ReportHost[];
  /** Up to here the survivors know every entry to be committed. */
  readonly committed: number;
  /** Entries of the most advanced survivor after `committed`: whether they were acknowledged is not known. They take effect. */
  readonly kept: readonly ReportEntry[];
  readonly keptOmitted: number;
  readonly discarded: readonly Discarded[];
  /** Whether the missing hosts may have committed, and acknowledged, what no survivor has. */
  readonly mayBeLost: boolean;
  /** Voters of the last known configuration, and those of them without a report. */
  readonly voters: readonly NodeId[];
  readonly missingVoters: readonly NodeId[];
  readonly warnings: readonly string[];
}

/** Whether `a` knows more than `b`; as many as `b`, when neither knows more. */
export function moreAdvanced(a: RecoveryReport['last'], b: RecoveryReport['last']): boolean {
  return a.term > b.term || (a.term === b.term && a.index > b.index);
}

/** Term of the entry at `index`; undefined when it is not there, or was dropped after it had been applied. */
function termAt(report: RecoveryReport, index: number): number | undefined {
  if (index > report.last.index) return undefined;
  let term: number | undefined;
  for (const run of report.terms) {
    if (run.from > index) break;
    term = run.term;
  }
  return term;
}

/** The last index up to which the logs of two survivors are the same (log matching, thesis section 3.5). */
export function commonUpTo(a: RecoveryReport, b: RecoveryReport): number {
  const bothCommitted = Math.min(a.commit, b.commit, a.last.index, b.last.index);
  for (let index = Math.min(a.last.index, b.last.index); index > bothCommitted; index--) {
    const [inA, inB] = [termAt(a, index), termAt(b, index)];
    // One that was dropped was applied: nothing more can be told of it, and nothing of it is lost.
    if (inA === inB || inA === undefined || inB === undefined) return index;
  }
  return bothCommitted;
}

/** Whether `nodes` alone could commit an entry under `conf`. */
export function isQuorum(conf: ConfState, nodes: ReadonlySet<NodeId>): boolean {
  const half = (voters: readonly NodeId[]): boolean =>
    voters.length === 0 || voters.filter((id) => nodes.has(id)).length >= majoritySize(voters.length);
  return conf.voters.length > 0 && half(conf.voters) && half(conf.votersOutgoing);
}

function checkReports(reports: readonly RecoveryReport[]): void {
  const [first, ...others] = reports;
  if (first === undefined) throw new N3xError(ERROR_CODES.invalid, 'there is no report to compare');
  const stranger = others.find((report) => report.clusterId !== first.clusterId);
  if (stranger !== undefined) {
    throw new N3xError(
      ERROR_CODES.conflict,
      `the reports are of two clusters: ${first.host.name} is in ${first.clusterId}, ${stranger.host.name} in ${stranger.clusterId}`,
    );
  }
  const ids = new Set<number>();
  for (const { host } of reports) {
    if (ids.has(host.id)) throw new N3xError(ERROR_CODES.conflict, `there are two reports of host ${host.name}`);
    ids.add(host.id);
  }
}

/**
 * Compares reports of one cluster. `here` is the host that is asked: of several that know as much it comes first. Throws
 * `N3X_CONFLICT` when the reports do not belong together, and `N3X_REFUSED` when none of them has a state to go on with.
 */
export function assess(reports: readonly RecoveryReport[], here?: NodeId): Assessment {
  checkReports(reports);
  const votes = (report: RecoveryReport): boolean => report.confStates.at(-1)?.voters.includes(report.host.id) === true;
  const ranking = [...reports].sort((a, b) => {
    if (moreAdvanced(a.last, b.last)) return -1;
    if (moreAdvanced(b.last, a.last)) return 1;
    const first = Number(b.host.id === here) - Number(a.host.id === here);
    return first || Number(votes(b)) - Number(votes(a)) || a.host.id - b.host.id;
  });
  const [best] = ranking;
  assert(best !== undefined, 'there are reports, and none is first');
  if (best.clusterName === null) {
    throw new N3xError(
      ERROR_CODES.refused,
      `host ${best.host.name} had joined and not yet received the cluster's state: there is nothing to recover from`,
    );
  }
  const committed = Math.min(Math.max(...reports.map((report) => report.commit)), best.last.index);
  const reported = new Set(reports.map((report) => report.host.id));
  const conf = best.confStates.at(-1);
  const voters = conf === undefined ? [] : [...new Set([...conf.voters, ...conf.votersOutgoing])];
  const kept = best.tail.filter((entry) => entry.index > committed);
  return {
    clusterId: best.clusterId,
    clusterName: best.clusterName,
    ranking,
    best,
    missing: best.hosts.filter((host) => !reported.has(host.id) && host.membership !== 'lost'),
    committed,
    kept,
    keptOmitted: Math.max(0, best.last.index - committed - kept.length),
    discarded: ranking.slice(1).flatMap((other) => discardedOf(best, other)),
    mayBeLost: best.confStates.some((one) => isQuorum(one, absentees(one, reported))),
    voters,
    missingVoters: voters.filter((id) => !reported.has(id)),
    warnings: warningsOf(best, reports),
  };
}

function absentees(conf: ConfState, reported: ReadonlySet<NodeId>): ReadonlySet<NodeId> {
  return new Set([...conf.voters, ...conf.votersOutgoing].filter((id) => !reported.has(id)));
}

function discardedOf(best: RecoveryReport, other: RecoveryReport): Discarded[] {
  const from = commonUpTo(best, other) + 1;
  if (from > other.last.index) return [];
  const entries = other.tail.filter((entry) => entry.index >= from);
  return [{ host: other.host.name, from, to: other.last.index, entries }];
}

function warningsOf(best: RecoveryReport, reports: readonly RecoveryReport[]): string[] {
  const warnings: string[] = [];
  if (!best.hosts.some((host) => host.id === best.host.id)) {
    warnings.push(`host ${best.host.name} was taken out of the cluster before this`);
  }
  for (const report of reports) {
    // Cannot be, unless a store went back in time or a report was changed.
    if (report.commit > best.last.index) {
      warnings.push(
        `host ${report.host.name} knows of committed entries up to ${report.commit}, which the log of ${best.host.name} does not reach: one of the data directories is not what its host last wrote`,
      );
    }
  }
  return warnings;
}
