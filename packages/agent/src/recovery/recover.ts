/** `n3xd recover`: from one survivor's log to a new cluster, guided, with n3xd stopped. */
import { randomBytes } from 'node:crypto';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { type Assessment, assess } from '@n3x/core/recovery/compare';
import { renew } from '@n3x/core/recovery/renew';
import { replayLog } from '@n3x/core/recovery/replay';
import type { RecoveryReport } from '@n3x/core/recovery/report';
import { assessmentText, intentText, nextStepsText } from './assessment-text.ts';
import { type Agreed, agree, type Console } from './consent.ts';
import { readReport } from './report-file.ts';
import { openStoppedMember, type StoppedMember } from './stopped-host.ts';

/** How to recover. */
export interface RecoverOptions extends Agreed {
  readonly dataDir: string;
  /** Files of the other survivors. */
  readonly reports: readonly string[];
  /** Go on although hosts that are taken for lost answer. */
  readonly althoughAlive?: true;
}

/** Reads reports and compares them; of one that is there twice the newer counts. */
export async function compareReports(paths: readonly string[], own?: RecoveryReport): Promise<Assessment> {
  const read = await Promise.all(paths.map(readReport));
  // What is on this host's disk now is newer than any report of it.
  const others = own === undefined ? read : read.filter((report) => report.host.id !== own.host.id);
  return assess(own === undefined ? others : [own, ...others], own?.host.id);
}

/** Looks, compares, explains, asks, and makes this host the first of the new cluster. Gives its id. */
export async function recover(options: RecoverOptions, console: Console): Promise<string> {
  const nowMs = Date.now();
  const member = await openStoppedMember(options.dataDir, nowMs);
  try {
    const assessment = await compareReports(options.reports, member.report);
    console.stdout.write(assessmentText(assessment, member.membership.hostId, nowMs));
    refuseIfNotBest(assessment, member);
    if (options.althoughAlive !== true) await refuseIfAlive(assessment, member);
    console.stdout.write(intentText(assessment, options.dataDir));
    await agree(console, options, { kind: 'cluster', name: assessment.clusterName, clusterId: assessment.clusterId });
    const clusterId = await apply(assessment, member, nowMs);
    console.stdout.write(nextStepsText(assessment, clusterId));
    return clusterId;
  } finally {
    await member.data.close();
  }
}

function refuseIfNotBest({ best }: Assessment, { membership, report }: StoppedMember): void {
  if (best.host.id === membership.hostId) return;
  throw new N3xError(
    ERROR_CODES.refused,
    `nothing was changed: host ${best.host.name} knows more than this one, so recover there: "n3xd recover inspect --output ${report.host.name}.json" here, then "n3xd recover ${report.host.name}.json" on ${best.host.name}`,
  );
}

async function refuseIfAlive({ missing }: Assessment, { data }: StoppedMember): Promise<void> {
  if (missing.every((host) => host.addresses.length === 0)) return;
  // Loaded here because it brings the whole network along.
  const { stillAlive } = await import('./still-alive.ts');
  const alive = await stillAlive({ peerId: data.identity.peerId, privateKey: data.privateKey }, missing);
  if (alive.length === 0) return;
  const names = alive.map((host) => host.name).join(', ');
  throw new N3xError(
    ERROR_CODES.refused,
    `nothing was changed: n3xd runs on ${names} and answers. If the others are only slow to come back, wait for them. Otherwise stop n3xd there and give this command its report; --although-alive goes on without it`,
    { details: { hosts: alive.map((host) => host.name) } },
  );
}

/** Writes the new database beside the old one and puts it in force with one rename. */
async function apply(assessment: Assessment, { data, membership }: StoppedMember, nowMs: number): Promise<string> {
  const clusterId = randomBytes(16).toString('hex');
  const { state, last } = replayLog(data.stored);
  const term = Math.max(...assessment.ranking.map((report) => Math.max(report.hardState.term, report.last.term))) + 1;
  const { hostId, meta, records } = renew(state, {
    clusterId,
    cause: 'quorumLost',
    atMs: nowMs,
    lastIndex: last.index,
    term,
    successor: { type: 'member', hostId: membership.hostId },
  });
  await data.changeCluster({ clusterId, hostId, name: membership.name, peers: [] }, { meta, records });
  return clusterId;
}
