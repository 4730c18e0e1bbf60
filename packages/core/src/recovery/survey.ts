/** Makes the report of a survivor from what its store holds. */
import type { StoredState } from '../ports/storage.ts';
import { describeEntry } from './describe-entry.ts';
import { replayLog } from './replay.ts';
import { plainConfState, REPORT_FORMAT, REPORT_TAIL_MAX, type RecoveryReport, type ReportEntry } from './report.ts';

/** Who a store belongs to. */
export interface SurveyedHost {
  readonly clusterId: string;
  readonly hostId: number;
  readonly name: string;
  readonly peerId: string;
  readonly n3xVersion: string;
  /** Wall clock, ms since 1970. */
  readonly nowMs: number;
}

/** The runs of terms in a log: where each begins, the position before the first entry included. */
function termRuns(stored: StoredState): { term: number; from: number }[] {
  const runs = [{ term: stored.compacted.term, from: stored.compacted.index }];
  for (const { index, term } of stored.entries) if (runs.at(-1)?.term !== term) runs.push({ term, from: index });
  return runs;
}

/** The report of a survivor. Throws as {@link replayLog} does. */
export function survey(stored: StoredState, of: SurveyedHost): RecoveryReport {
  const { state, confStates, last } = replayLog(stored);
  const commit = Math.max(stored.hardState.commit, stored.applied.index);
  const hostName = (id: number): string => state.host(id)?.name ?? `with id ${id}`;
  const uncommitted = stored.entries.filter((entry) => entry.index > commit);
  const tail = uncommitted
    .slice(-REPORT_TAIL_MAX)
    .map((entry): ReportEntry => ({ index: entry.index, term: entry.term, text: describeEntry(entry, hostName) }));
  return {
    kind: 'n3x-recovery-report',
    format: REPORT_FORMAT,
    n3xVersion: of.n3xVersion,
    madeAtMs: of.nowMs,
    clusterId: of.clusterId,
    clusterName: state.cluster?.name ?? null,
    host: { id: of.hostId, name: of.name, peerId: of.peerId },
    hardState: { ...stored.hardState },
    last,
    commit,
    applied: { index: stored.applied.index, term: stored.applied.term },
    terms: termRuns(stored),
    confStates: confStates.map(plainConfState),
    hosts: [...state.hosts()].map((host) => ({
      id: host.id,
      name: host.name,
      peerId: host.peerId,
      role: host.settings.role,
      membership: host.membership,
      addresses: [...host.addresses],
      reachable: host.reachable,
      reachableSinceMs: host.reachableSinceMs,
      vms: state.indexes.onHost(host.id).size,
    })),
    counts: { hosts: state.hostCount, vms: state.vmCount, records: stored.records.size },
    tail,
    tailOmitted: uncommitted.length - tail.length,
  };
}
