/** Hosts and the history of the cluster. */
import type { RouteResult } from '@n3x/core/api/routes';
import type { ClusterEvent } from '@n3x/core/model/cluster';
import { type Call, unknownHost } from '../call.ts';
import { hostView } from '../views.ts';

/** `GET /v1/hosts` */
export async function listHosts(call: Call<'listHosts'>): Promise<RouteResult<'listHosts'>> {
  const { consistency } = call.query;
  const state = await call.stateFor(consistency);
  const { leaderId } = call.backend.local();
  const items = [...state.hosts()].map((host) => hostView(state, host, leaderId));
  return { items, index: state.index, stale: consistency === 'stale' };
}

/** `GET /v1/hosts/:name` */
export async function getHost(call: Call<'getHost'>): Promise<RouteResult<'getHost'>> {
  const state = await call.stateFor(call.query.consistency);
  const host = state.hostByName(call.params.name);
  if (host === undefined) throw unknownHost(state, call.params.name);
  return hostView(state, host, call.backend.local().leaderId);
}

/** `GET /v1/events`: the newest `limit` that fit, oldest first. */
export async function listEvents(call: Call<'listEvents'>): Promise<RouteResult<'listEvents'>> {
  const { consistency, kind, name, limit } = call.query;
  const state = await call.stateFor(consistency);
  const items: ClusterEvent[] = [];
  for (const event of state.events()) {
    if (kind !== undefined && event.about.kind !== kind) continue;
    if (name !== undefined && event.about.name !== name) continue;
    items.push(event);
  }
  return { items: items.slice(-limit), index: state.index, stale: consistency === 'stale' };
}
