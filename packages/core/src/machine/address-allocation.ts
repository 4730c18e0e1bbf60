/**
 * Gives VMs their addresses. First goes the one that was released first of those that nobody holds, then the next that
 * no VM has ever had. Addresses asked for by the spec are given when they are free.
 */
import { assert } from '../base/assert.ts';
import { ERROR_CODES } from '../base/errors.ts';
import { contains, FAMILIES, type Family, formatAddress, only, parseAddress } from '../model/ip.ts';
import { heldCount, type Network, type ReleasedAddress } from '../model/network.ts';
import type { VmSpec } from '../model/vm.ts';
import { type AllocatedAddress, type AllocatedIp, type WantedAddress, wantedAddresses } from '../model/vm-address.ts';
import { rangeAt, type SubnetPlan } from './address-book.ts';
import type { ClusterState } from './state.ts';
import type { Transaction } from './transaction.ts';
import { no, notFound, type Verdict } from './verdict.ts';

/** Addresses for a VM, and what becomes of the networks when it gets them. */
export interface AddressDraft {
  readonly addresses: readonly AllocatedAddress[];
  readonly networks: readonly Network[];
  /** Records of released addresses that go. */
  readonly taken: readonly ReleasedAddress[];
}

/** What came of it: `refusal` says why a VM cannot have what it asks for. */
export type AddressResult =
  | { readonly ok: true; readonly draft: AddressDraft }
  | { readonly ok: false; readonly refusal: Verdict };

/** One allocation for one VM while it is being made. */
class Draft {
  readonly #state: ClusterState;
  readonly #vm: string;
  readonly #networks = new Map<string, Network>();
  readonly #taken = new Map<string, ReleasedAddress>();
  readonly #mine = new Set<string>();

  constructor(state: ClusterState, vm: string) {
    this.#state = state;
    this.#vm = vm;
  }

  get networks(): Network[] {
    return [...this.#networks.values()];
  }

  get taken(): ReleasedAddress[] {
    return [...this.#taken.values()];
  }

  network(name: string): Network | undefined {
    return this.#networks.get(name) ?? this.#state.network(name);
  }

  isUsed(address: string): boolean {
    return this.#mine.has(address) || this.#state.indexes.addressUser(address) !== undefined;
  }

  #take(address: string): string {
    this.#mine.add(address);
    const released = this.#state.addresses.released(address);
    if (released !== undefined) this.#taken.set(address, released);
    return address;
  }

  /** The next address of a network; undefined when all are in use or held. */
  next(network: Network, family: Family, plan: SubnetPlan): string | undefined {
    return this.#oldestReleased(network, family, plan) ?? this.#neverGiven(network, family, plan);
  }

  #oldestReleased(network: Network, family: Family, plan: SubnetPlan): string | undefined {
    for (const released of this.#state.addresses.oldestFirst(network.name, family)) {
      if (released.sequence > network.freed) return undefined;
      const { address } = released;
      if (this.#taken.has(address)) continue;
      const value = parseAddress(address)?.value;
      assert(value !== undefined, `${address} is an address`);
      if (rangeAt(plan.skipped, value) === undefined) return this.#take(address);
      // It was given before it was excluded; should it be allowed again it counts as never given.
      this.#taken.set(address, released);
    }
    return undefined;
  }

  #neverGiven(network: Network, family: Family, plan: SubnetPlan): string | undefined {
    const { subnet, skipped } = plan;
    const last = parseAddress(network.last[family] ?? '');
    let value = last === undefined ? subnet.first : last.value + 1n;
    let found: string | undefined;
    while (value <= subnet.last && found === undefined) {
      const range = rangeAt(skipped, value);
      if (range !== undefined) {
        value = range.last + 1n;
        continue;
      }
      const address = formatAddress({ family, value });
      if (!this.isUsed(address) && this.#state.addresses.released(address) === undefined) found = this.#take(address);
      value += 1n;
    }
    const upTo = formatAddress({ family, value: value > subnet.last ? subnet.last : value - 1n });
    if (upTo !== network.last[family]) {
      this.#networks.set(network.name, { ...network, last: { ...network.last, [family]: upTo } });
    }
    return found;
  }

  /** The address that was asked for, or why it cannot be had. */
  byRequest(network: Network, text: string, plan: SubnetPlan): string | Verdict {
    const address = parseAddress(text);
    assert(address !== undefined, `${text} is an address`);
    const { subnet } = plan;
    const refuse = (code: 'refused' | 'conflict', why: string): Verdict =>
      no(ERROR_CODES[code], `VM ${this.#vm} cannot have address ${text} of network ${network.name}: ${why}`, {
        ...{ kind: 'network', name: network.name, vm: this.#vm, address: text },
      });
    if (!contains(subnet, only(address))) {
      return refuse('refused', `it is not in ${network.spec[address.family]?.subnet}`);
    }
    if (address.value === subnet.first || address.value === subnet.last) {
      return refuse(
        'refused',
        `it is the ${address.value === subnet.first ? 'first' : 'last'} of the subnet. Ask for another`,
      );
    }
    if (text === network.spec[address.family]?.gateway) return refuse('refused', 'it is the gateway. Ask for another');
    if (rangeAt(plan.barred, address.value) !== undefined) return refuse('refused', 'it is excluded. Ask for another');
    const user = this.#mine.has(text) ? this.#vm : this.#state.indexes.addressUser(text);
    if (user !== undefined) {
      return refuse(
        'conflict',
        user === this.#vm ? 'it asks for it twice' : `VM ${user} has it. Ask for another, or for none`,
      );
    }
    const released = this.#state.addresses.released(text);
    if (released !== undefined && released.sequence > network.freed) {
      const how = `VM ${released.vm} had it, and it is held for ${network.spec.holdSeconds} s`;
      return refuse(
        'conflict',
        `${how}. Wait, ask for another, or shorten the hold with \`n3xctl network set ${network.name} --hold\``,
      );
    }
    return this.#take(text);
  }
}

function given(network: Network, address: string, plan: SubnetPlan): AllocatedIp {
  const { family, prefix } = plan.subnet;
  const gateway = network.spec[family]?.gateway;
  return { address, prefix, ...(gateway === undefined ? {} : { gateway }) };
}

function full(network: Network, family: Family, vm: string): Verdict {
  const { name, spec } = network;
  const held = heldCount(network);
  const version = family === 'ipv4' ? 'IPv4' : 'IPv6';
  const waits = held === 0 ? '' : `, and ${held} held after their release`;
  const message =
    `VM ${vm} cannot have an ${version} address: network ${name} has none left in ${spec[family]?.subnet}${waits}. ` +
    'Delete VMs, wait for held ones, or use another network';
  return no(ERROR_CODES.refused, message, { kind: 'network', name, vm, held });
}

function addressFor(draft: Draft, state: ClusterState, vm: string, wanted: WantedAddress): AllocatedAddress | Verdict {
  const first = draft.network(wanted.network);
  if (first === undefined) {
    return notFound('network', wanted.network, `VM ${vm} cannot be on it; \`n3xctl network list\` shows those that do`);
  }
  const ips: Partial<Record<Family, AllocatedIp>> = {};
  for (const family of FAMILIES) {
    // Each family may have moved the network on.
    const network = draft.network(wanted.network) ?? first;
    const plan = state.addresses.plan(network.name, family);
    const asked = wanted[family];
    if (plan === undefined) {
      if (asked === undefined) continue;
      const version = family === 'ipv4' ? 'IPv4' : 'IPv6';
      const message = `VM ${vm} cannot have address ${asked} of network ${network.name}: it has no ${version} subnet`;
      return no(ERROR_CODES.refused, message, { kind: 'network', name: network.name, vm, address: asked });
    }
    const address = asked === undefined ? draft.next(network, family, plan) : draft.byRequest(network, asked, plan);
    if (address === undefined) return full(network, family, vm);
    if (typeof address !== 'string') return address;
    ips[family] = given(network, address, plan);
  }
  const { dns } = first.spec;
  const { position, network } = wanted;
  return { position, network, ...(dns === undefined || dns.length === 0 ? {} : { dns }), ...ips };
}

/** Addresses for a VM that is to be made. Changes nothing. */
export function draftAddresses(state: ClusterState, vm: string, spec: VmSpec): AddressResult {
  const draft = new Draft(state, vm);
  const addresses: AllocatedAddress[] = [];
  for (const wanted of wantedAddresses(spec)) {
    const address = addressFor(draft, state, vm, wanted);
    if ('ok' in address) return { ok: false, refusal: address };
    addresses.push(address);
  }
  return { ok: true, draft: { addresses, networks: draft.networks, taken: draft.taken } };
}

/** Makes a draft come true, except for the VM. */
export function takeAddresses(tx: Transaction, { networks, taken }: AddressDraft): void {
  for (const network of networks) tx.putNetwork(network);
  for (const released of taken) tx.deleteReleased(released);
}
