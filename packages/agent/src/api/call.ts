/** One request on its way through a handler: its validated input, and what handlers ask of the daemon. */
import type { OperationId, RouteBody, RouteParams, RouteQuery, RouteResult } from '@n3x/core/api/routes';
import { N3xError } from '@n3x/core/base/errors';
import { nearest } from '@n3x/core/base/near-miss';
import type { Command, CommandResult } from '@n3x/core/machine/command';
import type { ClusterState } from '@n3x/core/machine/state';
import type { Cluster } from '@n3x/core/model/cluster';
import { DEFAULT_PROJECT } from '@n3x/core/model/vm-name';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ApiBackend, RequestOptions } from './backend.ts';
import { abortWhenGone, requestIdOf, timeoutOf } from './request-options.ts';

/** One request. */
export class Call<Id extends OperationId = OperationId> {
  readonly backend: ApiBackend;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly params: RouteParams<Id>;
  readonly query: RouteQuery<Id>;
  readonly body: RouteBody<Id>;
  /** Time, in ms, within which it must be answered. */
  readonly timeoutMs: number;
  #signal: AbortSignal | undefined;

  constructor(
    backend: ApiBackend,
    request: FastifyRequest,
    reply: FastifyReply,
    input: { params: RouteParams<Id>; query: RouteQuery<Id>; body: RouteBody<Id> },
  ) {
    this.backend = backend;
    this.request = request;
    this.reply = reply;
    this.params = input.params;
    this.query = input.query;
    this.body = input.body;
    this.timeoutMs = timeoutOf(request.headers);
  }

  /** Fires when the client goes before it has its answer. */
  get signal(): AbortSignal {
    this.#signal ??= abortWhenGone(this.reply.raw);
    return this.#signal;
  }

  /** What a changing request carries. Its id is told to the client, who needs it to try again. */
  options(): RequestOptions {
    const requestId = requestIdOf(this.request.headers);
    this.reply.header('n3x-request-id', requestId);
    return { requestId, timeoutMs: this.timeoutMs, signal: this.signal };
  }

  /** The applied state of this host as it is. Throws `N3X_NOT_INITIALISED` when there is none. */
  stateNow(): ClusterState & { readonly cluster: Cluster } {
    const state = this.backend.state();
    if (state !== null && hasCluster(state)) return state;
    throw new N3xError(
      'N3X_NOT_INITIALISED',
      'this host belongs to no cluster yet: `n3xctl cluster init` makes one, `n3xctl cluster join` joins one',
    );
  }

  /** The state with everything that is committed now; for `stale` reads as it is, at once. */
  async stateFor(consistency: 'linearizable' | 'stale'): Promise<ClusterState & { readonly cluster: Cluster }> {
    const now = this.stateNow();
    if (consistency === 'stale') return now;
    await this.backend.readBarrier({ timeoutMs: this.timeoutMs, signal: this.signal });
    // The barrier takes time: the host may have left its cluster meanwhile, or its state been replaced.
    return this.stateNow();
  }

  /** A list as of one index: `items` of the state, as fresh as the request asks for. */
  async list<T>(
    { consistency }: { readonly consistency: 'linearizable' | 'stale' },
    items: (state: ClusterState) => T[],
  ): Promise<{ items: T[]; index: number; stale: boolean }> {
    const state = await this.stateFor(consistency);
    return { items: items(state), index: state.index, stale: consistency === 'stale' };
  }

  /** Makes a command take effect. A name that does not exist is refused with the nearest one that does. */
  async command(command: Command): Promise<CommandResult & { ok: true }> {
    this.stateNow();
    return await this.suggesting(this.backend.command(command, this.options()));
  }

  /**
   * The state with the change at `index` in it: another member may have made it before this host has seen it.
   * When that cannot be waited for, the error says that the change itself may well have taken effect.
   */
  async stateAt(index: number): Promise<ClusterState & { readonly cluster: Cluster }> {
    const now = this.stateNow();
    if (now.index >= index) return now;
    try {
      await this.backend.readBarrier({ timeoutMs: this.timeoutMs, signal: this.signal });
    } catch (cause) {
      if (!(cause instanceof N3xError)) throw cause;
      const message = `the change took effect at index ${index}, but this host could not catch up: ${cause.message}`;
      throw new N3xError(cause.code, message, { details: { outcome: 'unknown', index } });
    }
    return this.stateNow();
  }

  /** `work`; when it rejects because a VM or host does not exist, with the nearest name that does. */
  async suggesting<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw this.#suggest(error);
    }
  }

  #suggest(error: unknown): unknown {
    const state = this.backend.state();
    if (!(error instanceof N3xError) || error.code !== 'N3X_NOT_FOUND' || state === null) return error;
    const { kind, name } = error.details ?? {};
    if (typeof name !== 'string' || error.details?.['suggestion'] !== undefined) return error;
    if (kind === 'vm') return unknownVm(state, name);
    if (kind === 'lock') return unknownLock(state, name);
    if (kind === 'set') return unknownSet(state, name);
    if (kind === 'network') return withSuggestion(error, nearest(name, networkNames(state)));
    if (kind === 'project') return unknownProject(state, name);
    return kind === 'host' ? withSuggestion(error, nearest(name, hostNames(state))) : error;
  }
}

/** What answers a route with one JSON document. */
export type JsonHandler<Id extends OperationId> = (call: Call<Id>) => RouteResult<Id> | Promise<RouteResult<Id>>;
/** What answers a route by writing to the response itself. */
export type StreamHandler<Id extends OperationId> = (call: Call<Id>) => Promise<void>;

function hasCluster(state: ClusterState): state is ClusterState & { readonly cluster: Cluster } {
  return state.cluster !== undefined;
}

/** `N3X_NOT_FOUND` for a VM, with the nearest name there is. */
export function unknownVm(state: ClusterState, name: string): N3xError {
  return unknown('VM', name, vmNames(state), '`n3xctl vm list` shows those that do');
}

/** `N3X_NOT_FOUND` for a lock, with the nearest name that is in use. */
export function unknownLock(state: ClusterState, name: string): N3xError {
  return unknown('lock', name, lockNames(state), 'nobody holds it; `n3xctl lock list` shows those in use');
}

/** `N3X_NOT_FOUND` for a network, with the nearest name there is. */
export function unknownNetwork(state: ClusterState, name: string): N3xError {
  return unknown('network', name, networkNames(state), '`n3xctl network list` shows those that do');
}

/** `N3X_NOT_FOUND` for a set of VMs, with the nearest name there is. */
export function unknownSet(state: ClusterState, name: string): N3xError {
  const names = [...state.vmSets()].slice(0, NAMES_MAX).map((set) => set.name);
  return unknown('set', name, names, '`n3xctl vm sets` shows those that do');
}

/** `N3X_NOT_FOUND` for a host, with the nearest name there is. */
export function unknownHost(state: ClusterState, name: string): N3xError {
  return unknown('host', name, hostNames(state), '`n3xctl host list` shows those that do');
}

/** An error that says why a name is asked for at all, with the nearest one that exists. */
function withSuggestion(error: N3xError, suggestion: string | undefined): N3xError {
  if (suggestion === undefined) return error;
  const details = { ...error.details, suggestion };
  return new N3xError(error.code, `${error.message}; did you mean ${suggestion}?`, { details, cause: error.cause });
}

/** `N3X_NOT_FOUND` for a project, with the nearest name there is. */
export function unknownProject(state: ClusterState, name: string): N3xError {
  const hint = `\`n3xctl project create ${name}\` makes it, \`n3xctl project list\` shows those that do`;
  return unknown('project', name, projectNames(state), hint);
}

function unknown(
  kind: 'VM' | 'set' | 'host' | 'lock' | 'network' | 'project',
  name: string,
  names: Iterable<string>,
  otherwise: string,
): N3xError {
  const suggestion = nearest(name, names);
  const hint = suggestion === undefined ? otherwise : `did you mean ${suggestion}?`;
  return new N3xError('N3X_NOT_FOUND', `${kind} ${name} does not exist: ${hint}`, {
    details: { kind: kind.toLowerCase(), name, ...(suggestion === undefined ? {} : { suggestion }) },
  });
}

/** Names to suggest from: comparing with all of a large cluster's would cost more than the hint is worth. */
const NAMES_MAX = 1000;

function* vmNames(state: ClusterState): Generator<string> {
  let left = NAMES_MAX;
  for (const vm of state.vms()) {
    if (left-- === 0) return;
    yield vm.name;
  }
}

function* lockNames(state: ClusterState): Generator<string> {
  let left = NAMES_MAX;
  for (const lock of state.locks()) {
    if (left-- === 0) return;
    yield lock.name;
  }
}

/** There are at most as many as may be looked at. */
function* networkNames(state: ClusterState): Generator<string> {
  for (const network of state.networks()) yield network.name;
}

function* projectNames(state: ClusterState): Generator<string> {
  yield DEFAULT_PROJECT;
  for (const project of state.projects()) yield project.name;
}

function* hostNames(state: ClusterState): Generator<string> {
  for (const host of state.hosts()) yield host.name;
}
