/** For tests of the API: a cluster in memory with the real state machine, and a client for its Unix sockets. */
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, duplexPair, PassThrough, Readable } from 'node:stream';
import type { FoundVmView, OrphanView } from '@n3x/core/api/adoption-routes';
import type { LocalStatus } from '@n3x/core/api/schemas';
import { N3xError } from '@n3x/core/base/errors';
import { applyConfState, applyProposal } from '@n3x/core/machine/apply';
import { BOOTSTRAP_POSITION, bootstrapRecords } from '@n3x/core/machine/bootstrap';
import type { Command, CommandResult } from '@n3x/core/machine/command';
import { ClusterState } from '@n3x/core/machine/state';
import type { HostRole } from '@n3x/core/model/host';
import type { ObjectChange } from '@n3x/core/model/object';
import type { DriverVm } from '@n3x/core/ports/driver';
import type { ApiBackend, ChangeListener, HostAdoption, LogOptions, RequestOptions } from './backend.ts';
import { type ApiServer, startApiServer } from './server.ts';
import type { WatchLimits } from './watch.ts';

const facts = {
  fence: { works: true, message: 'armed' },
  system: 'x86_64-linux' as const,
  vcpu: 8,
  memoryMib: 8192,
  features: ['nix'],
  kernel: '6.1',
  n3xVersion: '0.1.0',
  commandFormats: [2, 2] as [number, number],
};
const settings = { role: 'server' as const, labels: {}, capacity: {}, reserve: { vcpu: 1, memoryMib: 512 } };

/** State that the hosts of a test share, as if replication were instant. */
export class TestCluster {
  state: ClusterState | null = null;
  readonly history: ObjectChange[] = [];
  /** Changes up to and with this index are forgotten. */
  forgottenUpTo = 0;
  readonly listeners = new Set<ChangeListener>();
  quorum = true;
  readonly hosts = new Map<number, TestHost>();

  init(clusterName: string): string {
    const host = { name: 'n1', uid: 'u-n1', peerId: 'peer-1', addresses: ['/ip4/127.0.0.1/tcp/1'], settings, facts };
    const clusterId = '0123456789abcdef0123456789abcdef';
    const records = bootstrapRecords({ clusterId, clusterName, atMs: 1000, host });
    this.state = ClusterState.fromRecords(BOOTSTRAP_POSITION.index, records);
    return clusterId;
  }

  /** Takes a second host, n2, in. */
  addHost(name: string, peerId: string): void {
    const secretHash = 'a'.repeat(64);
    const id = 'b'.repeat(16);
    this.apply({ type: 'tokenCreate', id, secretHash, expiresAtMs: 1e15 });
    const joined = this.apply({
      type: 'hostJoin',
      tokenId: id,
      secretHash,
      peerId,
      uid: `u-${name}`,
      name,
      addresses: ['/ip4/127.0.0.1/tcp/2'],
      settings,
      facts,
    });
    if (!joined.ok || this.state === null) throw new Error('the host could not join');
    const voters = [...this.state.hosts()].map((host) => host.id);
    const confState = { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    const { objectChanges } = applyConfState(this.state, this.state.index + 1, confState);
    this.history.push(...objectChanges);
    for (const host of this.state.hosts()) this.apply({ type: 'hostReachable', hostId: host.id, reachable: true });
  }

  /** Applies a command at the next index and tells the listeners. */
  apply(command: Command, requestId = `test-${Math.random().toString(36).slice(2)}`): CommandResult {
    const { state } = this;
    if (state === null) throw new Error('no cluster');
    const index = state.index + 1;
    const outcome = applyProposal(state, { index, term: 1 }, { format: 2, requestId, atMs: 2000, command });
    if (outcome.type !== 'applied') throw new Error('unsupported');
    this.history.push(...outcome.objectChanges);
    for (const listener of [...this.listeners]) listener.changed(outcome.objectChanges);
    return outcome.result;
  }

  /** Places a VM on a host, as the scheduler would. */
  assign(name: string, hostId: number): void {
    const vm = this.state?.vm(name);
    if (vm === undefined) throw new Error(`no VM ${name}`);
    const result = this.apply({ type: 'vmAssign', name, uid: vm.uid, hostId, baseIndex: vm.modifiedIndex });
    if (!result.ok) throw new Error(result.error.message);
  }
}

/** One host of the test's cluster. */
export class TestHost implements ApiBackend {
  readonly cluster: TestCluster;
  readonly hostId: number;
  server: ApiServer | null = null;
  socket = '';
  /** Commands that came, with their ids and deadlines. */
  readonly commands: { command: Command; options: RequestOptions }[] = [];
  /** What the next commands reject with. */
  failWith: Error | null = null;
  /** Runs after a command took effect; gives the index to answer with. */
  afterCommand: ((index: number) => number) | null = null;
  /** Holds commands back until it is called. */
  gate: Promise<void> | null = null;
  logs: (name: string, options: LogOptions) => Promise<Readable> = async (name, options) =>
    Readable.from([`${options.kind} of ${name}, ${options.lines} lines\n`]);
  consoles: ApiBackend['vmConsole'] = async () => {
    const echo = new PassThrough();
    echo.write('login: ');
    return { output: echo, input: echo };
  };
  /** MicroVMs that are on this host besides, and those that were taken over. */
  foundVms: FoundVmView[] = [];
  readonly adopted: DriverVm[] = [];
  orphans: OrphanView[] = [];
  /** Null: the other host cannot be reached. */
  tunnels: ((hostId: number) => Promise<Duplex>) | null;

  constructor(cluster: TestCluster, hostId: number) {
    this.cluster = cluster;
    this.hostId = hostId;
    cluster.hosts.set(hostId, this);
    this.tunnels = async (to) => {
      const [near, far] = tunnelPair();
      cluster.hosts.get(to)?.server?.acceptTunnel(far);
      return near;
    };
  }

  local(): LocalStatus {
    const { state } = this.cluster;
    return {
      version: '0.1.0',
      initialised: state !== null,
      name: `n${this.hostId}`,
      hostId: state === null ? null : this.hostId,
      peerId: `peer-${this.hostId}`,
      addresses: [],
      role: state === null ? 'none' : 'leader',
      leaderId: state === null || !this.cluster.quorum ? 0 : 1,
      term: 1,
      commitIndex: state?.index ?? 0,
      appliedIndex: state?.index ?? 0,
      supervisor: 'direct',
      reads: 'quorum',
      uptimeSeconds: 1,
    };
  }

  state(): ClusterState | null {
    return this.cluster.state;
  }

  async readBarrier(): Promise<number> {
    if (!this.cluster.quorum) throw new N3xError('N3X_NO_QUORUM', 'no leader with a quorum was found in time');
    return this.cluster.state?.index ?? 0;
  }

  async command(command: Command, options: RequestOptions): Promise<CommandResult & { ok: true }> {
    this.commands.push({ command, options });
    if (this.gate !== null) await this.gate;
    if (this.failWith !== null) throw this.failWith;
    await this.readBarrier();
    const result = this.cluster.apply(command, options.requestId);
    if (result.ok) return { ...result, index: this.afterCommand?.(result.index) ?? result.index };
    throw new N3xError(result.error.code, result.error.message, { details: { ...result.error.details } });
  }

  changesSince(from: number): readonly ObjectChange[] | null {
    if (from < this.cluster.forgottenUpTo) return null;
    return this.cluster.history.filter((change) => change.index > from);
  }

  subscribe(listener: ChangeListener): () => void {
    this.cluster.listeners.add(listener);
    return () => this.cluster.listeners.delete(listener);
  }

  async init(clusterName: string): Promise<{ clusterId: string; hostId: number }> {
    if (this.cluster.state !== null) throw new N3xError('N3X_ALREADY_MEMBER', 'this host belongs to a cluster');
    return { clusterId: this.cluster.init(clusterName), hostId: 1 };
  }

  async join(token: string): Promise<{ clusterId: string; hostId: number }> {
    if (token !== 'good') throw new N3xError('N3X_TOKEN_INVALID', 'the token is not known to the cluster');
    return { clusterId: this.cluster.init('joined'), hostId: 1 };
  }

  async leave(host: string | undefined, options: RequestOptions): Promise<{ changed: boolean; index: number }> {
    return await this.command({ type: 'hostLeave', name: host ?? 'n1' }, options);
  }

  async createToken(
    request: { role?: HostRole; ttlSeconds: number },
    options: RequestOptions,
  ): Promise<{ token: string; id: string; expiresAtMs: number }> {
    const expiresAtMs = 2000 + request.ttlSeconds * 1000;
    const role = request.role === undefined ? {} : { role: request.role };
    const id = '00112233445566aa';
    await this.command({ type: 'tokenCreate', id, secretHash: 'c'.repeat(64), expiresAtMs, ...role }, options);
    return { token: 'n3x-secret', id, expiresAtMs };
  }

  async vmLog(name: string, options: LogOptions): Promise<Readable> {
    return await this.logs(name, options);
  }

  async vmConsole(name: string, signal: AbortSignal): ReturnType<ApiBackend['vmConsole']> {
    return await this.consoles(name, signal);
  }

  readonly adoption: HostAdoption = {
    found: async () => this.foundVms,
    adoptable: async (name) => {
      const found = this.foundVms.find((vm) => vm.name === name);
      if (found === undefined) throw new N3xError('N3X_NOT_FOUND', `there is no microVM ${name} on this host`);
      if (found.flake === null) throw new N3xError('N3X_DRIVER', found.reason);
      return { flake: found.flake, pid: found.pid, vcpu: 2, memoryMib: 256 };
    },
    orphans: async () => this.orphans,
    clean: async (_, all) => {
      const cleaned = this.orphans.filter(({ ours }) => ours || all);
      this.orphans = this.orphans.filter((orphan) => !cleaned.includes(orphan));
      return { cleaned, failed: [] };
    },
    adopt: async (vm) => void this.adopted.push(vm),
    release: async (name, uid) => {
      const vm = this.cluster.state?.vm(name);
      if (vm?.assignment == null || vm.uid !== uid) return;
      const { hostId, epoch } = vm.assignment;
      this.cluster.apply({ type: 'vmRemoved', hostId, name, uid, epoch });
    },
  };

  async tunnel(hostId: number): Promise<Duplex> {
    if (this.tunnels === null) throw new N3xError('N3X_UNREACHABLE', 'no connection');
    return await this.tunnels(hostId);
  }
}

/** Two ends of a tunnel: one that is destroyed before its end breaks the other, as over a network. */
export function tunnelPair(): [Duplex, Duplex] {
  const [one, two] = duplexPair();
  const breaks = (end: Duplex, other: Duplex): void => {
    end.once('close', () => {
      if (!end.writableFinished || !end.readableEnded) other.destroy();
    });
  };
  breaks(one, two);
  breaks(two, one);
  return [one, two];
}

/** What a test serves from. */
export interface Served {
  readonly cluster: TestCluster;
  readonly host: TestHost;
  readonly socket: string;
  readonly directory: string;
  readonly journal: { level: string; event: string; fields: Readonly<Record<string, unknown>> }[];
}

/** What a test must give up at its end. */
export interface Teardown {
  teardown(action: () => Promise<void> | void): void;
}

/** Serves a host of `cluster` at a new socket until the test ends. */
export async function serve(
  t: Teardown,
  options: { cluster?: TestCluster; hostId?: number; watch?: Partial<WatchLimits>; init?: boolean } = {},
): Promise<Served> {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-api-'));
  const cluster = options.cluster ?? new TestCluster();
  if (cluster.state === null && options.init !== false) cluster.init('lab');
  const host = new TestHost(cluster, options.hostId ?? 1);
  const socket = join(directory, 'n3xd.sock');
  const journal: Served['journal'] = [];
  const server = await startApiServer({
    backend: host,
    socket,
    journal: { log: (level, event, fields) => void journal.push({ level, event, fields }) },
    closeGraceMs: 200,
    ...(options.watch === undefined ? {} : { watch: options.watch }),
  });
  host.server = server;
  host.socket = socket;
  t.teardown(async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  return { cluster, host, socket, directory, journal };
}

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The JSON document of the answer; null when it is none. */
  readonly json: unknown;
  /** What stands at a dotted path of the document, `items.0.name`; undefined where there is nothing. */
  at(path: string): unknown;
}

function valueAt(document: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (value == null ? value : Reflect.get(Object(value), key)), document);
}

/** A request to a Unix socket; an object as body is sent as JSON, a string as it is. */
export async function call(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await open(socketPath, method, path, body, headers);
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const isJson = answer.headers['content-type']?.startsWith('application/json') === true;
  const json: unknown = isJson ? JSON.parse(text) : null;
  return { status: answer.statusCode ?? 0, headers: answer.headers, text, json, at: (path) => valueAt(json, path) };
}

/** A request whose answer is read as it comes. */
export async function open(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<IncomingMessage> {
  return await new Promise<IncomingMessage>((resolve, reject) => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const sent = httpRequest({ socketPath, method, path, headers: { ...type, ...headers }, agent: false }, resolve);
    sent.once('error', reject);
    sent.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body));
  });
}

/** A spec that is right. */
export const FLAKE_SPEC = { source: { kind: 'flake', ref: 'github:me/vms', attribute: 'web' } };
