/** Becoming a member, ceasing to be one, and the tokens that let others in. */
import type { RouteResult } from '@n3x/core/api/routes';
import { N3xError } from '@n3x/core/base/errors';
import type { Call } from '../call.ts';
import { tokenView } from '../views.ts';

/** `POST /v1/cluster/init` */
export async function initCluster(call: Call<'initCluster'>): Promise<RouteResult<'initCluster'>> {
  const { clusterId, hostId } = await call.backend.init(call.body.name);
  return { clusterId, clusterName: call.body.name, hostId, name: call.backend.local().name };
}

/** `POST /v1/cluster/join` */
export async function joinCluster(call: Call<'joinCluster'>): Promise<RouteResult<'joinCluster'>> {
  const limits = { timeoutMs: call.timeoutMs, signal: call.signal };
  const { token, abandon } = call.body;
  const { clusterId, hostId } = await call.backend.join(token, { ...limits, abandon });
  const known = call.backend.state()?.cluster;
  // A host that has just joined may still wait for its first snapshot, which brings the cluster's name.
  if (known === undefined) {
    try {
      await call.backend.readBarrier(limits);
    } catch (cause) {
      if (!(cause instanceof N3xError)) throw cause;
      const { addresses } = call.backend.local();
      const message = `the cluster has let this host in, and has not reached it yet at ${addresses.join(', ')}: make sure that the other hosts can connect there. Joining again with the same token goes on waiting, "n3xctl cluster leave" here takes the join back`;
      throw new N3xError(cause.code, message, { details: { ...cause.details, outcome: 'unknown' }, cause });
    }
  }
  return { clusterId, clusterName: call.stateNow().cluster.name, hostId, name: call.backend.local().name };
}

/** `POST /v1/cluster/leave` */
export async function leaveCluster(call: Call<'leaveCluster'>): Promise<RouteResult<'leaveCluster'>> {
  // A host that joined and has no state yet may leave all the same: that is the way out of a join that hangs.
  if (!call.backend.local().initialised || call.body.host !== undefined) call.stateNow();
  return await call.suggesting(call.backend.leave(call.body.host, call.options()));
}

/** `POST /v1/cluster/settings` */
export async function setCluster(call: Call<'setCluster'>): Promise<RouteResult<'setCluster'>> {
  const { changed, index } = await call.command({ type: 'clusterSet', settings: call.body });
  return { changed, index };
}

/** `GET /v1/tokens` */
export function listTokens(call: Call<'listTokens'>): Promise<RouteResult<'listTokens'>> {
  const nowMs = Date.now();
  return call.list(call.query, (state) => state.tokens().map((token) => tokenView(state, token, nowMs)));
}

/** `POST /v1/tokens` */
export async function createToken(call: Call<'createToken'>): Promise<RouteResult<'createToken'>> {
  call.stateNow();
  const { role, ttlSeconds } = call.body;
  return await call.backend.createToken(role === undefined ? { ttlSeconds } : { role, ttlSeconds }, call.options());
}

/** `DELETE /v1/tokens/:id` */
export async function revokeToken(call: Call<'revokeToken'>): Promise<RouteResult<'revokeToken'>> {
  const { changed, index } = await call.command({ type: 'tokenRevoke', id: call.params.id });
  return { changed, index };
}
