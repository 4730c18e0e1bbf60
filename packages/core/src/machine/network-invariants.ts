/** What must hold of networks and addresses at every applied index. Written from the rules, not from `apply`. */
import { type Family, formatAddress, formatSubnet, parseAddress, parseSubnet } from '../model/ip.ts';
import { NETWORK_LIMIT, type Network, type ReleasedAddress } from '../model/network.ts';
import type { Vm } from '../model/vm.ts';
import { wantedAddresses } from '../model/vm-address.ts';
import type { ClusterState } from './state.ts';

const ALL: readonly Family[] = ['ipv4', 'ipv6'];

/** What is wrong with an address of a network, whoever has it. */
function misplaced(network: Network, family: Family, text: string): string | undefined {
  const address = parseAddress(text);
  const spec = network.spec[family];
  const subnet = parseSubnet(spec?.subnet ?? '');
  if (address === undefined || formatAddress(address) !== text) return `${text} is no address`;
  if (subnet === undefined || address.family !== family) return `${text} is of another version`;
  if (address.value <= subnet.first || address.value >= subnet.last) return `${text} is not in ${formatSubnet(subnet)}`;
  return undefined;
}

/** What is wrong with the addresses of one VM. */
export function checkVmAddresses(state: ClusterState, vm: Vm, found: string[]): void {
  const given = vm.allocation.addresses ?? [];
  const wanted = wantedAddresses(vm.spec);
  if (given.length !== wanted.length) found.push(`${vm.name} is on ${given.length} networks, not ${wanted.length}`);
  for (const [place, allocated] of given.entries()) {
    const asked = wanted[place];
    const network = state.network(allocated.network);
    if (asked?.network !== allocated.network || asked.position !== allocated.position) {
      found.push(`${vm.name} is on network ${allocated.network}, which it does not ask for`);
    }
    if (network === undefined) {
      found.push(`${vm.name} is on network ${allocated.network}, which is not there`);
      continue;
    }
    for (const family of ALL) {
      const ip = allocated[family];
      if (ip === undefined) continue;
      if (asked?.[family] !== undefined && asked[family] !== ip.address) {
        found.push(`${vm.name} asked for ${asked[family]} and has ${ip.address}`);
      }
      const wrong = misplaced(network, family, ip.address);
      if (wrong !== undefined) found.push(`${vm.name} on network ${network.name}: ${wrong}`);
      if (network.spec[family]?.gateway === ip.address) found.push(`${vm.name} has the gateway ${ip.address}`);
      const other = state.indexes.addressUser(ip.address);
      if (other !== vm.name) found.push(`address ${ip.address} belongs to ${vm.name} and ${other ?? 'nobody'}`);
      const released = state.addresses.released(ip.address);
      if (released !== undefined) found.push(`${vm.name} has ${ip.address}, which ${released.vm} released`);
    }
  }
}

function checkNetwork(state: ClusterState, network: Network, found: string[]): void {
  const { name, released, freed } = network;
  if (freed > released) found.push(`network ${name} has ${released} released and ${freed} freed addresses`);
  if (network.createdIndex > state.index) found.push(`network ${name} is of the future`);
  for (const other of state.networks()) {
    if (other.name <= name) continue;
    for (const family of ALL) {
      const [a, b] = [parseSubnet(network.spec[family]?.subnet ?? ''), parseSubnet(other.spec[family]?.subnet ?? '')];
      if (a !== undefined && b !== undefined && a.first <= b.last && b.first <= a.last) {
        found.push(`networks ${name} and ${other.name} have the same addresses`);
      }
    }
  }
}

function checkReleased(state: ClusterState, records: readonly ReleasedAddress[], found: string[]): void {
  const texts = new Set<string>();
  const sequences = new Set<string>();
  const held = new Map<string, number>();
  for (const { network: name, address, sequence } of records) {
    const network = state.network(name);
    if (texts.has(address)) found.push(`address ${address} is released twice`);
    if (sequences.has(`${name}/${sequence}`))
      found.push(`network ${name}: two released addresses have number ${sequence}`);
    texts.add(address);
    sequences.add(`${name}/${sequence}`);
    if (state.addresses.released(address)?.sequence !== sequence) found.push(`released ${address} is not indexed`);
    if (network === undefined) {
      found.push(`address ${address} of network ${name} is there without it`);
      continue;
    }
    if (sequence > network.released) found.push(`network ${name} has not released number ${sequence} yet`);
    if (sequence > network.freed) held.set(name, (held.get(name) ?? 0) + 1);
  }
  for (const { name, released, freed } of state.networks()) {
    const count = held.get(name) ?? 0;
    if (count !== released - freed)
      found.push(`network ${name} holds ${released - freed} addresses, ${count} are there`);
  }
  if (records.length !== state.addresses.size) found.push(`${records.length} addresses are released`);
}

/** What is wrong with all networks and addresses. */
export function checkNetworks(state: ClusterState, found: string[]): void {
  const users = new Map<string, string>();
  const uses = new Map<string, number>();
  for (const vm of state.vms()) {
    checkVmAddresses(state, vm, found);
    for (const allocated of vm.allocation.addresses ?? []) {
      uses.set(allocated.network, (uses.get(allocated.network) ?? 0) + 1);
      for (const family of ALL) {
        const text = allocated[family]?.address;
        if (text === undefined) continue;
        const other = users.get(text);
        if (other !== undefined) found.push(`address ${text} belongs to ${other} and ${vm.name}`);
        users.set(text, vm.name);
      }
    }
  }
  let before = '';
  for (const network of state.networks()) {
    if (network.name <= before) found.push(`network ${network.name} is listed after ${before}`);
    before = network.name;
    checkNetwork(state, network, found);
    const counted = uses.get(network.name) ?? 0;
    const indexed = state.indexes.networkUses(network.name);
    if (counted !== indexed) found.push(`network ${network.name} has ${counted} uses, ${indexed} are indexed`);
  }
  if (users.size !== state.indexes.addressCount) found.push(`${users.size} addresses are in use`);
  if (state.networkCount > NETWORK_LIMIT) found.push(`there are ${state.networkCount} networks`);
  checkReleased(state, [...state.releasedAddresses()], found);
}
