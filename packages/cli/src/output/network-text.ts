/** Networks as text for people. */
import type { NetworkDetail, NetworkView } from '@n3x/core/api/network-schemas';
import { FAMILIES, type Family } from '@n3x/core/model/ip';
import { formatAge, formatSpan, formatTime } from './age.ts';
import { type Column, renderFields, renderTable } from './table.ts';
import type { Paint } from './terminal.ts';

/** More than anybody counts. */
const MANY = 1_000_000_000;

/** What there is of each version, by the versions in order. */
function each(text: (family: Family) => string | undefined): string {
  return FAMILIES.flatMap((family) => text(family) ?? []).join(', ');
}

function freeText(network: NetworkView): string {
  return each((family) => {
    const free = network.free[family];
    return free === undefined ? undefined : free > MANY ? 'many' : String(free);
  });
}

function holdText({ spec }: NetworkView): string {
  return spec.holdSeconds === 0 ? 'none' : formatSpan(spec.holdSeconds * 1000);
}

function isFull({ free }: NetworkView): boolean {
  return FAMILIES.some((family) => free[family] === 0);
}

function columns(paint: Paint, nowMs: number): Column<NetworkView>[] {
  return [
    { head: 'NAME', cell: (network) => network.name },
    { head: 'SUBNET', cell: (network) => each((family) => network.spec[family]?.subnet) },
    { head: 'USED', cell: (network) => String(network.uses) },
    { head: 'HELD', cell: (network) => String(network.held) },
    { head: 'FREE', cell: (network) => paint(isFull(network) ? 'bad' : 'good', freeText(network)) },
    { head: 'HOLD', cell: holdText },
    { head: 'AGE', cell: (network) => formatAge(network.createdAtMs, nowMs) },
    { head: 'GATEWAY', wide: true, cell: (network) => each((family) => network.spec[family]?.gateway) || '-' },
    { head: 'DNS', wide: true, cell: (network) => network.spec.dns?.join(', ') ?? '-' },
    {
      head: 'EXCLUDED',
      wide: true,
      cell: (network) => each((family) => network.spec[family]?.exclude?.join(', ')) || '-',
    },
  ];
}

/** The list of networks as a table. */
export function networkTable(networks: readonly NetworkView[], paint: Paint, nowMs: number, wide: boolean): string {
  return renderTable(columns(paint, nowMs), networks, wide);
}

type User = NetworkDetail['users'][number];
type Released = NetworkDetail['releasedAddresses'][number];

const USER_COLUMNS: Column<User>[] = [
  { head: 'VM', cell: (user) => user.vm },
  { head: 'ADDRESSES', cell: (user) => user.addresses.join(', ') },
];

function releasedColumns(nowMs: number): Column<Released>[] {
  return [
    { head: 'ADDRESS', cell: (released) => released.address },
    { head: 'OF VM', cell: (released) => released.vm },
    { head: 'RELEASED', cell: (released) => `${formatAge(released.releasedAtMs, nowMs)} ago` },
    { head: 'HELD', cell: (released) => (released.held ? 'yes' : 'no') },
  ];
}

/** Everything about one network; who is on it only where that is known. */
export function networkDetails(network: NetworkView | NetworkDetail, nowMs: number): string {
  const { spec } = network;
  const subnets = FAMILIES.flatMap((family): [string, string | undefined][] => {
    const subnet = spec[family];
    if (subnet === undefined) return [];
    const version = family === 'ipv4' ? 'IPv4' : 'IPv6';
    return [
      [version, subnet.subnet],
      [`${version} gateway`, subnet.gateway],
      [`${version} excluded`, subnet.exclude?.join(', ')],
    ];
  });
  const fields = renderFields([
    ['Name', network.name],
    ...subnets,
    ['DNS', spec.dns?.join(', ')],
    ['Hold', holdText(network)],
    ['In use', `${network.uses}, ${network.held} held, ${freeText(network)} free`],
    ['Created', `${formatTime(network.createdAtMs)} (${formatAge(network.createdAtMs, nowMs)} ago)`],
    ['Generation', String(network.generation)],
    ['Modified', `index ${network.modifiedIndex}`],
  ]);
  if (!('users' in network)) return fields;
  const users = network.users.length === 0 ? '' : `\nUsed by:\n${renderTable(USER_COLUMNS, network.users, true)}`;
  const released =
    network.releasedAddresses.length === 0
      ? ''
      : `\nReleased:\n${renderTable(releasedColumns(nowMs), network.releasedAddresses, true)}`;
  return `${fields}${users}${released}`;
}
