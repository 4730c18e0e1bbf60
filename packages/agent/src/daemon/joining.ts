/** Tokens and joining: the member's side of letting a new host in. */
import { randomBytes, randomUUID } from 'node:crypto';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { encodeToken, MAX_TOKEN_ADDRESSES, makeToken, TOKEN_RANDOM_BYTES } from '@n3x/core/join/token';
import type { ClusterState } from '@n3x/core/machine/state';
import type { Cluster } from '@n3x/core/model/cluster';
import type { HostRole } from '@n3x/core/model/host';
import type { RequestOptions } from '../api/backend.ts';
import type { JoinRequest, JoinResponse } from '../transport/join-messages.ts';
import { hashTokenSecret } from '../transport/join-server.ts';
import type { LoopShell } from './loop-shell.ts';

/** How long the cluster may take to decide on a join, in ms. */
const JOIN_DECISION_MS = 8_000;

/** Decides on a host that asks to join, through the log: the token is used up there, once. */
export async function acceptJoin(shell: LoopShell, request: JoinRequest, peerId: string): Promise<JoinResponse> {
  const { cluster } = shell.state;
  if (cluster === undefined)
    throw new N3xError(ERROR_CODES.notInitialised, 'this member has no state yet: try again in a moment');
  if (!cluster.id.startsWith(request.clusterPrefix)) {
    throw new N3xError(
      ERROR_CODES.identity,
      `the member that the token names is in cluster ${cluster.id} now, and the token is for ${request.clusterPrefix}...: make another token`,
    );
  }
  const { formerClusterId } = request;
  if (formerClusterId !== undefined && !hasSuperseded(cluster, formerClusterId)) {
    throw new N3xError(
      ERROR_CODES.alreadyMember,
      `the host belongs to cluster ${formerClusterId}, which cluster ${cluster.id} does not come from: leave that first with "n3xctl cluster leave"`,
    );
  }
  const [low, high] = request.facts.commandFormats;
  if (cluster.commandFormat < low || cluster.commandFormat > high) {
    throw new N3xError(
      ERROR_CODES.version,
      `the cluster writes commands of format ${cluster.commandFormat}, the host reads ${low} to ${high}: install the same n3x version on it`,
    );
  }
  const result = await shell.command(
    {
      type: 'hostJoin',
      tokenId: request.tokenId,
      secretHash: hashTokenSecret(request.secret),
      peerId,
      uid: request.uid,
      name: request.name,
      addresses: [...request.addresses],
      settings: request.settings,
      facts: request.facts,
    },
    { requestId: `join.${randomUUID()}`, timeoutMs: JOIN_DECISION_MS, signal: new AbortController().signal },
  );
  const hostId = Number(result.values?.['hostId']);
  const peers = [...shell.state.hosts()].map(({ id, peerId, addresses }) => ({ id, peerId, addresses }));
  return { ok: true, clusterId: cluster.id, hostId, peers };
}

/** Whether `cluster` is what became of the cluster with the id `former`, by recovery or restoring. */
export function hasSuperseded(cluster: Cluster, former: string): boolean {
  return cluster.recoveries?.some(({ fromClusterId }) => fromClusterId === former) === true;
}

/**
 * Makes a join token; its text names this host first, where it listens now (the record of a host that has just moved is
 * late), then other servers.
 */
export async function createToken(
  shell: LoopShell,
  self: { readonly id: number; readonly addresses: readonly string[] },
  request: { role?: HostRole; ttlSeconds: number },
  options: RequestOptions,
): Promise<{ token: string; id: string; expiresAtMs: number }> {
  const { cluster } = shell.state;
  if (cluster === undefined)
    throw new N3xError(ERROR_CODES.notInitialised, 'this host has no state yet: try again in a moment');
  const token = makeToken(randomBytes(TOKEN_RANDOM_BYTES), cluster.id, tokenAddresses(shell.state, self));
  const expiresAtMs = Date.now() + request.ttlSeconds * 1000;
  await shell.command(
    {
      type: 'tokenCreate',
      id: token.id,
      secretHash: hashTokenSecret(token.secret),
      expiresAtMs,
      ...(request.role === undefined ? {} : { role: request.role }),
    },
    options,
  );
  return { token: encodeToken(token), id: token.id, expiresAtMs };
}

/** Where a new host is to ask: one address per member, this host's first, reachable voters before others. */
function tokenAddresses(
  state: ClusterState,
  self: { readonly id: number; readonly addresses: readonly string[] },
): { address: string; peerId: string }[] {
  const rank = (id: number, membership: string, reachable: boolean): number =>
    id === self.id ? 0 : membership === 'voter' && reachable ? 1 : reachable ? 2 : 3;
  return [...state.hosts()]
    .filter(({ membership }) => membership !== 'lost')
    .sort((a, b) => rank(a.id, a.membership, a.reachable) - rank(b.id, b.membership, b.reachable) || a.id - b.id)
    .flatMap(({ id, addresses, peerId }) => {
      const [address] = id === self.id ? self.addresses : addresses;
      return address === undefined ? [] : [{ address, peerId }];
    })
    .slice(0, MAX_TOKEN_ADDRESSES);
}
