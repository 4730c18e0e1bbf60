/** Hosts as text for people. */
import type { HostView } from '@n3x/core/api/schemas';
import { formatAge, formatTime } from './age.ts';
import { annotationFields } from './annotation-fields.ts';
import { drainCell, drainFields } from './drain-text.ts';
import { formatMemory } from './memory.ts';
import { type Column, printable, renderFields, renderTable } from './table.ts';
import type { Paint } from './terminal.ts';

/** Whether the leader hears from it, in one word. */
function stateText(host: HostView, paint: Paint): string {
  if (host.membership === 'joining' || host.membership === 'leaving') return paint('busy', host.membership);
  if (host.membership === 'lost') return paint('bad', 'lost');
  if (host.restarting !== undefined) return paint('busy', 'restarting');
  if (!host.reachable) return paint('bad', 'unreachable');
  const drained = drainCell(host, paint);
  if (drained !== undefined) return drained;
  return host.cordonedSinceMs === undefined ? paint('good', 'up') : paint('busy', 'cordoned');
}

/** Its state, and since when it is heard from or not: `drained, up for 5m`. */
function sinceText(host: HostView, paint: Paint, nowMs: number): string {
  const state = stateText(host, paint);
  const heard = host.reachable ? paint('good', 'up') : paint('bad', 'unreachable');
  return `${state === heard ? '' : `${state}, `}${heard} for ${formatAge(host.reachableSinceMs, nowMs)}`;
}

/** What it is in the Raft group. */
function raftText(host: HostView): string {
  return host.leader ? 'leader' : host.membership;
}

function labelsText(host: HostView): string {
  return Object.entries({ ...host.settings.labels, ...host.ownLabels })
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
}

/** An amount in one cell: `6/3.5G`. */
function amount({ vcpu, memoryMib }: HostView['free']): string {
  return `${vcpu}/${formatMemory(memoryMib)}`;
}

/** Whether its dead-man's switch works; without it the host gets no VMs that may move to another host. */
function fenceWord({ facts }: HostView, paint: Paint): string {
  if (facts?.fence === undefined) return '-';
  return facts.fence.works ? paint('good', 'works') : paint('bad', 'fails');
}

function fenceText(host: HostView, paint: Paint): string | undefined {
  const fence = host.facts?.fence;
  return fence === undefined ? undefined : `${fenceWord(host, paint)}: ${printable(fence.message)}`;
}

/** Of all pools together, what is given and what may be. */
function diskText({ pools }: HostView): string {
  if (pools.some(({ capacityMib }) => capacityMib === null)) return '-';
  const sum = (of: (pool: HostView['pools'][number]) => number) => pools.reduce((total, pool) => total + of(pool), 0);
  return `${formatMemory(sum(({ usedMib }) => usedMib))}/${formatMemory(sum(({ capacityMib }) => capacityMib ?? 0))}`;
}

/** Until when its VMs wait for its n3xd. */
function restartText({ restarting }: HostView, nowMs: number): string | undefined {
  if (restarting === undefined) return undefined;
  const until = formatTime(restarting.sinceMs + restarting.waitMs);
  const what =
    restarting.bootId === undefined
      ? 'it may have been promised a longer lease before the cluster was recovered; its fenced VMs'
      : `n3xd was stopped ${formatAge(restarting.sinceMs, nowMs)} ago; its fenced VMs may run on, and`;
  return `${what} go elsewhere if it is not back by ${until}`;
}

/** One pool in a line. */
function poolText({ path, capacityMib, usedMib, freeMib, reservedMib }: HostView['pools'][number]): string {
  if (capacityMib === null || freeMib === null) return `${formatMemory(usedMib)} used, size not known`;
  const amounts = `${formatMemory(usedMib)} used, ${formatMemory(reservedMib)} reserved, ${formatMemory(freeMib)} free of ${formatMemory(capacityMib)}`;
  return `${amounts}, in ${printable(path ?? '')}`;
}

function columns(paint: Paint, nowMs: number): Column<HostView>[] {
  return [
    { head: 'NAME', cell: (host) => host.name },
    { head: 'STATE', cell: (host) => stateText(host, paint) },
    { head: 'ROLE', cell: (host) => host.settings.role },
    { head: 'RAFT', cell: raftText },
    { head: 'VMS', cell: (host) => String(host.vms) },
    { head: 'VCPU', cell: (host) => `${host.used.vcpu}/${host.capacity.vcpu}` },
    {
      head: 'MEMORY',
      cell: (host) => `${formatMemory(host.used.memoryMib)}/${formatMemory(host.capacity.memoryMib)}`,
    },
    { head: 'FREE', cell: (host) => amount(host.free) },
    { head: 'RESERVED', cell: (host) => amount(host.reserved) },
    { head: 'DISK', cell: diskText },
    { head: 'AGE', cell: (host) => formatAge(host.createdAtMs, nowMs) },
    { head: 'SINCE', wide: true, cell: (host) => formatAge(host.reachableSinceMs, nowMs) },
    { head: 'SYSTEM', wide: true, cell: (host) => host.facts?.system ?? '-' },
    { head: 'FEATURES', wide: true, cell: (host) => printable(host.facts?.features.join(', ') ?? '') || '-' },
    { head: 'FENCE', wide: true, cell: (host) => fenceWord(host, paint) },
    { head: 'VERSION', wide: true, cell: (host) => printable(host.facts?.n3xVersion ?? '-') },
    { head: 'ADDRESSES', wide: true, cell: (host) => printable(host.addresses.join(', ')) },
    { head: 'LABELS', wide: true, cell: (host) => labelsText(host) || '-' },
  ];
}

/** The list of hosts as a table. */
export function hostTable(hosts: readonly HostView[], paint: Paint, nowMs: number, wide: boolean): string {
  return renderTable(columns(paint, nowMs), hosts, wide);
}

/** Everything about one host. */
export function hostDetails(host: HostView, paint: Paint, nowMs: number): string {
  const { facts, settings } = host;
  const whole = ({ vcpu, memoryMib }: HostView['free']) => `${vcpu} vcpu, ${formatMemory(memoryMib)}`;
  const { overcommit } = settings;
  return renderFields([
    ['Name', host.name],
    ['Id', String(host.id)],
    ['State', sinceText(host, paint, nowMs)],
    ['Restart', restartText(host, nowMs)],
    ['Role', settings.role],
    ['Raft', raftText(host)],
    ['VMs', String(host.vms)],
    ['Capacity', whole(host.capacity)],
    ['Used', whole(host.used)],
    ['Free', whole(host.free)],
    ['Reserved', whole(host.reserved)],
    [
      'Overcommit',
      overcommit === undefined
        ? undefined
        : `vcpu ${overcommit.vcpu ?? 1} times, memory ${overcommit.memory ?? 1} times`,
    ],
    ...host.pools.map((pool): readonly [string, string] => [`Pool ${pool.name}`, poolText(pool)]),
    ['Cost', settings.cost === undefined ? undefined : String(settings.cost)],
    [
      'Cordoned',
      host.cordonedSinceMs === undefined ? undefined : `takes no VMs for ${formatAge(host.cordonedSinceMs, nowMs)}`,
    ],
    ...drainFields(host, nowMs),
    ['Labels', labelsText(host)],
    ...annotationFields(host.annotations),
    ['System', facts?.system],
    ['Kernel', facts === undefined ? undefined : printable(facts.kernel)],
    ['Features', facts === undefined ? undefined : printable(facts.features.join(', '))],
    ['Fence', fenceText(host, paint)],
    ['n3x', facts === undefined ? undefined : printable(facts.n3xVersion)],
    ['Addresses', printable(host.addresses.join(', '))],
    ['Peer id', printable(host.peerId)],
    ['Modified', `index ${host.modifiedIndex}`],
    ['Joined', `${formatTime(host.createdAtMs)} (${formatAge(host.createdAtMs, nowMs)} ago)`],
    ['UID', host.uid],
  ]);
}
