/**
 * A few loops joined in memory, without delay or loss, for tests of this folder. The simulator has the
 * world with faults; this one is for reading.
 */
import { SeededRandom } from '../base/random.ts';
import { BOOTSTRAP_CONF_STATE, BOOTSTRAP_POSITION, bootstrapRecords } from '../machine/bootstrap.ts';
import type { Command } from '../machine/command.ts';
import type { HostFacts, HostSettings } from '../model/host.ts';
import type { CommandOutcome, ReadOutcome } from '../ports/client.ts';
import type { DriverAction, ObservedVm } from '../ports/driver.ts';
import type { StorageWrite, StoredState } from '../ports/storage.ts';
import type { PeerMessage } from '../wire/peer-message.ts';
import { HostLoop } from './host-loop.ts';
import { DEFAULT_LOOP_OPTIONS, type LoopOptions } from './options.ts';

export const FACTS: HostFacts = {
  system: 'x86_64-linux',
  vcpu: 8,
  memoryMib: 8192,
  features: [],
  kernel: '6.1.0',
  n3xVersion: '0.1.0',
  commandFormats: [2, 2],
  fence: { works: true, message: 'armed' },
};

export const SETTINGS: HostSettings = {
  role: 'server',
  labels: {},
  capacity: {},
  reserve: { vcpu: 0, memoryMib: 0 },
};

const EMPTY_CONF = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

const EMPTY: StoredState = {
  hardState: { term: 0, vote: 0, commit: 0 },
  compacted: { index: 0, term: 0 },
  entries: [],
  applied: { index: 0, term: 0, confState: EMPTY_CONF },
  records: new Map(),
};

/** One loop and what left it. */
export class TestHost {
  readonly id: number;
  readonly loop: HostLoop;
  readonly commands = new Map<number, CommandOutcome>();
  readonly reads = new Map<number, ReadOutcome>();
  readonly actions: { token: number; action: DriverAction }[] = [];
  readonly writes: StorageWrite[] = [];
  readonly arms: number[] = [];
  readonly events: string[] = [];
  connected = true;
  /** Whom it talks to, and lets in. */
  peers: ReadonlySet<number> = new Set();
  /** Whose streams it has been told of. */
  readonly streams = new Set<number>();
  resets = 0;

  constructor(world: TestWorld, id: number, stored: StoredState, options: Partial<LoopOptions>) {
    this.id = id;
    this.loop = new HostLoop(
      { ...DEFAULT_LOOP_OPTIONS, hostId: id, bootId: 'boot', bootstrapPeers: [], ...options },
      {
        storage: { write: (write) => void this.writes.push(write) },
        transport: {
          send: (to, message) => world.send(this.id, to, message),
          setPeers: (peers) => {
            this.peers = new Set(peers.map((peer) => peer.id));
          },
        },
        driver: {
          perform: (token, action) => void this.actions.push({ token, action }),
          watch: () => undefined,
        },
        fence: {
          arm: (deadlineMs) => void this.arms.push(deadlineMs),
        },
        volumes: { perform: () => undefined },
        client: {
          commandDone: (request, outcome) => void this.commands.set(request, outcome),
          readDone: (request, outcome) => void this.reads.set(request, outcome),
          changed: () => undefined,
          reset: () => {
            this.resets++;
          },
        },
        journal: {
          log: (_level, event) => void this.events.push(event),
          fatal: (event) => {
            throw new Error(event);
          },
        },
        random: new SeededRandom(id),
      },
      stored,
    );
  }

  /** What the driver finds. */
  observe(vms: readonly ObservedVm[]): void {
    this.loop.handle({ type: 'observed', vms });
  }
}

/** Loops and the messages between them. */
export class TestWorld {
  readonly hosts = new Map<number, TestHost>();
  nowMs = 0;
  #messages: { from: number; to: number; message: PeerMessage }[] = [];
  #nextRequest = 1;
  readonly #options: Partial<LoopOptions>;

  /** A cluster of one, made as `cluster init` makes it. */
  constructor(options: Partial<LoopOptions> = {}, facts: HostFacts = FACTS) {
    this.#options = options;
    const records = bootstrapRecords({
      clusterId: '0'.repeat(32),
      clusterName: 'test',
      atMs: 1,
      host: {
        name: 'h1',
        uid: 'u1',
        peerId: 'peer1',
        addresses: ['/ip4/127.0.0.1/tcp/1'],
        settings: SETTINGS,
        facts,
      },
    });
    this.#start(1, {
      ...EMPTY,
      compacted: BOOTSTRAP_POSITION,
      applied: { ...BOOTSTRAP_POSITION, confState: BOOTSTRAP_CONF_STATE },
      records: new Map(records),
    });
  }

  host(id: number): TestHost {
    const host = this.hosts.get(id);
    if (host === undefined) throw new Error(`no host ${id}`);
    return host;
  }

  get leader(): TestHost {
    for (const host of this.hosts.values()) {
      if (host.connected && host.loop.status.role === 'leader') return host;
    }
    throw new Error('no leader');
  }

  /** How many messages are on their way. */
  get underWay(): number {
    return this.#messages.length;
  }

  send(from: number, to: number, message: PeerMessage): void {
    this.#messages.push({ from, to, message: structuredClone(message) });
  }

  /** Joins a host through a token, as the daemon would, and waits until it votes, unless it is an agent. */
  join(id: number, { role = 'server', ...options }: Partial<LoopOptions> & { role?: 'server' | 'agent' } = {}): void {
    const tokenId = id.toString(16).padStart(16, '0');
    const secretHash = 'a'.repeat(64);
    this.must({ type: 'tokenCreate', id: tokenId, secretHash, expiresAtMs: 1e15 });
    this.must({
      type: 'hostJoin',
      tokenId,
      secretHash,
      peerId: `peer${id}`,
      uid: `u${id}`,
      name: `h${id}`,
      addresses: [`/ip4/127.0.0.1/tcp/${id}`],
      settings: { ...SETTINGS, role },
      facts: FACTS,
    });
    this.#start(id, EMPTY, options);
    this.run(3_000);
  }

  #start(id: number, stored: StoredState, options: Partial<LoopOptions> = {}): void {
    const bootstrapPeers = [...this.hosts.keys()].map((peer) => ({ id: peer, peerId: `peer${peer}`, addresses: [] }));
    this.hosts.set(id, new TestHost(this, id, stored, { ...this.#options, ...options, bootstrapPeers }));
  }

  /** Lets time pass, tick by tick. */
  run(ms: number): void {
    for (const end = this.nowMs + ms; this.nowMs < end; ) {
      this.nowMs += DEFAULT_LOOP_OPTIONS.tickMs;
      for (const host of this.hosts.values()) {
        host.loop.clock(this.nowMs);
        host.loop.handle({ type: 'tick', nowMs: this.nowMs, wallMs: this.nowMs });
      }
      this.settle();
    }
  }

  /** Flushes, writes and delivers until nothing is left. */
  settle(): void {
    for (let round = 0; ; round++) {
      if (round > 10_000) throw new Error('does not settle');
      for (const host of this.hosts.values()) host.loop.flush();
      let busy = this.#openStreams();
      for (const host of this.hosts.values()) {
        if (host.loop.wakeMs === null) continue;
        busy = true;
        host.loop.handle({ type: 'wake' });
      }
      for (const host of this.hosts.values()) {
        for (const write of host.writes.splice(0)) {
          busy = true;
          host.loop.handle({ type: 'stored', token: write.token, outcome: { ok: true } });
        }
      }
      for (const host of this.hosts.values()) {
        for (const deadlineMs of host.arms.splice(0)) {
          busy = true;
          host.loop.handle({ type: 'fenceArmed', deadlineMs, outcome: { ok: true } });
        }
      }
      for (const { from, to, message } of this.#messages.splice(0)) {
        const target = this.hosts.get(to);
        if (target === undefined || !target.connected || !this.host(from).connected) continue;
        if (!target.peers.has(from) || !this.host(from).peers.has(to)) continue;
        busy = true;
        target.loop.handle({ type: 'received', from, message });
      }
      if (!busy) return;
    }
  }

  /** Tells hosts that know each other of their streams, once; one that breaks is found out by silence. */
  #openStreams(): boolean {
    let news = false;
    for (const host of this.hosts.values()) {
      for (const id of host.peers) {
        const other = this.hosts.get(id);
        if (host.streams.has(id) || !host.connected || !other?.connected || !other.peers.has(host.id)) continue;
        host.streams.add(id);
        host.loop.handle({ type: 'peer', id, connected: true });
        news = true;
      }
    }
    return news;
  }

  /** Sends a command to a host; its outcome may come later. */
  command(host: TestHost, command: Command, requestId = `r${this.#nextRequest}`): number {
    const id = this.#nextRequest++;
    host.loop.handle({ type: 'command', id, requestId, command, deadlineMs: this.nowMs + 10_000 });
    this.settle();
    return id;
  }

  /** Sends a command to `host`, by default the leader's, and demands that it succeeds. */
  must(command: Command, host?: TestHost): void {
    for (let tries = 0; this.hosts.size > 0 && tries < 100; tries++) {
      try {
        host ??= this.leader;
        break;
      } catch {
        this.run(100);
      }
    }
    const target = host ?? this.leader;
    const id = this.command(target, command);
    for (let tries = 0; tries < 100 && !target.commands.has(id); tries++) this.run(100);
    const outcome = target.commands.get(id);
    if (outcome?.type !== 'result' || !outcome.result.ok) throw new Error(JSON.stringify(outcome));
  }
}
