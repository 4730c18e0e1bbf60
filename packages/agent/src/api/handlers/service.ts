/** The host that answers, and the cluster as a whole. */
import type { RouteResult } from '@n3x/core/api/routes';
import { COMMAND_FORMATS } from '@n3x/core/machine/command';
import type { Call } from '../call.ts';
import { clusterStatus } from '../views.ts';

/** `GET /v1/version` */
export function getVersion(call: Call<'getVersion'>): RouteResult<'getVersion'> {
  return {
    version: call.backend.local().version,
    api: 'v1',
    commandFormats: [COMMAND_FORMATS[0], COMMAND_FORMATS[1]],
  };
}

/** `GET /v1/health` */
export function getHealth(call: Call<'getHealth'>): RouteResult<'getHealth'> {
  const { initialised, leaderId } = call.backend.local();
  if (!initialised) return { status: 'notInitialised' };
  return { status: leaderId === 0 ? 'noLeader' : 'ok' };
}

/** `GET /v1/local` */
export function getLocal(call: Call<'getLocal'>): RouteResult<'getLocal'> {
  return call.backend.local();
}

/** `GET /v1/cluster` */
export async function getCluster(call: Call<'getCluster'>): Promise<RouteResult<'getCluster'>> {
  const { consistency } = call.query;
  const state = await call.stateFor(consistency);
  return clusterStatus(state, state.cluster, call.backend.local(), consistency === 'stale');
}
