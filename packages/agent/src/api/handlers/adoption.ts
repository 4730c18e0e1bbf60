/** What was on hosts before n3x: looked at, taken over, handed back. Only the host itself can answer. */
import { randomUUID } from 'node:crypto';
import type { RouteResult } from '@n3x/core/api/routes';
import { N3xError } from '@n3x/core/base/errors';
import { driverVm } from '@n3x/core/host/want';
import type { Host } from '@n3x/core/model/host';
import { type Vm, vmSpecSchema } from '@n3x/core/model/vm';
import { type Call, unknownHost, unknownVm } from '../call.ts';
import { askHost } from '../forward.ts';
import { readInput } from '../problems.ts';
import { FORWARDED_HEADER } from '../request-options.ts';
import { vmView } from '../views.ts';
import { openTunnel } from './vm-streams.ts';

type HostCall = Call<'listFound'> | Call<'adoptVm'> | Call<'listOrphans'> | Call<'cleanOrphans'>;

/** The other host that has to answer; undefined when it is this one. */
async function elsewhere(call: HostCall): Promise<Host | undefined> {
  const state = await call.stateFor('linearizable');
  const host = state.hostByName(call.params.name);
  if (host === undefined) throw unknownHost(state, call.params.name);
  return host.id === call.backend.local().hostId ? undefined : host;
}

async function pass(call: HostCall | Call<'releaseVm'>, host: Host): Promise<unknown> {
  if (call.request.headers[FORWARDED_HEADER] !== undefined) {
    throw new N3xError('N3X_CONFLICT', `the request is for host ${host.name} by now: ask again`);
  }
  const place = { type: 'there' as const, hostId: host.id, hostName: host.name };
  return await askHost(await openTunnel(call.backend, place, call.timeoutMs), call.request, call.timeoutMs, host.name);
}

/** `GET /v1/hosts/:name/found` */
export async function listFound(call: Call<'listFound'>): Promise<RouteResult<'listFound'>> {
  const other = await elsewhere(call);
  if (other !== undefined) return (await pass(call, other)) as RouteResult<'listFound'>;
  return { host: call.params.name, items: await call.backend.adoption.found() };
}

/** Interfaces of the VMs that are on this host or on their way to it. */
function interfacesHere(call: HostCall): ReadonlySet<string> {
  const state = call.stateNow();
  const hostId = call.backend.local().hostId ?? 0;
  const here = [...state.vmsOnHost(hostId), ...state.vmsMovingTo(hostId)];
  return new Set(here.flatMap((vm) => vm.allocation.interfaceNames));
}

/** `GET /v1/hosts/:name/orphans` */
export async function listOrphans(call: Call<'listOrphans'>): Promise<RouteResult<'listOrphans'>> {
  const other = await elsewhere(call);
  if (other !== undefined) return (await pass(call, other)) as RouteResult<'listOrphans'>;
  return { host: call.params.name, items: await call.backend.adoption.orphans(interfacesHere(call)) };
}

/** `POST /v1/hosts/:name/orphans/clean` */
export async function cleanOrphans(call: Call<'cleanOrphans'>): Promise<RouteResult<'cleanOrphans'>> {
  const other = await elsewhere(call);
  if (other !== undefined) return (await pass(call, other)) as RouteResult<'cleanOrphans'>;
  const { cleaned, failed } = await call.backend.adoption.clean(interfacesHere(call), call.body.all);
  return { host: call.params.name, cleaned, failed };
}

/** `POST /v1/hosts/:name/adopt` */
export async function adoptVm(call: Call<'adoptVm'>): Promise<RouteResult<'adoptVm'>> {
  const other = await elsewhere(call);
  if (other !== undefined) return (await pass(call, other)) as RouteResult<'adoptVm'>;
  const { vm: name, failover = 'stay' } = call.body;
  const { hostId } = call.backend.local();
  const before = call.stateNow().vm(name);
  // Cut short the last time: it has its VM, and goes on from there.
  const again = before?.assignment?.hostId === hostId && before.adoptedAt === before.assignment.epoch;
  const wanted = again && before !== undefined ? before : await asFound(call, name, failover);
  const { spec, power } = wanted;
  const { changed, index, values } = await call.command({
    ...{ type: 'vmAdopt', name, uid: randomUUID(), spec, power, hostId: hostId ?? 0 },
  });
  const state = await call.stateAt(index);
  const vm = state.vm(name);
  if (vm === undefined) throw unknownVm(state, name);
  await call.backend.adoption.adopt(driverVm(vm, Number(values?.['epoch'])));
  return { vm: vmView(state, vm), changed, index };
}

async function asFound(
  call: Call<'adoptVm'>,
  name: string,
  failover: 'stay' | 'restart',
): Promise<Pick<Vm, 'spec' | 'power'>> {
  const { flake, pid, vcpu, memoryMib } = await call.backend.adoption.adoptable(name);
  const spec = readInput(vmSpecSchema, {
    source: { kind: 'flake', ref: flake, attribute: name },
    ...{ vcpu, memoryMib, failover },
    // What it keeps in its directory is here and nowhere else.
    placement: { requireLabels: {}, host: call.params.name },
  });
  return { spec, power: pid === null ? 'stopped' : 'running' };
}

/** Time between two looks at whether the VM is gone, in ms, and what is left of the request's time for the answer. */
const LOOK_MS = 50;
const ANSWER_MS = 250;

/** `POST /v1/vms/:name/release`: answers once n3x has forgotten it. */
export async function releaseVm(call: Call<'releaseVm'>): Promise<RouteResult<'releaseVm'>> {
  const { name } = call.params;
  const deadline = performance.now() + call.timeoutMs - ANSWER_MS;
  const before = await call.stateFor('linearizable');
  const vm = before.vm(name);
  if (vm === undefined) throw unknownVm(before, name);
  const host = vm.assignment === null ? undefined : before.host(vm.assignment.hostId);
  if (host !== undefined && host.id !== call.backend.local().hostId) {
    return (await pass(call, host)) as RouteResult<'releaseVm'>;
  }
  const { ifModifiedIndex } = call.query;
  const { changed, index } = await call.command({
    ...{ type: 'vmRelease', name },
    ...(ifModifiedIndex === undefined ? {} : { ifModifiedIndex }),
  });
  await call.backend.adoption.release(name, vm.uid);
  while (call.stateNow().vm(name)?.uid === vm.uid || call.stateNow().index < index) {
    if (call.signal.aborted || performance.now() > deadline) {
      const message = `VM ${name} is handed back on its host, and the cluster has not noted it yet: \`n3xctl vm show ${name}\` tells when it has`;
      throw new N3xError('N3X_TIMEOUT', message, { details: { outcome: 'unknown', name } });
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return { changed, index };
}
