/**
 * n3xd: one host. Brings up its parts in order, becomes and ceases to be a member of a cluster, and goes
 * down without touching a VM.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { lchown } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { describeError, ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { parseToken } from '@n3x/core/join/token';
import { BOOTSTRAP_CONF_STATE, BOOTSTRAP_POSITION, bootstrapRecords, FIRST_HOST_ID } from '@n3x/core/machine/bootstrap';
import { COMMAND_FORMATS } from '@n3x/core/machine/command';
import type { HostFacts } from '@n3x/core/model/host';
import type { JoinOptions, RequestOptions } from '../api/backend.ts';
import { type ApiServer, startApiServer } from '../api/server.ts';
import type { AgentConfig } from '../config/config.ts';
import { type LoadedConfig, loadConfig, reloadable, takeOver } from '../config/load.ts';
import { collectFacts, nixSystem } from '../drivers/facts.ts';
import { isShuttingDown } from '../drivers/host-shutdown.ts';
import { probeKvm } from '../drivers/kvm.ts';
import { findOwner } from '../drivers/microvm/layout.ts';
import { type BuildSettings, MicrovmDriver } from '../drivers/microvm/microvm-driver.ts';
import { Pace } from '../drivers/volumes/pace.ts';
import { PoolMarks } from '../drivers/volumes/pool-marks.ts';
import { measurePools } from '../drivers/volumes/pool-sizes.ts';
import type { VolumeSource } from '../drivers/volumes/volume-copy.ts';
import { VolumeDriver } from '../drivers/volumes/volume-driver.ts';
import { type DataDirectory, openDataDirectory } from '../store/data-directory.ts';
import type { ClusterMembership } from '../store/identity.ts';
import { joinCluster } from '../transport/join-client.ts';
import { PeerNode } from '../transport/node.ts';
import { announcedAddresses } from './announce.ts';
import { DaemonBackend } from './backend.ts';
import { Fencing, openFenceDirectory } from './fencing.ts';
import type { Journal } from './journal.ts';
import { waitUntilOut, wasTakenOut } from './leaving.ts';
import { type HostInfo, Member } from './member.ts';
import { N3X_VERSION } from './version.ts';

function buildOptions(config: AgentConfig): BuildSettings {
  const { binary, extraConfig, buildTimeoutSeconds, maxBuilds, nixpkgs, microvm } = config.nix;
  return { nix: { binary, extraConfig, buildTimeoutMs: buildTimeoutSeconds * 1000 }, maxBuilds, nixpkgs, microvm };
}

/** A host that volumes are copied from; without a membership there is no way to it. */
function sourceOf(member: Member | null | undefined, hostId: number): VolumeSource {
  if (member !== null && member !== undefined) return member.volumeSource(hostId);
  const gone = new N3xError(ERROR_CODES.notInitialised, 'this host belongs to no cluster any more');
  return { name: String(hostId), open: () => Promise.reject(gone) };
}

/** One host, running. */
export class Daemon {
  readonly #journal: Journal;
  readonly #data: DataDirectory;
  readonly #node: PeerNode;
  readonly #driver: MicrovmDriver;
  readonly #fencing: Fencing;
  readonly #volumes: VolumeDriver;
  readonly #pace: Pace;
  readonly #startedAtMs = performance.now();
  #loaded: LoadedConfig;
  #facts: HostFacts;
  #api: ApiServer | null = null;
  #member: Member | null = null;
  /** Init, join and leave exclude each other. */
  #changing = false;
  #stopping: Promise<void> | null = null;

  private constructor(parts: {
    loaded: LoadedConfig;
    journal: Journal;
    data: DataDirectory;
    node: PeerNode;
    driver: MicrovmDriver;
    fencing: Fencing;
    volumes: VolumeDriver;
    facts: HostFacts;
  }) {
    this.#loaded = parts.loaded;
    this.#pace = new Pace(parts.loaded.config.volumes.copyMibPerSecond);
    this.#journal = parts.journal;
    this.#data = parts.data;
    this.#node = parts.node;
    this.#driver = parts.driver;
    this.#fencing = parts.fencing;
    this.#volumes = parts.volumes;
    this.#facts = parts.facts;
  }

  /** Brings the host up: data directory, network, driver, membership if it has one, API. Throws what stands in the way. */
  static async start(loaded: LoadedConfig, journal: Journal): Promise<Daemon> {
    const { config } = loaded;
    let daemon: Daemon | null = null;
    const data = await openDataDirectory(config.dataDir, {
      n3xVersion: N3X_VERSION,
      onStored: (stored) => daemon?.member?.stored(stored),
    });
    let node: PeerNode | null = null;
    try {
      const known = data.identity.cluster;
      if (known !== undefined && known.name !== config.name) {
        throw new N3xError(
          ERROR_CODES.config,
          `${config.dataDir} belongs to the host ${known.name}, and the configuration names it ${config.name}: set name = "${known.name}", or leave the cluster first`,
        );
      }
      node = await PeerNode.start({
        identity: { peerId: data.identity.peerId, privateKey: data.privateKey },
        listen: config.listen.addresses,
        log: journal.log.bind(journal),
      });
      const kvm = await probeKvm({ cacheFile: join(config.dataDir, 'kvm.json') });
      journal.log('info', 'daemon.kvm', { ...kvm });
      const fence = await openFenceDirectory(config);
      const pools = config.settings.pools ?? [];
      const owner = await findOwner();
      const volumes = new VolumeDriver({
        pools,
        hostName: config.name,
        marks: new PoolMarks(join(config.dataDir, 'pools')),
        journal,
        own: async (path) => {
          if (owner !== undefined) await lchown(path, owner.uid, owner.gid);
        },
        onDone: (token, outcome) => daemon?.member?.shell.handle({ type: 'volumeDone', token, outcome }),
        onObserved: (found) => daemon?.member?.shell.handle({ type: 'volumesObserved', ...found }),
        source: (hostId) => sourceOf(daemon?.member, hostId),
      });
      const driver = await MicrovmDriver.create({
        volumes,
        stateDir: config.microvm.stateDir,
        gcrootsDir: config.microvm.gcrootsDir,
        supervisor: config.microvm.supervisor,
        fence,
        system: nixSystem(),
        kvm: kvm.works,
        ...buildOptions(config),
        journal,
        onDone: (token, outcome) => daemon?.member?.shell.handle({ type: 'driverDone', token, outcome }),
        onObserved: (vms) => daemon?.member?.shell.handle({ type: 'observed', vms }),
      });
      const facts = await collectFacts({
        pools: await measurePools(pools, journal),
        n3xVersion: N3X_VERSION,
        commandFormats: COMMAND_FORMATS,
        kvm: kvm.works,
        nixBinary: config.nix.binary,
      });
      const fencing = new Fencing(fence, driver.choice.kind, journal, (deadlineMs, outcome) =>
        daemon?.member?.shell.handle({ type: 'fenceArmed', deadlineMs, outcome }),
      );
      daemon = new Daemon({ loaded, journal, data, node, driver, volumes, fencing, facts });
      if (known !== undefined) await daemon.#startMember(known, data.stored);
      driver.start();
      volumes.start();
      daemon.#api = await startApiServer({
        backend: new DaemonBackend(daemon),
        socket: config.api.socket,
        socketGroup: config.api.socketGroup,
        journal,
      });
      void daemon.#tryFence();
      return daemon;
    } catch (error) {
      await daemon?.member?.stop();
      await node?.stop();
      await data.close();
      throw error;
    }
  }

  get config(): AgentConfig {
    return this.#loaded.config;
  }

  get member(): Member | null {
    return this.#member;
  }

  get driver(): MicrovmDriver {
    return this.#driver;
  }

  get peerId(): string {
    return this.#data.identity.peerId;
  }

  get addresses(): string[] {
    return announcedAddresses(this.config.listen.announce, this.#node.addresses());
  }

  get uptimeSeconds(): number {
    return Math.floor((performance.now() - this.#startedAtMs) / 1000);
  }

  /** The member, or the error that there is none. */
  requireMember(): Member {
    if (this.#member !== null) return this.#member;
    throw new N3xError(
      ERROR_CODES.notInitialised,
      `host ${this.config.name} belongs to no cluster yet: make one with "n3xctl cluster init", or join one with "n3xctl cluster join TOKEN"`,
    );
  }

  /** Makes a new cluster with this host as its only member. */
  init(clusterName: string): Promise<{ clusterId: string; hostId: number }> {
    return this.#change(async () => {
      this.#requireNoMember();
      const clusterId = randomBytes(16).toString('hex');
      const records = bootstrapRecords({
        clusterId,
        clusterName,
        atMs: Date.now(),
        host: { name: this.config.name, uid: randomUUID(), peerId: this.peerId, ...this.#info() },
      });
      const membership = { clusterId, hostId: FIRST_HOST_ID, name: this.config.name, peers: [] };
      const stored = await this.#data.becomeMember(membership, {
        meta: { ...BOOTSTRAP_POSITION, confState: BOOTSTRAP_CONF_STATE },
        records,
      });
      await this.#startMember(membership, stored);
      return { clusterId, hostId: FIRST_HOST_ID };
    });
  }

  /**
   * Joins the cluster that made the token. A failed join changes nothing here; a repeated one gets the same answer. A
   * member may join what became of its cluster by a recovery; its VMs go on running meanwhile.
   */
  join(text: string, options: JoinOptions): Promise<{ clusterId: string; hostId: number }> {
    return this.#change(async () => {
      const parsed = parseToken(text);
      if (!parsed.ok) throw new N3xError(ERROR_CODES.tokenInvalid, parsed.message);
      const { token } = parsed;
      const former = this.#data.identity.cluster;
      if (former?.joinedWith === token.id) return { clusterId: former.clusterId, hostId: former.hostId };
      if (former?.clusterId.startsWith(token.clusterPrefix) === true) this.#requireNoMember();
      if (former !== undefined && !options.abandon) this.#requireNoQuorum(former);
      const { name } = this.config;
      const self = { uid: randomUUID(), name, ...this.#info(), addresses: this.addresses };
      const accepted = await joinCluster(
        this.#node,
        token,
        former === undefined ? self : { ...self, formerClusterId: former.clusterId },
        options.timeoutMs,
      );
      const { clusterId, hostId } = accepted;
      const peers = accepted.peers.filter((peer) => peer.id !== hostId);
      const membership = { clusterId, hostId, name, peers, joinedWith: token.id };
      const stored = await (former === undefined
        ? this.#data.becomeMember(membership)
        : this.#changeCluster(membership));
      await this.#startMember(membership, stored);
      return { clusterId, hostId };
    });
  }

  /** Takes a host out of the cluster; this one forgets the cluster once it is out. */
  async leave(host: string | undefined, options: RequestOptions): Promise<{ changed: boolean; index: number }> {
    const member = this.requireMember();
    const name = host ?? member.membership.name;
    const isSelf = name === member.membership.name;
    const work = async (): Promise<{ changed: boolean; index: number }> => {
      const { leaderId, appliedIndex } = member.shell.status;
      if (isSelf && member.shell.state.cluster === undefined) {
        // It has joined and never heard of the others: whatever they make of it, it has no part in anything yet.
        await this.#forgetCluster(member);
        return { changed: true, index: 0 };
      }
      if (isSelf && leaderId === 0 && (await wasTakenOut(member))) {
        await this.#forgetCluster(member);
        return { changed: true, index: appliedIndex };
      }
      const { changed, index } = await member.shell.command({ type: 'hostLeave', name }, options);
      await waitUntilOut(member, name, options.timeoutMs, options.signal);
      if (isSelf) await this.#forgetCluster(member);
      return { changed, index };
    };
    return isSelf ? this.#change(work) : work();
  }

  /** Reads the configuration file again and takes over what can be. Throws when the file is wrong, and then nothing changes. */
  async reload(): Promise<void> {
    const { file } = this.config;
    if (file === null) return;
    const next = await loadConfig(file);
    const plan = reloadable(this.#loaded, next);
    this.#journal.log('info', 'daemon.reloaded', { applied: plan.applied, needRestart: plan.needRestart });
    this.#loaded = takeOver(this.#loaded, next);
    const { config } = this.#loaded;
    this.#journal.setLevel(config.log.level);
    this.#driver.reconfigure(buildOptions(config));
    this.#pace.set(config.volumes.copyMibPerSecond);
    this.#member?.shell.handle({ type: 'hostInfo', ...this.#info() });
  }

  /** Hands over leadership and ends everything but the VMs. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const member = this.#member;
    // Where the whole host goes down its VMs end anyhow, and are soon wanted elsewhere.
    if (member !== null && !(await isShuttingDown())) await member.holdLease(this.#journal);
    await member?.handOver();
    await this.#api?.close();
    await this.#driver.close();
    await this.#volumes.close();
    await this.#member?.stop();
    await this.#fencing.close();
    await this.#node.stop();
    await this.#data.close();
  }

  /** Tells the cluster whether the dead-man's switch works; until then this host gets no fenced VMs. */
  async #tryFence(): Promise<void> {
    const fence = await this.#fencing.try();
    this.#facts = { ...this.#facts, fence };
    this.#member?.shell.handle({ type: 'hostInfo', ...this.#info() });
  }

  async #startMember(membership: ClusterMembership, stored: DataDirectory['stored']): Promise<void> {
    this.#member = await Member.start(
      {
        config: this.config,
        data: this.#data,
        node: this.#node,
        driver: this.#driver,
        fence: this.#fencing.port,
        volumes: this.#volumes,
        pace: this.#pace,
        journal: this.#journal,
        onTunnel: (duplex: Duplex) => this.#api?.acceptTunnel(duplex),
      },
      membership,
      stored,
      this.#info(),
    );
    this.#driver.observeAgain();
    this.#volumes.observeAgain();
    this.#journal.log('info', 'daemon.member', { cluster: membership.clusterId, hostId: membership.hostId });
  }

  async #forgetCluster(member: Member): Promise<void> {
    this.#member = null;
    await this.#volumes.abortCopies();
    await member.stop();
    await this.#data.leaveCluster();
    this.#journal.log('info', 'daemon.left', { cluster: member.membership.clusterId });
  }

  #info(): HostInfo {
    return { addresses: this.addresses, settings: this.config.settings, facts: this.#facts };
  }

  /** Ends the membership in one cluster and notes that in another. A failure ends the process: it comes back as it was. */
  async #changeCluster(membership: ClusterMembership): Promise<DataDirectory['stored']> {
    const member = this.#member;
    this.#member = null;
    await this.#volumes.abortCopies();
    await member?.stop();
    try {
      return await this.#data.changeCluster(membership);
    } catch (error) {
      this.#journal.fatal('daemon.changeFailed', { message: describeError(error) });
      throw error;
    }
  }

  #requireNoQuorum(former: ClusterMembership): void {
    if (this.#member?.shell.status.hasQuorum !== true) return;
    throw new N3xError(
      ERROR_CODES.alreadyMember,
      `host ${former.name} belongs to cluster ${former.clusterId}, which has a quorum: leave it first with "n3xctl cluster leave", or, if it was recovered without this host, join with --abandon`,
    );
  }

  #requireNoMember(): void {
    const cluster = this.#data.identity.cluster;
    if (cluster === undefined) return;
    throw new N3xError(
      ERROR_CODES.alreadyMember,
      `host ${cluster.name} belongs to cluster ${cluster.clusterId} already: leave it first with "n3xctl cluster leave"`,
    );
  }

  async #change<T>(work: () => Promise<T>): Promise<T> {
    if (this.#changing) {
      throw new N3xError(
        ERROR_CODES.conflict,
        'this host is becoming a member or leaving right now: try again in a moment',
      );
    }
    this.#changing = true;
    try {
      return await work();
    } catch (error) {
      this.#journal.log('warn', 'daemon.changeFailed', { message: describeError(error) });
      throw error;
    } finally {
      this.#changing = false;
    }
  }
}
