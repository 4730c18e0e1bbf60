/**
 * A leader, the real loop, with any number of hosts that only answer it: what an idle cluster costs its leader. Messages are
 * encoded and decoded as on the wire; sockets, encryption and disks are not part of it, time is virtual.
 */
import { SeededRandom } from '@n3x/core/base/random';
import { HostLoop } from '@n3x/core/loop/host-loop';
import { DEFAULT_LOOP_OPTIONS } from '@n3x/core/loop/options';
import { applyConfState } from '@n3x/core/machine/apply';
import { SampleCluster } from '@n3x/core/machine/sample';
import type { StorageWrite } from '@n3x/core/ports/storage';
import type { Message } from '@n3x/core/raft/types';
import { decodePeerMessage, encodePeerMessage } from '@n3x/core/wire/codec';
import { FRAME_HEADER_BYTES } from '@n3x/core/wire/frame';
import type { PeerMessage } from '@n3x/core/wire/peer-message';

const LEADER = 1;
const VOTERS = [LEADER, 2, 3];
/** How often a host renews its lease at default settings, in ms. */
const RENEW_MS = 1_500;

/** What some time came to. */
export interface IdleCost {
  /** Processor time of the leader's loop, in ms. */
  readonly cpuMs: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly sentMessages: number;
  readonly receivedMessages: number;
}

/** The leader and those that answer it. */
export class SimulatedHosts {
  readonly #loop: HostLoop;
  readonly #writes: StorageWrite[] = [];
  readonly #outbox: { readonly to: number; readonly bytes: Uint8Array; readonly message: PeerMessage }[] = [];
  readonly #hosts: number;
  #nowMs = 0;
  /** The host that renews its lease next: they do so one after the other, and each comes by itself. */
  #renewing = 2;
  #renewed = 0;
  #cpuMs = 0;
  #sentBytes = 0;
  #receivedBytes = 0;
  #sentMessages = 0;
  #receivedMessages = 0;

  /** `hosts` in all, three of them voting. */
  constructor(hosts: number) {
    this.#hosts = hosts;
    const cluster = new SampleCluster();
    for (let id = 2; id <= hosts; id++) cluster.join(`n${id}`, { settings: { role: id <= 3 ? 'server' : 'agent' } });
    const { state } = cluster;
    const learners = Array.from({ length: hosts - 3 }, (_, i) => i + 4);
    const confState = { voters: VOTERS, votersOutgoing: [], learners, learnersNext: [], autoLeave: false };
    applyConfState(state, state.index + 1, confState);
    const position = { index: state.index, term: 1 };
    const random = new SeededRandom(1);
    this.#loop = new HostLoop(
      { ...DEFAULT_LOOP_OPTIONS, hostId: LEADER, bootId: 'boot', bootstrapPeers: [] },
      {
        storage: { write: (write) => void this.#writes.push(write) },
        transport: { send: (to, message) => this.#send(to, message), setPeers: () => undefined },
        volumes: { perform: () => undefined },
        driver: { perform: () => undefined, watch: () => undefined },
        fence: { arm: () => undefined },
        client: {
          commandDone: () => undefined,
          readDone: () => undefined,
          changed: () => undefined,
          reset: () => undefined,
        },
        journal: {
          log: () => undefined,
          fatal: (event) => {
            throw new Error(event);
          },
        },
        random,
      },
      {
        hardState: { term: 1, vote: 0, commit: position.index },
        compacted: position,
        entries: [],
        applied: { ...position, confState },
        records: new Map(state.records()),
      },
    );
    for (let id = 2; id <= hosts; id++) this.#loop.handle({ type: 'peer', id, connected: true });
    for (let waited = 0; this.#loop.status.role !== 'leader'; waited += 1) {
      if (waited > 1_000) throw new Error('it does not come to lead');
      this.#tick();
    }
  }

  /** Lets so many virtual ms pass. */
  run(ms: number): IdleCost {
    this.#cpuMs = 0;
    this.#sentBytes = 0;
    this.#receivedBytes = 0;
    this.#sentMessages = 0;
    this.#receivedMessages = 0;
    for (const end = this.#nowMs + ms; this.#nowMs < end; ) this.#tick();
    if (this.#loop.status.role !== 'leader') throw new Error('it lost its office');
    return {
      cpuMs: this.#cpuMs,
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
      sentMessages: this.#sentMessages,
      receivedMessages: this.#receivedMessages,
    };
  }

  #send(to: number, message: PeerMessage): void {
    const bytes = encodePeerMessage(message);
    this.#sentBytes += bytes.length + FRAME_HEADER_BYTES;
    this.#sentMessages += 1;
    this.#outbox.push({ to, bytes, message });
  }

  #tick(): void {
    this.#nowMs += DEFAULT_LOOP_OPTIONS.tickMs;
    this.#measured(() => {
      this.#loop.clock(this.#nowMs);
      this.#loop.handle({ type: 'tick', nowMs: this.#nowMs, wallMs: this.#nowMs });
      this.#settleOwn();
    });
    this.#deliverAll();
    if (this.#loop.status.role !== 'leader') return;
    for (const due = (this.#nowMs / RENEW_MS) * (this.#hosts - 1); this.#renewed < due; this.#renewed++) {
      const bytes = encodePeerMessage({ type: 'leaseRenew', bootId: 'boot', sequence: this.#renewed });
      this.#receive([{ from: this.#renewing, bytes }]);
      this.#deliverAll();
      this.#renewing = this.#renewing === this.#hosts ? 2 : this.#renewing + 1;
    }
  }

  #deliverAll(): void {
    // Until nobody has anything more to say.
    for (let turn = 0; this.#outbox.length > 0; turn++) {
      if (turn > 1_000) throw new Error('the hosts never fall silent');
      const answers = this.#outbox.splice(0).flatMap(({ to, message }) => this.#answer(to, message));
      this.#receive(answers);
    }
  }

  #receive(messages: readonly { readonly from: number; readonly bytes: Uint8Array }[]): void {
    this.#measured(() => {
      for (const { from, bytes } of messages) {
        this.#receivedBytes += bytes.length + FRAME_HEADER_BYTES;
        this.#receivedMessages += 1;
        this.#loop.clock(this.#nowMs);
        this.#loop.handle({ type: 'received', from, message: decodePeerMessage(bytes) });
      }
      this.#settleOwn();
    });
  }

  /** Flushes and finishes writes, at once, until the leader has nothing left to do by itself. */
  #settleOwn(): void {
    do {
      this.#loop.flush();
      for (const { token } of this.#writes.splice(0)) {
        this.#loop.handle({ type: 'stored', token, outcome: { ok: true } });
      }
      if (this.#loop.wakeMs !== null) this.#loop.handle({ type: 'wake' });
      this.#loop.flush();
    } while (this.#writes.length > 0 || this.#loop.wakeMs !== null);
  }

  #measured(work: () => void): void {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    this.#cpuMs += (user + system) / 1_000;
  }

  /** What a follower that has nothing of its own to do says to a message. */
  #answer(id: number, message: PeerMessage): { readonly from: number; readonly bytes: Uint8Array }[] {
    const answer = message.type === 'raft' ? raftAnswer(id, message.message) : undefined;
    return answer === undefined ? [] : [{ from: id, bytes: encodePeerMessage({ type: 'raft', message: answer }) }];
  }
}

function raftAnswer(id: number, message: Message): Message | undefined {
  const base = { from: id, to: message.from, term: message.term } as const;
  switch (message.type) {
    case 'MsgPreVote':
      return { ...base, type: 'MsgPreVoteResp', reject: false };
    case 'MsgVote':
      return { ...base, type: 'MsgVoteResp', reject: false };
    case 'MsgHeartbeat':
      return { ...base, type: 'MsgHeartbeatResp', context: message.context };
    case 'MsgApp':
      return {
        ...base,
        type: 'MsgAppResp',
        index: message.index + message.entries.length,
        reject: false,
        rejectHint: 0,
        logTerm: 0,
      };
    default:
      return undefined;
  }
}
