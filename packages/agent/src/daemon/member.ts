/**
 * This host as a member of a cluster: its loop, with transport, store and driver joined to it. It lives
 * from `cluster init` or `join` (or the start of a daemon that is a member) until it leaves or stops.
 */
import { randomBytes, randomInt } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { SeededRandom } from '@n3x/core/base/random';
import { DEFAULT_LOOP_OPTIONS } from '@n3x/core/loop/options';
import type { HostFacts, HostSettings } from '@n3x/core/model/host';
import type { DriverPort } from '@n3x/core/ports/driver';
import type { FencePort } from '@n3x/core/ports/fence';
import type { StoredState } from '@n3x/core/ports/storage';
import type { VolumePort } from '@n3x/core/ports/volumes';
import type { AgentConfig } from '../config/config.ts';
import type { Pace } from '../drivers/volumes/pace.ts';
import type { VolumeSource } from '../drivers/volumes/volume-copy.ts';
import { VolumeServer } from '../drivers/volumes/volume-server.ts';
import type { VolumeStore } from '../drivers/volumes/volume-store.ts';
import type { DataDirectory } from '../store/data-directory.ts';
import type { ClusterMembership } from '../store/identity.ts';
import type { Stored } from '../store/level-store.ts';
import { JoinServer } from '../transport/join-server.ts';
import { Libp2pTransport } from '../transport/libp2p-transport.ts';
import { MemberStreams, TUNNEL_PROTOCOL, VOLUME_PROTOCOL } from '../transport/member-streams.ts';
import type { PeerNode } from '../transport/node.ts';
import { Exclusion } from './exclusion.ts';
import { acceptJoin, hasSuperseded } from './joining.ts';
import type { Journal } from './journal.ts';
import { LoopShell } from './loop-shell.ts';

/** How long a stopping leader waits for its successor, in ms. */
const HAND_OVER_MS = 2_000;
/** How long a stopping daemon waits for the longer lease of a restart, in ms. */
const RESTART_LEASE_MS = 3_000;

/** What to say of a host that is no member any more, and what to do. */
export const TAKEN_OUT =
  'this host was taken out of its cluster: "n3xctl cluster leave" on it makes it forget the cluster, then it can join again with a new token. Until then it starts and stops no VMs';

/** What a member is made of. */
export interface MemberComponents {
  readonly config: AgentConfig;
  readonly data: DataDirectory;
  readonly node: PeerNode;
  readonly driver: DriverPort;
  readonly fence: FencePort;
  readonly volumes: VolumePort & { readonly store: VolumeStore };
  /** How fast the data of volumes may leave this host. */
  readonly pace: Pace;
  readonly journal: Journal;
  /** Another member opened a tunnel to this host's API server. */
  onTunnel(duplex: Duplex): void;
}

/** What a host tells of itself. */
export interface HostInfo {
  readonly addresses: readonly string[];
  readonly settings: HostSettings;
  readonly facts: HostFacts;
}

/** A running member. */
export class Member {
  readonly membership: ClusterMembership;
  readonly shell: LoopShell;
  readonly #transport: Libp2pTransport;
  readonly #tunnels: MemberStreams;
  readonly #volumeServer: VolumeServer;
  readonly #volumeStreams: MemberStreams;
  readonly #joins: JoinServer;
  readonly #exclusion: Exclusion;
  #superseded = false;

  private constructor(
    components: MemberComponents,
    membership: ClusterMembership,
    stored: StoredState,
    transport: Libp2pTransport,
    exclusion: Exclusion,
  ) {
    const { config, data, node, driver, volumes, fence, journal } = components;
    this.membership = membership;
    this.#transport = transport;
    this.#exclusion = exclusion;
    this.shell = new LoopShell(
      {
        ...DEFAULT_LOOP_OPTIONS,
        ...config.raft,
        hostId: membership.hostId,
        bootId: randomBytes(6).toString('hex'),
        bootstrapPeers: membership.peers,
      },
      {
        storage: data.store,
        transport,
        driver,
        volumes,
        fence,
        journal,
        random: new SeededRandom(randomInt(2 ** 48 - 1)),
      },
      stored,
    );
    const log = journal.log.bind(journal);
    this.#tunnels = new MemberStreams({
      ...{ protocol: TUNNEL_PROTOCOL, maxStreams: 256, node, transport, log },
      onStream: (duplex) => components.onTunnel(duplex),
    });
    this.#volumeServer = new VolumeServer({
      ...{ store: volumes.store, pace: components.pace, journal },
      mayServe: (readerId, request) => this.shell.mayServe(readerId, request),
    });
    this.#volumeStreams = new MemberStreams({
      ...{ protocol: VOLUME_PROTOCOL, maxStreams: 8, node, transport, log },
      onStream: (duplex, from) => void this.#volumeServer.serve(duplex, from),
    });
    this.#joins = new JoinServer({
      node,
      log,
      handle: (request, peerId) => acceptJoin(this.shell, request, peerId),
    });
  }

  /** Starts the loop over what the store holds, tells the cluster of this host, and serves the other members. */
  static async start(
    components: MemberComponents,
    membership: ClusterMembership,
    stored: StoredState,
    info: HostInfo,
  ): Promise<Member> {
    const { node, journal } = components;
    let member: Member | null = null;
    const exclusion = new Exclusion();
    const transport = new Libp2pTransport({
      node,
      clusterId: membership.clusterId,
      hostId: membership.hostId,
      log: journal.log.bind(journal),
      onMessage: (from, message) => member?.shell.handle({ type: 'received', from, message }),
      onPeer: (id, connected) => {
        exclusion.connected(id, connected);
        member?.shell.handle({ type: 'peer', id, connected });
      },
      onUnknown: () => {
        if (!exclusion.unknown(performance.now())) return;
        journal.log('error', 'cluster.takenOut', { cluster: membership.clusterId, message: TAKEN_OUT });
      },
      supersedes: (clusterId) => {
        const cluster = member?.shell.state.cluster;
        return cluster !== undefined && hasSuperseded(cluster, clusterId);
      },
      onSuperseded: (id) => {
        if (member !== null) member.#wasSuperseded(id, journal);
      },
    });
    await transport.start();
    member = new Member(components, membership, stored, transport, exclusion);
    await member.#tunnels.start();
    await member.#volumeStreams.start();
    await member.#joins.start();
    member.shell.handle({ type: 'hostInfo', ...info });
    member.shell.start();
    return member;
  }

  /** Whether the other members say that this host is none of them any more. */
  get takenOut(): boolean {
    return this.#exclusion.isCertain;
  }

  /** Whether another member has said that the cluster was recovered and went on without this host. */
  get superseded(): boolean {
    return this.#superseded;
  }

  #wasSuperseded(id: number, journal: Journal): void {
    if (this.#superseded) return;
    this.#superseded = true;
    journal.log('error', 'cluster.superseded', {
      peer: id,
      host: this.shell.state.host(id)?.name,
      message: 'the cluster was recovered without this host: join it again with "n3xctl cluster join TOKEN"',
    });
  }

  /** Completions of the store. */
  stored(stored: readonly Stored[]): void {
    for (const { token, outcome } of stored) this.shell.handle({ type: 'stored', token, outcome });
  }

  /** A byte stream to the API server of another member. */
  tunnel(hostId: number): Promise<Duplex> {
    return this.#tunnels.open(hostId);
  }

  /**
   * Asks for the longer lease that fenced VMs run under while the daemon restarts, for a bounded time. Whatever comes of it,
   * the daemon may end: without it they end with the lease there is.
   */
  async holdLease(journal: Journal): Promise<void> {
    this.shell.handle({ type: 'restarting' });
    const deadline = performance.now() + RESTART_LEASE_MS;
    while (this.shell.restartLease === 'none' || this.shell.restartLease === 'waiting') {
      if (performance.now() >= deadline) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { restartLease } = this.shell;
    if (restartLease === 'held') journal.log('info', 'restart.leaseHeld', { seconds: this.#restartSeconds() });
    else if (restartLease !== 'unneeded') {
      const why =
        restartLease === 'failed'
          ? 'the dead-man’s switch could not be armed for a longer lease'
          : `no lease for the restart was granted within ${RESTART_LEASE_MS / 1000} s, as without a quorum`;
      journal.log('warn', 'restart.leaseNotHeld', {
        message: `${why}: fenced microVMs here end in a few seconds unless n3xd is back by then`,
      });
    }
  }

  #restartSeconds(): number {
    return Math.floor((this.shell.state.host(this.membership.hostId)?.restarting?.holdMs ?? 0) / 1000);
  }

  /** A host that volumes are copied from. */
  volumeSource(hostId: number): VolumeSource {
    const name = this.shell.state.host(hostId)?.name ?? String(hostId);
    return { name, open: () => this.#volumeStreams.open(hostId) };
  }

  /** Hands over leadership, if held, and waits for it for a bounded time. */
  async handOver(): Promise<void> {
    if (this.shell.status.role !== 'leader') return;
    this.shell.handle({ type: 'handOver' });
    const deadline = performance.now() + HAND_OVER_MS;
    while (this.shell.status.role === 'leader' && performance.now() < deadline) {
      if (this.shell.status.confState.voters.length < 2) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Ends the loop and everything it was joined to. VMs are not touched. */
  async stop(): Promise<void> {
    this.shell.stop();
    await this.#joins.stop();
    this.#volumeServer.close();
    await this.#volumeStreams.stop();
    await this.#tunnels.stop();
    await this.#transport.stop();
  }
}
