/** The cluster as text for people. */
import type { ClusterStatus } from '@n3x/core/api/schemas';
import { leaseTimingOf } from '@n3x/core/model/lease-timing';
import { restartLeaseSeconds } from '@n3x/core/model/restart-lease';
import { formatAge, formatSpan } from './age.ts';
import { hostTable } from './host-text.ts';
import { printable, renderFields } from './table.ts';
import type { Paint } from './terminal.ts';

/** Health of the quorum in words, from the counts of voters, of those needed and of those heard from. */
export function quorumText(quorum: ClusterStatus['quorum'], leader: boolean, paint: Paint): string {
  const { voters, needed, reachable } = quorum;
  const count = `${reachable} of ${voters} voters reachable`;
  // Without a leader nobody judges who is heard from, so the count would only mislead.
  if (!leader)
    return paint('bad', `none known: this host hears of no leader that ${needed} of ${voters} voters follow`);
  if (reachable < needed) return paint('bad', `lost: ${count}, ${needed} needed`);
  const spare = reachable - needed;
  if (spare === 0) {
    const word = voters === 1 ? 'the only one, whose failure is not tolerated' : 'tolerates no more failure';
    return `${paint(voters === 1 ? 'good' : 'busy', 'held')}: ${count}, ${word}`;
  }
  return `${paint('good', 'held')}: ${count}, tolerates ${spare} more failure${spare === 1 ? '' : 's'}`;
}

/** What to do when there is no leader; undefined when all is as it should be. */
function nextText({ local, leader }: ClusterStatus): string | undefined {
  if (local.superseded === true) {
    return 'this cluster was recovered without this host: join it again with "n3xctl cluster join TOKEN"';
  }
  if (local.takenOut === true) {
    return 'this host was taken out of the cluster: "n3xctl cluster leave" here makes it forget it, then it can join again';
  }
  if (leader !== null) return undefined;
  return 'bring the missing voters back; if they are gone for good: "n3xd recover --help"';
}

function leasesText(settings: ClusterStatus['cluster']['settings']): string {
  const { ttlMs, clockError, fenceMarginMs } = leaseTimingOf(settings);
  return `${formatSpan(ttlMs)}, clocks wrong by up to ${Math.round(clockError * 1000) / 10} %, ${fenceMarginMs} ms to end what is fenced`;
}

/** How long n3xd of a host may take to restart without harm to its VMs. */
function restartsText(settings: ClusterStatus['cluster']['settings']): string {
  const seconds = restartLeaseSeconds(settings);
  if (seconds === 0) return 'no lease for them: fenced VMs end when n3xd is away for a few seconds';
  return `n3xd may be away for ${formatSpan(seconds * 1000)} while fenced VMs run on`;
}

/** How the host that answers makes sure that a read is not behind. */
function readsText({ name, reads }: ClusterStatus['local']): string {
  return reads === 'lease'
    ? `by lease on ${name}: without a message, while clocks are as right as leases need`
    : `by quorum on ${name}: each is confirmed by a majority of the voters`;
}

/** The whole status. */
export function clusterText(status: ClusterStatus, paint: Paint, nowMs: number, wide: boolean): string {
  const phases = Object.entries(status.vmsByPhase).filter(([, count]) => count !== undefined && count > 0);
  const total = phases.reduce((sum, [, count]) => sum + (count ?? 0), 0);
  const detail = phases.map(([phase, count]) => `${count} ${phase}`).join(', ');
  const { cluster, local } = status;
  const fields = renderFields([
    ['Cluster', `${cluster.name} (${cluster.id}), ${formatAge(cluster.createdAtMs, nowMs)} old`],
    ['Leader', status.leader === null ? paint('bad', 'none') : status.leader.name],
    ['Quorum', quorumText(status.quorum, status.leader !== null, paint)],
    [
      'Voters',
      `${cluster.settings.voters} wanted, a dead one is replaced after ${formatSpan(cluster.settings.replaceAfterSeconds * 1000)}`,
    ],
    ['Placement', `${cluster.settings.strategy ?? 'most-available'}, where a VM does not say`],
    ['Leases', leasesText(cluster.settings)],
    ['Restarts', restartsText(cluster.settings)],
    ['Reads', readsText(local)],
    ['Note', status.leader === null ? undefined : (status.quorum.note ?? undefined)],
    ['VMs', total === 0 ? 'none' : `${total}: ${detail}`],
    ['Next', nextText(status)],
    ['Index', String(status.index)],
    ['Answered by', `${local.name} (${local.role}, term ${local.term}, n3xd ${printable(local.version)})`],
  ]);
  return `${fields}\n${hostTable(status.hosts, paint, nowMs, wide)}`;
}
