/** Hosts and the history of the cluster. */
import type { RouteResult } from '@n3x/core/api/routes';
import { N3xError } from '@n3x/core/base/errors';
import type { ClusterEvent } from '@n3x/core/model/cluster';
import { type Call, unknownHost } from '../call.ts';
import { hostView } from '../views.ts';

/** `GET /v1/hosts` */
export function listHosts(call: Call<'listHosts'>): Promise<RouteResult<'listHosts'>> {
  return call.list(call.query, (state) => {
    const { leaderId } = call.backend.local();
    return [...state.hosts()].map((host) => hostView(state, host, leaderId));
  });
}

/** `GET /v1/hosts/:name` */
export async function getHost(call: Call<'getHost'>): Promise<RouteResult<'getHost'>> {
  const state = await call.stateFor(call.query.consistency);
  const host = state.hostByName(call.params.name);
  if (host === undefined) throw unknownHost(state, call.params.name);
  return hostView(state, host, call.backend.local().leaderId);
}

/** `POST /v1/hosts/:name/settings` */
export async function setHost(call: Call<'setHost'>): Promise<RouteResult<'setHost'>> {
  const { role, labels, cordoned } = call.body;
  const { changed, index } = await call.command({
    ...{ type: 'hostSet', name: call.params.name },
    ...(role === undefined ? {} : { role }),
    ...(labels === undefined ? {} : { labels }),
    ...(cordoned === undefined ? {} : { cordoned }),
  });
  return { changed, index };
}

/** Time between two looks at whether a host is out, in ms, and what is left of the request's time for the answer. */
const LOOK_MS = 50;
const ANSWER_MS = 250;

/** `DELETE /v1/hosts/:name`: answers once the host is out. */
export async function removeHost(call: Call<'removeHost'>): Promise<RouteResult<'removeHost'>> {
  const { name } = call.params;
  if (name === call.backend.local().name) {
    throw new N3xError('N3X_REFUSED', `${name} itself answers here: take it out with \`n3xctl cluster leave\``);
  }
  const deadline = performance.now() + call.timeoutMs - ANSWER_MS;
  const { changed, index, values } = await call.command({ type: 'hostRemove', name, force: call.query.force });
  const hostId = Number(values?.['hostId']);
  while (call.stateNow().host(hostId) !== undefined || call.stateNow().index < index) {
    if (call.signal.aborted || performance.now() > deadline) {
      const message = `host ${name} is given up and not out yet: a majority of the voters has to be up; ask again to go on waiting`;
      throw new N3xError('N3X_TIMEOUT', message, { details: { outcome: 'unknown' } });
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return { changed, index, vms: Number(values?.['vms'] ?? 0) };
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
