/** Hosts: joining, telling of themselves, being heard from, leaving. */
import { ERROR_CODES } from '../base/errors.ts';
import type { Cluster, Token } from '../model/cluster.ts';
import type { Host } from '../model/host.ts';
import type { Command } from './command.ts';
import { reads } from './command-format.ts';
import { same } from './difference.ts';
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

/** `hostJoin`. */
export function applyHostJoin(tx: Transaction, cluster: Cluster, command: CommandOf<'hostJoin'>): Verdict {
  const member = tx.state.hostByPeer(command.peerId);
  if (member !== undefined) {
    if (member.membership === 'leaving') {
      return no(ERROR_CODES.refused, `host ${member.name} is leaving: join again once it has left`, {
        name: member.name,
      });
    }
    return unchanged({ hostId: member.id });
  }
  const token = tx.state.token(command.tokenId);
  const refusal = tokenRefusal(tx, token, command);
  if (refusal !== undefined || token === undefined) {
    return refusal ?? no(ERROR_CODES.tokenInvalid, `the join token is not one of this cluster: ${MAKE_ANOTHER}`);
  }
  const namesake = tx.state.hostByName(command.name);
  if (namesake !== undefined) {
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
  const id = cluster.nextHostId;
  tx.putCluster({ ...cluster, nextHostId: id + 1 });
  tx.putToken({ ...token, usedBy: { hostId: id, peerId: command.peerId } });
  const host = tx.putHost({
    kind: 'host',
    id,
    name: command.name,
    uid: command.uid,
    generation: 1,
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
  tx.event(about(host), 'Joined', `joined as host ${id}, as ${host.settings.role}, with token ${token.id}`);
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

/** VMs named in a refusal. */
const SHOWN_VMS = 8;

/** `hostLeave`. */
export function applyHostLeave(tx: Transaction, command: CommandOf<'hostLeave'>): Verdict {
  const host = tx.state.hostByName(command.name);
  if (host === undefined) return notFound('host', command.name, '`n3xctl host list` shows those that do');
  if (host.membership === 'leaving') return unchanged({ hostId: host.id });
  if (tx.state.hostCount === 1) {
    return no(
      ERROR_CODES.refused,
      `host ${host.name} is the only host of the cluster and cannot leave it: join another first, or stop n3xd and remove its data directory`,
      { name: host.name },
    );
  }
  const servers = [...tx.state.hosts()].filter(
    (other) => other.id !== host.id && other.settings.role === 'server' && other.membership !== 'leaving',
  );
  if (servers.length === 0) {
    return no(ERROR_CODES.refused, `host ${host.name} is the last server: join another server before it leaves`, {
      name: host.name,
    });
  }
  const vms = [...tx.state.vmsOnHost(host.id)].map((vm) => vm.name).sort();
  if (vms.length > 0) {
    const named =
      vms.slice(0, SHOWN_VMS).join(', ') + (vms.length > SHOWN_VMS ? ` and ${vms.length - SHOWN_VMS} more` : '');
    return no(ERROR_CODES.refused, `host ${host.name} still has the VMs ${named}: delete them before it leaves`, {
      name: host.name,
      vms: vms.slice(0, 64),
    });
  }
  tx.putHost({ ...host, membership: 'leaving', generation: host.generation + 1 });
  tx.event(about(host), 'Leaving', 'asked to leave the cluster');
  return done({ hostId: host.id });
}

/** `hostRemoved`. */
export function applyHostRemoved(tx: Transaction, command: CommandOf<'hostRemoved'>): Verdict {
  const host = tx.state.host(command.hostId);
  if (host === undefined) return unchanged();
  if (host.membership !== 'leaving') {
    return no(ERROR_CODES.refused, `host ${host.name} is not leaving: ask with \`n3xctl host remove\` first`, {
      name: host.name,
    });
  }
  tx.deleteHost(host);
  tx.event(about(host), 'Left', `has left the cluster; its id ${host.id} is not used again`);
  return done();
}
