/** Networks: what there is, and changes of it. */
import { NETWORK_LIST_MAX } from '@n3x/core/api/network-schemas';
import type { RouteResult } from '@n3x/core/api/routes';
import type { ClusterState } from '@n3x/core/machine/state';
import { allocatedTexts } from '@n3x/core/model/allocated-texts';
import { FAMILIES } from '@n3x/core/model/ip';
import type { Network } from '@n3x/core/model/network';
import { type Call, unknownNetwork } from '../call.ts';
import { networkView } from '../views.ts';

/** `GET /v1/networks` */
export function listNetworks(call: Call<'listNetworks'>): Promise<RouteResult<'listNetworks'>> {
  return call.list(call.query, (state) => [...state.networks()].map((network) => networkView(state, network)));
}

function usersOf(state: ClusterState, name: string): RouteResult<'getNetwork'>['users'] {
  const users: RouteResult<'getNetwork'>['users'] = [];
  for (const vm of state.vms()) {
    if (users.length === NETWORK_LIST_MAX) break;
    const own = vm.allocation.addresses?.filter(({ network }) => network === name) ?? [];
    if (own.length > 0) users.push({ vm: vm.name, addresses: allocatedTexts(own) });
  }
  return users;
}

function releasedOf(state: ClusterState, { name, freed }: Network): RouteResult<'getNetwork'>['releasedAddresses'] {
  const all = FAMILIES.flatMap((family) => [...state.addresses.oldestFirst(name, family)]);
  return all
    .sort((a, b) => a.sequence - b.sequence)
    .slice(0, NETWORK_LIST_MAX)
    .map(({ address, vm, releasedAtMs, sequence }) => ({ address, vm, releasedAtMs, held: sequence > freed }));
}

/** `GET /v1/networks/:name` */
export async function getNetwork(call: Call<'getNetwork'>): Promise<RouteResult<'getNetwork'>> {
  const state = await call.stateFor(call.query.consistency);
  const network = state.network(call.params.name);
  if (network === undefined) throw unknownNetwork(state, call.params.name);
  return {
    ...networkView(state, network),
    users: usersOf(state, network.name),
    releasedAddresses: releasedOf(state, network),
  };
}

/** `POST /v1/networks` */
export async function createNetwork(call: Call<'createNetwork'>): Promise<RouteResult<'createNetwork'>> {
  const { name, spec } = call.body;
  const { changed, index } = await call.command({ type: 'networkCreate', name, spec });
  return answer(await call.stateAt(index), name, changed, index);
}

/** `POST /v1/networks/:name/settings` */
export async function setNetwork(call: Call<'setNetwork'>): Promise<RouteResult<'setNetwork'>> {
  const { name } = call.params;
  const { changed, index } = await call.command({ type: 'networkSet', name, changes: call.body });
  return answer(await call.stateAt(index), name, changed, index);
}

/** `DELETE /v1/networks/:name` */
export async function deleteNetwork(call: Call<'deleteNetwork'>): Promise<RouteResult<'deleteNetwork'>> {
  const { changed, index } = await call.command({ type: 'networkDelete', name: call.params.name });
  return { changed, index };
}

function answer(state: ClusterState, name: string, changed: boolean, index: number): RouteResult<'setNetwork'> {
  const network = state.network(name);
  if (network === undefined) throw unknownNetwork(state, name);
  return { network: networkView(state, network), changed, index };
}
