/** The daemon as its API server sees it. */
import { type Duplex, Readable, type Writable } from 'node:stream';
import type { LocalStatus } from '@n3x/core/api/schemas';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import type { Command, CommandResult } from '@n3x/core/machine/command';
import type { ClusterState } from '@n3x/core/machine/state';
import type { HostRole } from '@n3x/core/model/host';
import type { ObjectChange } from '@n3x/core/model/object';
import type {
  ApiBackend,
  ChangeListener,
  HostAdoption,
  JoinOptions,
  LogOptions,
  RequestOptions,
} from '../api/backend.ts';
import type { MicrovmDriver } from '../drivers/microvm/microvm-driver.ts';
import { hostAdoption } from './adoption.ts';
import { createToken } from './joining.ts';
import { type Member, TAKEN_OUT } from './member.ts';
import { N3X_VERSION } from './version.ts';

/** What of a daemon its API needs. */
export interface BackendDaemon {
  readonly config: { readonly name: string; readonly raft: { readonly reads: 'quorum' | 'lease' } };
  readonly member: Member | null;
  readonly driver: MicrovmDriver;
  readonly peerId: string;
  readonly addresses: string[];
  readonly uptimeSeconds: number;
  /** The member, or the error that there is none. */
  requireMember(): Member;
  init(clusterName: string): Promise<{ clusterId: string; hostId: number }>;
  join(token: string, options: JoinOptions): Promise<{ clusterId: string; hostId: number }>;
  leave(host: string | undefined, options: RequestOptions): Promise<{ changed: boolean; index: number }>;
}

/** What the API asks of a daemon, whether or not it is a member at the moment. */
export class DaemonBackend implements ApiBackend {
  readonly #daemon: BackendDaemon;

  constructor(daemon: BackendDaemon) {
    this.#daemon = daemon;
  }

  local(): LocalStatus {
    const { member, config, peerId, addresses, driver, uptimeSeconds } = this.#daemon;
    const status = member?.shell.status;
    return {
      version: N3X_VERSION,
      initialised: member !== null,
      name: config.name,
      hostId: member?.membership.hostId ?? null,
      peerId,
      addresses,
      role: status?.role ?? 'none',
      leaderId: status?.leaderId ?? 0,
      term: status?.term ?? 0,
      commitIndex: status?.commitIndex ?? 0,
      appliedIndex: status?.appliedIndex ?? 0,
      supervisor: driver.choice.kind,
      reads: config.raft.reads,
      uptimeSeconds,
      ...(member?.superseded === true ? { superseded: true } : {}),
      ...(member?.takenOut === true ? { takenOut: true } : {}),
    };
  }

  state(): ClusterState | null {
    return this.#daemon.member?.shell.state ?? null;
  }

  async readBarrier(options: Omit<RequestOptions, 'requestId'>): Promise<number> {
    const member = this.#daemon.requireMember();
    return this.#explained(member, member.shell.readBarrier(options));
  }

  async command(command: Command, options: RequestOptions): Promise<CommandResult & { ok: true }> {
    const member = this.#daemon.requireMember();
    return this.#explained(member, member.shell.command(command, options));
  }

  /** `work`; where it finds no quorum because this host is no member any more, the error says that instead. */
  async #explained<T>(member: Member, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof N3xError) || error.code !== ERROR_CODES.noQuorum || !member.takenOut) throw error;
      throw new N3xError(ERROR_CODES.refused, TAKEN_OUT, { details: { ...error.details } });
    }
  }

  changesSince(from: number): readonly ObjectChange[] | null {
    return this.#daemon.requireMember().shell.changesSince(from);
  }

  subscribe(listener: ChangeListener): () => void {
    return this.#daemon.requireMember().shell.subscribe(listener);
  }

  init(clusterName: string): Promise<{ clusterId: string; hostId: number }> {
    return this.#daemon.init(clusterName);
  }

  join(token: string, options: JoinOptions): Promise<{ clusterId: string; hostId: number }> {
    return this.#daemon.join(token, options);
  }

  leave(host: string | undefined, options: RequestOptions): Promise<{ changed: boolean; index: number }> {
    return this.#daemon.leave(host, options);
  }

  async createToken(
    request: { role?: HostRole; ttlSeconds: number },
    options: RequestOptions,
  ): Promise<{ token: string; id: string; expiresAtMs: number }> {
    const { shell, membership } = this.#daemon.requireMember();
    return createToken(shell, { id: membership.hostId, addresses: this.#daemon.addresses }, request, options);
  }

  async vmLog(name: string, options: LogOptions): Promise<Readable> {
    const { kind, lines, follow, signal } = options;
    return Readable.from(await this.#daemon.driver.readLog(name, { which: kind, lines, follow, signal }));
  }

  async vmConsole(name: string, signal: AbortSignal): Promise<{ output: Readable; input: Writable | null }> {
    return this.#daemon.driver.openConsole(name, signal);
  }

  get adoption(): HostAdoption {
    return hostAdoption(this.#daemon.driver);
  }

  async tunnel(hostId: number): Promise<Duplex> {
    return this.#daemon.requireMember().tunnel(hostId);
  }
}
