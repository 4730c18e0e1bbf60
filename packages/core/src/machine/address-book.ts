/**
 * What an allocation asks of the networks, kept change by change: their subnets as numbers, and the released addresses
 * by age and by text. Never stored: it follows from the networks and the records of released addresses.
 */
import {
  type AddressRange,
  contains,
  FAMILIES,
  type Family,
  only,
  parseAddress,
  parseRange,
  parseSubnet,
  type Subnet,
} from '../model/ip.ts';
import type { Network, NetworkSpec, ReleasedAddress } from '../model/network.ts';

/** The addresses of one version of a network. */
export interface SubnetPlan {
  readonly subnet: Subnet;
  /** What no VM gets, not even by request: ends of the subnet, gateway, excluded. Ordered, without overlaps. */
  readonly barred: readonly AddressRange[];
  /** `barred`, and what is given by request only: name servers. */
  readonly skipped: readonly AddressRange[];
}

/** Ranges in order, those that touch each other as one. */
function merged(ranges: readonly AddressRange[]): AddressRange[] {
  const result: AddressRange[] = [];
  const inOrder = [...ranges].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  for (const range of inOrder) {
    const before = result.at(-1);
    if (before === undefined || range.first > before.last + 1n) result.push(range);
    else if (range.last > before.last) result[result.length - 1] = { ...before, last: range.last };
  }
  return result;
}

/** The addresses of one version, as its spec has them; undefined when it has none. */
export function subnetPlan(spec: NetworkSpec, family: Family): SubnetPlan | undefined {
  const asked = spec[family];
  const subnet = asked === undefined ? undefined : parseSubnet(asked.subnet);
  if (asked === undefined || subnet === undefined) return undefined;
  const ends = [subnet.first, subnet.last].map((value) => only({ family, value }));
  const alone = (texts: readonly string[]) =>
    texts.flatMap((text) => {
      const address = parseAddress(text);
      return address?.family === family ? [only(address)] : [];
    });
  const excluded = (asked.exclude ?? []).flatMap((text) => parseRange(text) ?? []);
  const servers = alone(spec.dns ?? []).filter((server) => contains(subnet, server));
  const barred = [...ends, ...excluded, ...(asked.gateway === undefined ? [] : alone([asked.gateway]))];
  return { subnet, barred: merged(barred), skipped: merged([...barred, ...servers]) };
}

/** The range that has `value`, of ranges in order. */
export function rangeAt(ranges: readonly AddressRange[], value: bigint): AddressRange | undefined {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range !== undefined && range.last < value) low = middle + 1;
    else high = middle;
  }
  const range = ranges[low];
  return range !== undefined && range.first <= value ? range : undefined;
}

/** Released addresses of one version of one network. */
class ReleaseQueue {
  readonly #bySequence = new Map<number, ReleasedAddress>();
  /** None is below: each number is passed over once. */
  #head = Number.POSITIVE_INFINITY;
  #tail = 0;

  put(released: ReleasedAddress): void {
    this.#bySequence.set(released.sequence, released);
    this.#head = Math.min(this.#head, released.sequence);
    this.#tail = Math.max(this.#tail, released.sequence);
  }

  delete(sequence: number): void {
    this.#bySequence.delete(sequence);
    if (this.#bySequence.size > 0) return;
    this.#head = Number.POSITIVE_INFINITY;
    this.#tail = 0;
  }

  get size(): number {
    return this.#bySequence.size;
  }

  *oldestFirst(): Generator<ReleasedAddress> {
    while (this.#head <= this.#tail && !this.#bySequence.has(this.#head)) this.#head += 1;
    for (let sequence = this.#head; sequence <= this.#tail; sequence++) {
      const released = this.#bySequence.get(sequence);
      if (released !== undefined) yield released;
    }
  }
}

type Plans = Partial<Record<Family, SubnetPlan>>;

/** The derived indexes over networks and released addresses. */
export class AddressBook {
  readonly #plans = new Map<string, { readonly spec: NetworkSpec; readonly plans: Plans }>();
  readonly #queues = new Map<string, ReleaseQueue>();
  readonly #byAddress = new Map<string, ReleasedAddress>();

  /** A network came or changed. */
  putNetwork({ name, spec }: Network): void {
    if (this.#plans.get(name)?.spec === spec) return;
    const plans: Plans = {};
    for (const family of FAMILIES) {
      const plan = subnetPlan(spec, family);
      if (plan !== undefined) plans[family] = plan;
    }
    this.#plans.set(name, { spec, plans });
  }

  /** A network went, and its released addresses before it. */
  deleteNetwork(name: string): void {
    this.#plans.delete(name);
  }

  putReleased(released: ReleasedAddress): void {
    this.#byAddress.set(released.address, released);
    const key = queueKey(released.network, familyOf(released.address));
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = new ReleaseQueue();
      this.#queues.set(key, queue);
    }
    queue.put(released);
  }

  deleteReleased({ address, network, sequence }: ReleasedAddress): void {
    this.#byAddress.delete(address);
    const key = queueKey(network, familyOf(address));
    const queue = this.#queues.get(key);
    queue?.delete(sequence);
    if (queue?.size === 0) this.#queues.delete(key);
  }

  /** The subnet of a network. */
  plan(network: string, family: Family): SubnetPlan | undefined {
    return this.#plans.get(network)?.plans[family];
  }

  /** The record of an address that was released and is nobody's since. */
  released(address: string): ReleasedAddress | undefined {
    return this.#byAddress.get(address);
  }

  /** Released addresses of one version of a network, held or not, oldest first. Not to be used across a change. */
  oldestFirst(network: string, family: Family): Iterable<ReleasedAddress> {
    return this.#queues.get(queueKey(network, family))?.oldestFirst() ?? [];
  }

  /** Number of released addresses of a network that are nobody's since. */
  releasedCount(network: string): number {
    return FAMILIES.reduce((sum, family) => sum + (this.#queues.get(queueKey(network, family))?.size ?? 0), 0);
  }

  /** All released addresses in the order of their keys, given the names of the networks in order. */
  *inKeyOrder(networks: Iterable<string>): Generator<ReleasedAddress> {
    // A key ends its network's name with a slash, and a name may go on with a dash, which is less.
    for (const network of [...networks].sort((a, b) => (`${a}/` < `${b}/` ? -1 : 1))) {
      const both = FAMILIES.flatMap((family) => [...this.oldestFirst(network, family)]);
      yield* both.sort((a, b) => a.sequence - b.sequence);
    }
  }

  /** Number of all released addresses. */
  get size(): number {
    return this.#byAddress.size;
  }
}

function queueKey(network: string, family: Family): string {
  return `${network}/${family}`;
}

function familyOf(address: string): Family {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
