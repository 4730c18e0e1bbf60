/** Logs and consoles: what only the host of a VM can answer, from wherever it is asked. */
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { N3xError } from '@n3x/core/base/errors';
import type { ClusterState } from '@n3x/core/machine/state';
import type { Vm } from '@n3x/core/model/vm';
import type { ApiBackend } from '../backend.ts';
import { type Call, unknownVm } from '../call.ts';
import { forwardRequest } from '../forward.ts';
import { FORWARDED_HEADER, withDeadline } from '../request-options.ts';

/** Where the request for a VM is to be answered. */
export type VmPlace =
  | { readonly type: 'here' }
  | { readonly type: 'there'; readonly hostId: number; readonly hostName: string };

/**
 * Which host answers for a VM. Throws `N3X_NOT_FOUND` while no host has it, and `N3X_CONFLICT` when another
 * host passed the request on and the VM has moved: it is never passed on twice.
 */
export function placeOf(state: ClusterState, vm: Vm, localId: number | null, forwarded: boolean): VmPlace {
  if (vm.assignment === null) {
    const why = vm.status.message === '' ? '' : ` (${vm.status.message})`;
    throw new N3xError('N3X_NOT_FOUND', `VM ${vm.name} has neither log nor console yet: it has no host${why}`, {
      details: { kind: 'vm', name: vm.name, phase: vm.status.phase },
    });
  }
  const { hostId } = vm.assignment;
  if (hostId === localId) return { type: 'here' };
  const hostName = state.host(hostId)?.name ?? `with id ${hostId}`;
  if (forwarded) {
    throw new N3xError('N3X_CONFLICT', `VM ${vm.name} has just moved to host ${hostName}: ask again`, {
      details: { name: vm.name, host: hostName },
    });
  }
  return { type: 'there', hostId, hostName };
}

/** A stream to another host's API server. Rejects with `N3X_UNREACHABLE` or `N3X_TIMEOUT`. */
export async function openTunnel(
  backend: ApiBackend,
  place: VmPlace & { type: 'there' },
  timeoutMs: number,
): Promise<Duplex> {
  const what = `reaching host ${place.hostName}`;
  try {
    return await withDeadline(backend.tunnel(place.hostId), timeoutMs, what, (tunnel) => tunnel.destroy());
  } catch (cause) {
    if (cause instanceof N3xError && cause.code !== 'N3X_UNREACHABLE') throw cause;
    throw new N3xError('N3X_UNREACHABLE', `host ${place.hostName}, which has the VM, cannot be reached`, {
      details: { host: place.hostName },
      cause,
    });
  }
}

/** `GET /v1/vms/:name/logs` */
export async function getVmLogs(call: Call<'getVmLogs'>): Promise<void> {
  const { backend, params, query, request, reply, timeoutMs } = call;
  const state = call.stateNow();
  const vm = state.vm(params.name) ?? (await call.stateFor('linearizable')).vm(params.name);
  if (vm === undefined) throw unknownVm(state, params.name);
  const place = placeOf(state, vm, backend.local().hostId, request.headers[FORWARDED_HEADER] !== undefined);
  if (place.type === 'there') {
    const tunnel = await openTunnel(backend, place, timeoutMs);
    await forwardRequest(tunnel, request, reply, timeoutMs, place.hostName);
    return;
  }
  const options = { ...query, signal: call.signal };
  const log = await withDeadline(backend.vmLog(vm.name, options), timeoutMs, 'opening the log', (late) =>
    late.destroy(),
  );
  reply.hijack();
  reply.raw.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  // A log that is followed may be silent for long: the client shall know that it is open.
  reply.raw.flushHeaders();
  await pipeline(log, reply.raw);
}
