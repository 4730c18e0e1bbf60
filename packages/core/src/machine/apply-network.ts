/** Networks: create, change, delete, and the end of the holds on their released addresses. */
import { ERROR_CODES } from '../base/errors.ts';
import {
  contains,
  FAMILIES,
  type Family,
  formatAddress,
  formatSubnet,
  only,
  overlaps,
  parseAddress,
  parseRange,
  parseSubnet,
} from '../model/ip.ts';
import {
  heldCount,
  NETWORK_LIMIT,
  type Network,
  type NetworkChanges,
  type NetworkSpec,
  networkSpecSchema,
} from '../model/network.ts';
import type { Command } from './command.ts';
import { differences, same, shown } from './difference.ts';
import type { ClusterState } from './state.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, unchanged, type Verdict } from './verdict.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

function about(name: string): { kind: 'network'; name: string } {
  return { kind: 'network', name };
}

function unknownNetwork(name: string): Verdict {
  return notFound('network', name, '`n3xctl network list` shows those that do');
}

/** A network in words. */
function specText(spec: NetworkSpec): string {
  return FAMILIES.flatMap((family) => spec[family]?.subnet ?? []).join(' and ');
}

/** Another network that has addresses of this one. */
function overlapping(state: ClusterState, spec: NetworkSpec): { other: Network; subnet: string } | undefined {
  const subnets = FAMILIES.flatMap((family) => parseSubnet(spec[family]?.subnet ?? '') ?? []);
  for (const other of state.networks()) {
    for (const mine of subnets) {
      const theirs = state.addresses.plan(other.name, mine.family)?.subnet;
      if (theirs !== undefined && overlaps(mine, theirs)) return { other, subnet: formatSubnet(theirs) };
    }
  }
  return undefined;
}

/** `networkCreate`. */
export function applyNetworkCreate(tx: Transaction, { name, spec }: CommandOf<'networkCreate'>): Verdict {
  const existing = tx.state.network(name);
  if (existing !== undefined) {
    const found = differences(existing.spec, spec);
    if (found.length === 0) return unchanged();
    const named = found
      .slice(0, 4)
      .map(({ path, old, new: next }) => `${path} is ${shown(old)}, asked for ${shown(next)}`);
    return no(
      ERROR_CODES.conflict,
      `network ${name} exists with another spec: ${named.join('; ')}. Change it with \`n3xctl network set\`, or choose another name`,
      { kind: 'network', name },
    );
  }
  if (tx.state.networkCount >= NETWORK_LIMIT) {
    const message = `network ${name} cannot be created: there are ${NETWORK_LIMIT}, the most there may be`;
    return no(ERROR_CODES.refused, message, { kind: 'network', name });
  }
  const clash = overlapping(tx.state, spec);
  if (clash !== undefined) {
    const { other, subnet } = clash;
    return no(
      ERROR_CODES.conflict,
      `network ${name} cannot be created: network ${other.name} has addresses of it in ${subnet}. Choose another subnet`,
      { kind: 'network', name, other: other.name },
    );
  }
  tx.putNetwork({
    ...{ kind: 'network', name, createdIndex: tx.index, generation: 1, modifiedIndex: tx.index },
    ...{ createdAtMs: tx.atMs, spec, last: {}, released: 0, freed: 0 },
  });
  tx.event(about(name), 'Created', `created with ${specText(spec)}`);
  return done();
}

/** The spec of one version after a change; `undefined` when it has none. */
function changedSubnet(spec: NetworkSpec, family: Family, changes: NetworkChanges): NetworkSpec[Family] {
  const before = spec[family];
  if (before === undefined) return undefined;
  const { gateway, exclude, ...rest } = before;
  const ofFamily = (texts: readonly string[]) => texts.filter((text) => parseRange(text)?.family === family);
  const gateways = changes.gateways === null ? [] : changes.gateways;
  const nextGateway = changes.gateways === null ? undefined : (ofFamily(gateways ?? [])[0] ?? gateway);
  const nextExclude = changes.exclude === undefined ? exclude : ofFamily(changes.exclude);
  return {
    ...rest,
    ...(nextGateway === undefined ? {} : { gateway: nextGateway }),
    ...(nextExclude === undefined || nextExclude.length === 0 ? {} : { exclude: nextExclude }),
  };
}

function changedSpec(spec: NetworkSpec, changes: NetworkChanges): NetworkSpec {
  const { ipv4: _ipv4, ipv6: _ipv6, dns, ...rest } = spec;
  const nextDns = changes.dns ?? dns;
  const next: NetworkSpec = { ...rest, holdSeconds: changes.holdSeconds ?? spec.holdSeconds };
  if (nextDns !== undefined && nextDns.length > 0) next.dns = nextDns;
  for (const family of FAMILIES) {
    const subnet = changedSubnet(spec, family, changes);
    if (subnet !== undefined) next[family] = subnet;
  }
  return next;
}

/** What of a change can have no place in the network; undefined when all can. */
function changeRefusal(state: ClusterState, { name, spec }: Network, changes: NetworkChanges): Verdict | undefined {
  const subnets = FAMILIES.flatMap((family) => parseSubnet(spec[family]?.subnet ?? '') ?? []);
  const invalid = (message: string) =>
    no(ERROR_CODES.invalid, `network ${name}: ${message}`, { kind: 'network', name });
  for (const text of [...(changes.gateways ?? []), ...(changes.exclude ?? [])]) {
    const range = parseRange(text);
    if (range !== undefined && !subnets.some((subnet) => contains(subnet, range))) {
      return invalid(`${text} is not in ${specText(spec)}`);
    }
  }
  const gateways = (changes.gateways ?? []).flatMap((text) => parseAddress(text) ?? []);
  if (new Set(gateways.map(({ family }) => family)).size < gateways.length) {
    return invalid('two gateways of one version: name one');
  }
  for (const gateway of gateways) {
    const text = formatAddress(gateway);
    if (subnets.some(({ first, last }) => gateway.value === first || gateway.value === last)) {
      return invalid(`gateway ${text} is at an end of its subnet`);
    }
    const user = state.indexes.addressUser(text);
    if (user === undefined || !subnets.some((subnet) => contains(subnet, only(gateway)))) continue;
    const message = `network ${name} cannot have the gateway ${text}: VM ${user} has that address. Delete it first, or choose another`;
    return no(ERROR_CODES.conflict, message, { kind: 'network', name, vm: user });
  }
  return undefined;
}

/** `networkSet`. */
export function applyNetworkSet(tx: Transaction, { name, changes }: CommandOf<'networkSet'>): Verdict {
  const network = tx.state.network(name);
  if (network === undefined) return unknownNetwork(name);
  const refusal = changeRefusal(tx.state, network, changes);
  if (refusal !== undefined) return refusal;
  const spec = changedSpec(network.spec, changes);
  if (same(network.spec, spec)) return unchanged();
  // What the parts may be was checked; the whole is checked where it is described.
  const checked = networkSpecSchema.safeParse(spec);
  if (!checked.success) {
    const why = checked.error.issues[0]?.message ?? 'it would not be right';
    return no(ERROR_CODES.invalid, `network ${name}: ${why}`, { kind: 'network', name });
  }
  const addressesMoved = !same({ ...network.spec, holdSeconds: 0 }, { ...spec, holdSeconds: 0 });
  tx.putNetwork({
    ...{ ...network, spec, generation: network.generation + 1 },
    // What was passed over may be free now: it is looked at again.
    ...(addressesMoved ? { last: {} } : {}),
    ...(spec.holdSeconds === 0 ? { freed: network.released } : {}),
  });
  const said = differences(network.spec, spec).map(
    ({ path, old, new: next }) => `${path} ${shown(next)}, ${shown(old)} before`,
  );
  tx.event(about(name), 'Changed', said.join('; '));
  return done();
}

/** `networkDelete`. Held addresses keep it: made anew at once, it would give them away. */
export function applyNetworkDelete(tx: Transaction, { name }: CommandOf<'networkDelete'>): Verdict {
  const network = tx.state.network(name);
  if (network === undefined) return unknownNetwork(name);
  const uses = tx.state.indexes.networkUses(name);
  const held = heldCount(network);
  const facts = { kind: 'network', name, uses, held };
  if (uses > 0) {
    const message = `network ${name} is in use by ${uses} ${uses === 1 ? 'interface' : 'interfaces'} of VMs: delete those first; \`n3xctl network show ${name}\` names them`;
    return no(ERROR_CODES.refused, message, facts);
  }
  if (held > 0) {
    const message = `network ${name} holds ${held} released ${held === 1 ? 'address' : 'addresses'}: wait ${network.spec.holdSeconds} s, or end the holds with \`n3xctl network set ${name} --hold 0\``;
    return no(ERROR_CODES.refused, message, facts);
  }
  for (const family of FAMILIES) {
    for (const released of [...tx.state.addresses.oldestFirst(name, family)]) tx.deleteReleased(released);
  }
  tx.deleteNetwork(network);
  tx.event(about(name), 'Deleted', 'deleted');
  return done();
}

/** `networkHoldEnd`. Refused when the network is not the one that the leader counted for. */
export function applyNetworkHoldEnd(tx: Transaction, command: CommandOf<'networkHoldEnd'>): Verdict {
  const { name, createdIndex, generation, through } = command;
  const network = tx.state.network(name);
  if (network?.createdIndex !== createdIndex || network.generation !== generation || through > network.released) {
    const message = `network ${name} has moved on since the leader began to count`;
    return no(ERROR_CODES.conflict, message, { kind: 'network', name });
  }
  if (through <= network.freed) return unchanged();
  tx.putNetwork({ ...network, freed: through });
  return done();
}
