/**
 * IP addresses, subnets and ranges as text and as numbers. Text comes out in one form only, for IPv6 that of RFC 5952,
 * so that equal addresses are equal texts.
 */
/** Version of the Internet Protocol, as the field of a spec that it stands in. */
export type Family = 'ipv4' | 'ipv6';
/** Both, in the order in which they are shown. */
export const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];

/** Bits of an address. */
export const ADDRESS_BITS: Readonly<Record<Family, number>> = { ipv4: 32, ipv6: 128 };

/** An address as a number. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** Addresses from `first` to `last`, both included. */
export interface AddressRange {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

/** A subnet: all addresses that begin with the same `prefix` bits. */
export interface Subnet extends AddressRange {
  readonly prefix: number;
}

function parseIpv4(text: string): bigint | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let value = 0n;
  for (const part of match.slice(1)) {
    // A leading zero means octal to some programs and nothing to others.
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    value = value * 256n + BigInt(part);
  }
  return value;
}

/** The 16-bit groups of one side of `::`; that which ends the address may end as an IPv4 address. */
function groups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const found: number[] = [];
  const parts = text.split(':');
  for (const [position, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      found.push(Number.parseInt(part, 16));
      continue;
    }
    const embedded = isEnd && position === parts.length - 1 ? parseIpv4(part) : undefined;
    if (embedded === undefined) return undefined;
    found.push(Number(embedded >> 16n), Number(embedded & 0xffffn));
  }
  return found;
}

function parseIpv6(text: string): bigint | undefined {
  const sides = text.split('::');
  if (sides.length > 2) return undefined;
  const head = groups(sides[0] ?? '', sides.length === 1);
  const tail = sides.length === 2 ? groups(sides[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (sides.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  return all.reduce((value, group) => value * 65_536n + BigInt(group), 0n);
}

/** The address that a text means; undefined when it is none. */
export function parseAddress(text: string): Address | undefined {
  const family: Family = text.includes(':') ? 'ipv6' : 'ipv4';
  const value = family === 'ipv6' ? parseIpv6(text) : parseIpv4(text);
  return value === undefined ? undefined : { family, value };
}

function formatIpv6(value: bigint): string {
  const all = Array.from({ length: 8 }, (_, position) => Number((value >> BigInt(112 - 16 * position)) & 0xffffn));
  // The longest run of at least two zero groups, the first of the longest.
  let [start, length] = [-1, 1];
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && all[to] === 0) to += 1;
    if (to - from > length) [start, length] = [from, to - from];
    if (to > from) from = to;
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  return start < 0 ? text(all) : `${text(all.slice(0, start))}::${text(all.slice(start + length))}`;
}

/** The one text of an address. */
export function formatAddress({ family, value }: Address): string {
  if (family === 'ipv6') return formatIpv6(value);
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');
}

/** The subnet that `ADDRESS/PREFIX` means, whatever address of it stands there; undefined when it is none. */
export function parseSubnet(text: string): Subnet | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = parseAddress(match?.[1] ?? '');
  const prefix = Number(match?.[2]);
  if (address === undefined || prefix > ADDRESS_BITS[address.family]) return undefined;
  const size = 1n << BigInt(ADDRESS_BITS[address.family] - prefix);
  const first = (address.value / size) * size;
  return { family: address.family, prefix, first, last: first + size - 1n };
}

/** The one text of a subnet. */
export function formatSubnet({ family, first, prefix }: Subnet): string {
  return `${formatAddress({ family, value: first })}/${prefix}`;
}

/** The range that `FIRST-LAST`, `FIRST` alone or a subnet means; undefined when it is none. */
export function parseRange(text: string): AddressRange | undefined {
  if (text.includes('/')) return parseSubnet(text);
  const [from, to, ...rest] = text.split('-');
  const first = parseAddress(from ?? '');
  const last = to === undefined ? first : parseAddress(to);
  if (first === undefined || last === undefined || rest.length > 0) return undefined;
  if (first.family !== last.family || first.value > last.value) return undefined;
  return { family: first.family, first: first.value, last: last.value };
}

/** The one text of a range. */
export function formatRange({ family, first, last }: AddressRange): string {
  const from = formatAddress({ family, value: first });
  return first === last ? from : `${from}-${formatAddress({ family, value: last })}`;
}

/** Whether all of `inner` is in `outer`. */
export function contains(outer: AddressRange, inner: AddressRange): boolean {
  return outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;
}

/** Whether some address is in both. */
export function overlaps(a: AddressRange, b: AddressRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/** An address as a range of one. */
export function only({ family, value }: Address): AddressRange {
  return { family, first: value, last: value };
}
