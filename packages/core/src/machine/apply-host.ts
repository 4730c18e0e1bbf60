/** Hosts: joining, telling of themselves, being heard from, what is wanted of them. */
import { ERROR_CODES } from '../base/errors.ts';
import type { Cluster, Token } from '../model/cluster.ts';
import { type Host, hostLabels } from '../model/host.ts';
import { LABELS_MAX, type Labels } from '../model/names.ts';
import { stopEmptying } from './apply-drain.ts';
import { mayVote } from './apply-host-leave.ts';
import type { Command } from './command.ts';
import { same } from './difference.ts';
import { reads } from './format-range.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, unchanged, type Verdict } from './verdict.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

function about(host: Host): { kind: 'host'; name: string } {
  return { kind: 'host', name: host.name };
}

/** Compares all of two texts whatever differs first, so that the time taken says nothing about the secret. */
function equalHashes(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < b.length; i++) difference |= a.charCodeAt(i % Math.max(1, a.length)) ^ b.charCodeAt(i);
  return difference === 0;
}

const MAKE_ANOTHER = 'make another with `n3xctl token create`';

/** Why the token does not admit this peer. */
function tokenRefusal(tx: Transaction, token: Token | undefined, command: CommandOf<'hostJoin'>): Verdict | undefined {
  if (token === undefined || !equalHashes(command.secretHash, token.secretHash)) {
    return no(ERROR_CODES.tokenInvalid, `the join token is not one of this cluster, or was revoked: ${MAKE_ANOTHER}`);
  }
  if (token.usedBy !== undefined) {
    const user = tx.state.host(token.usedBy.hostId);
    const who =
      token.usedBy.peerId === command.peerId
        ? 'this host, which has left since'
        : (user?.name ?? 'a host that has left');
    return no(ERROR_CODES.tokenUsed, `join token ${token.id} was used by ${who}: ${MAKE_ANOTHER}`, {
      id: token.id,
      hostId: token.usedBy.hostId,
    });
  }
  if (tx.atMs >= token.expiresAtMs) {
    return no(ERROR_CODES.tokenExpired, `join token ${token.id} has expired: ${MAKE_ANOTHER}`, {
      id: token.id,
      expiresAtMs: token.expiresAtMs,
    });
  }
  return undefined;
}

/** Why a host that is known must not join now. */
function memberRefusal({ name, membership }: Host): Verdict | undefined {
  if (membership === 'leaving') {
    return no(ERROR_CODES.refused, `host ${name} is leaving: join again once it has left`, { name });
  }
  if (membership !== 'voter') return undefined;
  // It asks because it knows of no cluster: it has forgotten its votes, and could give them a second time.
  return no(
    ERROR_CODES.refused,
    `host ${name} votes in this cluster and has lost its data: take it out with \`n3xctl host remove ${name}\` first, then join it as a new host`,
    { name },
  );
}

/** `hostJoin`. A host that is joining already, or was lost when the cluster was recovered, keeps its id. */
export function applyHostJoin(tx: Transaction, cluster: Cluster, command: CommandOf<'hostJoin'>): Verdict {
  const member = tx.state.hostByPeer(command.peerId);
  const refused = member === undefined ? undefined : memberRefusal(member);
  if (refused !== undefined) return refused;
  if (member !== undefined && member.membership !== 'lost') return unchanged({ hostId: member.id });
  const token = tx.state.token(command.tokenId);
  const refusal = tokenRefusal(tx, token, command);
  if (refusal !== undefined || token === undefined) {
    return refusal ?? no(ERROR_CODES.tokenInvalid, `the join token is not one of this cluster: ${MAKE_ANOTHER}`);
  }
  const namesake = tx.state.hostByName(command.name);
  if (member !== undefined && namesake !== member) {
    return no(
      ERROR_CODES.conflict,
      `this host is known as ${member.name}: set name = "${member.name}" in its configuration, and join again`,
      { kind: 'host', name: member.name },
    );
  }
  if (namesake !== undefined && namesake.membership === 'lost' && member === undefined) {
    return no(
      ERROR_CODES.conflict,
      `the cluster has a host ${command.name} already, lost and with another key than this one: give it up with \`n3xctl host remove ${command.name}\`, or give this one another name in its configuration`,
      { kind: 'host', name: command.name },
    );
  }
  if (namesake !== undefined && member === undefined) {
    return no(
      ERROR_CODES.conflict,
      `the cluster has a host ${command.name} already: give this one another name in its configuration`,
      { kind: 'host', name: command.name },
    );
  }
  const [low, high] = command.facts.commandFormats;
  if (!reads([low, high], cluster.commandFormat)) {
    return no(
      ERROR_CODES.version,
      `the cluster writes commands of format ${cluster.commandFormat}, the host reads ${low} to ${high}: install the same n3x version on it`,
      { format: cluster.commandFormat, reads: [low, high] },
    );
  }
  // A host that comes back to a recovered cluster keeps its id, and with it its VMs. The id has never had a say there.
  const id = member?.id ?? cluster.nextHostId;
  if (member === undefined) tx.putCluster({ ...cluster, nextHostId: id + 1 });
  tx.putToken({ ...token, usedBy: { hostId: id, peerId: command.peerId } });
  const host = tx.putHost({
    ...member,
    kind: 'host',
    id,
    name: command.name,
    uid: member?.uid ?? command.uid,
    generation: (member?.generation ?? 0) + 1,
    modifiedIndex: tx.index,
    createdAtMs: tx.atMs,
    peerId: command.peerId,
    addresses: command.addresses,
    settings: { ...command.settings, role: token.role ?? command.settings.role },
    facts: command.facts,
    membership: 'joining',
    // It has just been heard from; the leader says otherwise if that was the last of it.
    reachable: true,
    reachableSinceMs: tx.atMs,
  });
  const how = member === undefined ? 'joined' : 'joined again';
  tx.event(about(host), 'Joined', `${how} as host ${id}, as ${host.settings.role}, with token ${token.id}`);
  return done({ hostId: id });
}

function unknownId(id: number): Verdict {
  return notFound('host', String(id), 'it is no member');
}

/** `hostReport`. The role stays what it was at the join: a token may have set it against the configuration. */
export function applyHostReport(tx: Transaction, command: CommandOf<'hostReport'>): Verdict {
  const host = tx.state.host(command.hostId);
  if (host === undefined) return unknownId(command.hostId);
  const settings = { ...command.settings, role: host.settings.role };
  const asked = same(host.settings, settings) && same(host.addresses, command.addresses);
  if (asked && same(host.facts, command.facts)) return unchanged();
  const upgraded = host.facts !== undefined && host.facts.n3xVersion !== command.facts.n3xVersion;
  tx.putHost({
    ...host,
    generation: asked ? host.generation : host.generation + 1,
    addresses: command.addresses,
    settings,
    facts: command.facts,
  });
  if (upgraded) tx.event(about(host), 'VersionChanged', `${host.facts?.n3xVersion} to ${command.facts.n3xVersion}`);
  if (!asked) tx.event(about(host), 'ConfigurationChanged', 'reported other settings or addresses');
  return done();
}

/** `hostReachable`. */
export function applyHostReachable(tx: Transaction, command: CommandOf<'hostReachable'>): Verdict {
  const host = tx.state.host(command.hostId);
  if (host === undefined) return unknownId(command.hostId);
  if (host.reachable === command.reachable) return unchanged();
  tx.putHost({ ...host, reachable: command.reachable, reachableSinceMs: tx.atMs });
  if (command.reachable) tx.event(about(host), 'HostBack', 'heard from again');
  else tx.event(about(host), 'HostLost', 'not heard from by the leader', 'warning');
  return done();
}

/** `hostSet`. */
export function applyHostSet(tx: Transaction, command: CommandOf<'hostSet'>): Verdict {
  const host = tx.state.hostByName(command.name);
  if (host === undefined) return notFound('host', command.name, '`n3xctl host list` shows those that do');
  const role = command.role ?? host.settings.role;
  const votes = host.membership !== 'leaving' && host.settings.role !== 'agent';
  if (votes && role === 'agent' && mayVote(tx, host).length === 0) {
    return no(
      ERROR_CODES.refused,
      `host ${host.name} is the last that may vote: join another, or give one that is an agent the role auto, before it becomes an agent`,
      { name: host.name },
    );
  }
  const own = { ...host.ownLabels };
  for (const [key, value] of Object.entries(command.labels ?? {})) {
    if (value === null) delete own[key];
    else own[key] = value;
  }
  const { ownLabels: _, cordonedSinceMs, drain, ...rest } = host;
  const cordoned = command.cordoned ?? cordonedSinceMs !== undefined;
  const next: Host = {
    ...rest,
    settings: { ...host.settings, role },
    ...(Object.keys(own).length === 0 ? {} : { ownLabels: own }),
    ...(cordoned ? { cordonedSinceMs: cordonedSinceMs ?? tx.atMs } : {}),
    // A host that takes VMs again is not to be emptied.
    ...(cordoned && drain !== undefined ? { drain } : {}),
  };
  if (Object.keys(hostLabels(next)).length > LABELS_MAX) {
    return no(ERROR_CODES.refused, `host ${host.name} would have more than ${LABELS_MAX} labels: take some away`, {
      name: host.name,
    });
  }
  const isCordonedAsBefore = cordoned === (cordonedSinceMs !== undefined);
  if (same(host.settings, next.settings) && same(host.ownLabels ?? {}, own) && isCordonedAsBefore) {
    return unchanged({ hostId: host.id });
  }
  if (!cordoned) stopEmptying(tx, host, `host ${host.name} was uncordoned`);
  tx.putHost({ ...next, generation: host.generation + 1 });
  if (role !== host.settings.role) tx.event(about(host), 'RoleChanged', `${host.settings.role} to ${role}`);
  if (!same(hostLabels(host), hostLabels(next))) tx.event(about(host), 'LabelsChanged', labelsText(hostLabels(next)));
  if (!isCordonedAsBefore && cordoned) tx.event(about(host), 'Cordoned', 'takes no more VMs; those that it has stay');
  if (!isCordonedAsBefore && !cordoned) tx.event(about(host), 'Uncordoned', 'takes VMs again');
  return done({ hostId: host.id });
}

function labelsText(labels: Labels): string {
  const all = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return all.length === 0 ? 'has no labels' : `has the labels ${all.sort().join(', ')}`;
}
