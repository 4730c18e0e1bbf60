/**
 * A small Raft group under random faults, for tests: messages are reordered, duplicated and lost, writes
 * complete late or never, nodes crash with what was not written. Checkers watch from outside and throw.
 */
import { SeededRandom } from '@n3x/core/base/random';
import { confChange, parseChanges } from '@n3x/core/raft/confchange/describe';
import type { RaftOptions } from '@n3x/core/raft/config';
import { describeEntry } from '@n3x/core/raft/describe';
import { MemoryStorage } from '@n3x/core/raft/memory-storage';
import { RawNode } from '@n3x/core/raft/raw-node';
import type { Entry, Message, MsgStorageAppend, MsgStorageApply, Ready } from '@n3x/core/raft/types';
import { DriftingClocks } from './drifting-clocks.ts';

/** A defect planted between a node and the world, to show that the checkers see it. */
export type PlantedBug =
  | 'votesTwice'
  | 'forgetsVote'
  | 'answersBeforeWriting'
  | 'commitsAlone'
  /** A node that was stopped goes by the time it was told before. */
  | 'staleClock';

/** What a run is made of. */
export interface RunOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly steps: number;
  readonly async: boolean;
  readonly raft?: Partial<RaftOptions>;
  readonly bug?: PlantedBug;
  /**
   * Nodes are told the time by clocks whose rates differ from the true one by up to this part, and are stopped
   * now and then.
   */
  readonly drift?: number;
  /** Propose membership changes as well. */
  readonly reconfigure?: boolean;
}

/** A broken safety property, by its name in the Raft paper (figure 3). */
export class SafetyViolation extends Error {}

interface Member {
  readonly id: number;
  readonly disk: MemoryStorage;
  raw: RawNode | undefined;
  applied: number;
  appends: MsgStorageAppend[];
  applies: MsgStorageApply[];
  checkedCommit: number;
}

const ENCODER = new TextEncoder();

/** The group and its world. */
export class RandomCluster {
  readonly #options: RunOptions;
  readonly #random: SeededRandom;
  readonly #members: Member[] = [];
  readonly #clocks: DriftingClocks | undefined;
  /** Nodes that were stopped and have not gone on yet. */
  readonly #stopped = new Set<number>();
  #network: Message[] = [];
  #cutOff = 0;
  #proposals = 0;
  readonly #leaderOfTerm = new Map<number, number>();
  readonly #committed = new Map<number, number>();
  readonly #appliedEntries = new Map<number, string>();
  /** Commit index known anywhere when a read was asked for, by its context. */
  readonly #reads = new Map<string, number>();
  maxCommitted = 0;
  servedReads = 0;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    const ids = Array.from({ length: options.nodes }, (_, i) => i + 1);
    const confState = { voters: ids, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    for (const id of ids) {
      const disk = new MemoryStorage({ index: 1, term: 1, confState });
      disk.setHardState({ term: 1, vote: 0, commit: 1 });
      this.#members.push({ id, disk, raw: undefined, applied: 1, appends: [], applies: [], checkedCommit: 1 });
    }
    if (options.drift !== undefined) this.#clocks = new DriftingClocks(this.#random.fork('clocks'), ids, options.drift);
    for (const member of this.#members) this.#start(member);
  }

  #start(member: Member): void {
    const { bug } = this.#options;
    const { hardState } = member.disk.initialState();
    if (bug === 'forgetsVote') member.disk.setHardState({ ...hardState, vote: 0 });
    member.checkedCommit = Math.min(member.checkedCommit, member.applied);
    member.raw = new RawNode({
      electionTick: 5,
      maxInflightMsgs: 4,
      maxSizePerMsg: 30,
      maxCommittedSizePerReady: 50,
      ...this.#options.raft,
      id: member.id,
      storage: member.disk,
      random: this.#random.fork(`node ${member.id}`),
      applied: member.applied,
      asyncStorageWrites: this.#options.async,
    });
  }

  /** Random steps with faults, then a calm time in which everybody has to agree. */
  run(): void {
    for (let i = 0; i < this.#options.steps; i++) {
      this.#randomStep();
      this.#check();
    }
    this.#calm();
  }

  /** So many random steps, for tests that look at what is on the disks afterwards. */
  runSteps(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#randomStep();
      this.#check();
    }
  }

  /** What each node's disk holds, as of its last write. */
  get disks(): readonly { readonly id: number; readonly disk: MemoryStorage; readonly applied: number }[] {
    return this.#members.map(({ id, disk, applied }) => ({ id, disk, applied }));
  }

  /** Terms of the entries that some node has known to be committed, by index. */
  get committed(): ReadonlyMap<number, number> {
    return this.#committed;
  }

  #randomStep(): void {
    const member = this.#members[this.#random.below(this.#members.length)];
    if (member === undefined) return;
    if (this.#clocks !== undefined) {
      this.#passTime(this.#clocks);
      if (this.#clocks.stopped(member.id)) return;
      this.#tellTime(member);
    }
    const dice = this.#random.below(1000);
    if (dice < 450) this.#deliverOne();
    else if (dice < 780) this.#handleReady(member);
    else if (dice < 860) this.#finishWrite(member);
    else if (dice < 900) this.#finishApply(member);
    else if (dice < 912) this.#tick(member);
    else if (dice < 955) this.#propose(member);
    else if (dice < 972) this.#read(member);
    else if (dice < 973) this.#crash(member);
    else if (dice < 975) this.#deliverOne();
    else if (dice < 985 && member.raw === undefined) this.#start(member);
    else if (dice < 987) this.#cut();
    else if (dice < 993) this.#heal();
    else if (dice < 996) this.#compact(member);
    else if (this.#options.reconfigure) this.#reconfigure(member);
  }

  #tick(member: Member): void {
    const clocks = this.#clocks;
    if (clocks === undefined) member.raw?.tick();
    else if (this.#random.below(10) === 0) this.#stop(clocks, member);
    else if (this.#random.below(20) === 0) member.raw?.transferLeader(1 + this.#random.below(this.#members.length));
    else for (const each of this.#members) if (each.raw?.softState.role === 'leader') this.#read(each);
  }

  /** Stops a node, more often than not a leader: it has the most to be wrong about when it goes on. */
  #stop(clocks: DriftingClocks, member: Member): void {
    const leader = this.#members.find((each) => each.raw?.softState.role === 'leader');
    const { id } = (this.#random.below(3) > 0 && leader) || member;
    clocks.stop(id, 60);
    this.#stopped.add(id);
  }

  #passTime(clocks: DriftingClocks, most = 0.03, inTime = false): void {
    const due = clocks.pass(most, inTime);
    for (const id of this.#stopped) {
      const member = this.#members[id - 1];
      if (member === undefined || clocks.stopped(id)) continue;
      this.#stopped.delete(id);
      // A client's request may be what it finds first.
      this.#read(member);
      this.#handleReady(member);
    }
    for (const [id, ticks] of due) {
      const member = this.#members[id - 1];
      // Messages that waited meanwhile come first or afterwards, as it happens.
      for (let i = 0; i < ticks; i++) member?.raw?.tick();
      if (ticks > 0 && member !== undefined) this.#tellTime(member, this.#options.bug === 'staleClock');
    }
  }

  #tellTime(member: Member, always = this.#options.bug !== 'staleClock'): void {
    if (this.#clocks !== undefined && always) member.raw?.setClock(this.#clocks.now(member.id));
  }

  /** Partitions are fewer and last longer where they have to outlast a lease. */
  #cut(): void {
    if (this.#clocks === undefined || this.#random.below(6) === 0)
      this.#cutOff = this.#random.below(1 << this.#members.length);
  }

  #heal(): void {
    if (this.#clocks === undefined || this.#random.below(8) === 0) this.#cutOff = 0;
  }

  #deliverOne(): void {
    if (this.#network.length === 0) return;
    const at = this.#random.below(this.#network.length);
    const [message] = this.#network.splice(at, 1);
    if (message === undefined) return;
    if (this.#clocks?.stopped(message.to)) {
      this.#network.push(message);
      return;
    }
    const local = message.from < 0 || message.from === message.to;
    if (!local) {
      const fate = this.#random.below(100);
      if (fate < 5 || this.#separated(message.from, message.to)) {
        this.#reportSnapshot(message, false);
        return;
      }
      if (fate < 10) this.#network.push(message);
    }
    this.#step(message);
  }

  #step(message: Message): void {
    const target = this.#members[message.to - 1];
    if (target !== undefined) this.#tellTime(target);
    target?.raw?.step(message);
    this.#reportSnapshot(message, target?.raw !== undefined);
  }

  /** Whoever carries snapshots tells the leader what became of each. */
  #reportSnapshot(message: Message, ok: boolean): void {
    if (message.type === 'MsgSnap') this.#members[message.from - 1]?.raw?.reportSnapshot(message.to, ok);
  }

  #separated(a: number, b: number): boolean {
    return ((this.#cutOff >> a) & 1) !== ((this.#cutOff >> b) & 1);
  }

  #handleReady(member: Member): void {
    const { raw } = member;
    if (raw === undefined || !raw.hasReady()) return;
    const ready = raw.ready();
    for (const { context, index } of ready.readStates) {
      this.servedReads++;
      const known = this.#reads.get(context) ?? 0;
      if (index < known) throw new SafetyViolation(`stale read: ${index} after ${known} was committed`);
    }
    if (this.#options.async) this.#queue(member, ready);
    else this.#handleSync(member, raw, ready);
  }

  #handleSync(member: Member, raw: RawNode, ready: Ready): void {
    // The power may fail before the write, or between the write and everything after it.
    const fate = this.#random.below(200);
    if (fate > 0) this.#write(member, ready);
    if (fate <= 1) {
      this.#crash(member);
      return;
    }
    for (const message of ready.messages) this.#send(message);
    this.#apply(member, ready.committedEntries);
    raw.advance();
  }

  #queue(member: Member, ready: Ready): void {
    for (const message of ready.messages) {
      if (message.type === 'MsgStorageApply') {
        member.applies.push(message);
      } else if (message.type === 'MsgStorageAppend') {
        const early = this.#options.bug === 'answersBeforeWriting';
        member.appends.push(early ? { ...message, responses: [] } : message);
        if (early) for (const response of message.responses) this.#send(response);
      } else {
        this.#send(message);
      }
    }
  }

  #send(message: Message): void {
    if (this.#options.bug === 'votesTwice' && message.type === 'MsgVoteResp') {
      this.#network.push({ ...message, reject: false });
    } else if (this.#options.bug === 'commitsAlone' && message.type === 'MsgAppResp' && message.from !== message.to) {
      this.#network.push({ ...message, index: message.index + 1, reject: false });
    } else {
      this.#network.push(message);
    }
  }

  #write(member: Member, work: Pick<Ready, 'hardState' | 'entries' | 'snapshot'>): void {
    if (work.hardState !== undefined) member.disk.setHardState(work.hardState);
    if (work.snapshot !== undefined) {
      member.disk.applySnapshot(work.snapshot);
      member.applied = work.snapshot.index;
    }
    member.disk.append(work.entries);
  }

  #finishWrite(member: Member): void {
    const work = member.appends.shift();
    if (work === undefined) return;
    this.#write(member, work);
    for (const response of work.responses) this.#send(response);
  }

  #finishApply(member: Member): void {
    const work = member.applies.shift();
    if (work === undefined) return;
    this.#apply(member, work.entries);
    for (const response of work.responses) this.#send(response);
  }

  #apply(member: Member, entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.index <= member.applied) continue;
      const text = describeEntry(entry);
      const known = this.#appliedEntries.get(entry.index);
      if (known !== undefined && known !== text) {
        throw new SafetyViolation(`state machine safety: '${known}' and '${text}' at ${entry.index}`);
      }
      this.#appliedEntries.set(entry.index, text);
      if (entry.index !== member.applied + 1) throw new SafetyViolation(`a gap before ${entry.index}`);
      member.applied = entry.index;
      if (entry.type === 'confChange' && member.raw !== undefined) {
        member.disk.setConfState(member.raw.applyConfChange(entry.change, entry.index).confState);
      }
    }
  }

  #propose(member: Member): void {
    member.raw?.propose(ENCODER.encode(`p${this.#proposals++}`));
  }

  #read(member: Member): void {
    if (this.#clocks?.stopped(member.id)) return;
    this.#tellTime(member);
    const context = `r${this.#reads.size}`;
    this.#reads.set(context, this.maxCommitted);
    member.raw?.readIndex(context);
  }

  #reconfigure(member: Member): void {
    const pick = (): string =>
      `${['v', 'l', 'r'][this.#random.below(3)]}${1 + this.#random.below(this.#members.length)}`;
    const changes = Array.from({ length: this.#random.below(3) }, pick).join(' ');
    const transition = (['auto', 'implicit', 'explicit'] as const)[this.#random.below(3)] ?? 'auto';
    member.raw?.proposeConfChange(confChange(parseChanges(changes), transition));
  }

  #crash(member: Member): void {
    member.raw = undefined;
    member.appends = [];
    member.applies = [];
    this.#network = this.#network.filter((m) => !(m.to === member.id && (m.from < 0 || m.from === m.to)));
  }

  #compact(member: Member): void {
    if (member.applied <= member.disk.snapshot().index || member.applied > member.disk.lastIndex()) return;
    member.disk.createSnapshot(member.applied, member.disk.initialState().confState);
    if (member.applied >= member.disk.firstIndex()) member.disk.compact(member.applied);
  }

  #check(): void {
    for (const member of this.#members) {
      const { raw } = member;
      if (raw === undefined) continue;
      if (raw.softState.role === 'leader') this.#checkLeader(member, raw);
      for (let index = member.checkedCommit + 1; index <= raw.committed; index++) {
        const term = raw.termAt(index);
        if (term === undefined) continue;
        const known = this.#committed.get(index);
        if (known !== undefined && known !== term) {
          throw new SafetyViolation(`two committed entries at ${index}: of terms ${known} and ${term}`);
        }
        this.#committed.set(index, term);
      }
      member.checkedCommit = Math.max(member.checkedCommit, raw.committed);
      this.maxCommitted = Math.max(this.maxCommitted, raw.committed);
    }
  }

  #checkLeader(member: Member, raw: RawNode): void {
    const known = this.#leaderOfTerm.get(raw.term);
    if (known === member.id) return;
    if (known !== undefined) throw new SafetyViolation(`election safety: ${known} and ${member.id} lead ${raw.term}`);
    this.#leaderOfTerm.set(raw.term, member.id);
    for (const [index, term] of this.#committed) {
      if (index < raw.firstIndex || term >= raw.term) continue;
      if (raw.termAt(index) !== term) {
        throw new SafetyViolation(`leader completeness: ${member.id} leads ${raw.term} without ${term}/${index}`);
      }
    }
  }

  /** Log matching over what is on the disks: same index and term, same entry, and the same before it. */
  #checkLogs(): void {
    for (const a of this.#members) {
      for (const b of this.#members) {
        if (a.id >= b.id) continue;
        const first = Math.max(a.disk.firstIndex(), b.disk.firstIndex());
        let same = false;
        for (let i = Math.min(a.disk.lastIndex(), b.disk.lastIndex()); i >= first; i--) {
          const [x] = a.disk.entries(i, i + 1, 0).map(describeEntry);
          const [y] = b.disk.entries(i, i + 1, 0).map(describeEntry);
          if (same && x !== y) throw new SafetyViolation(`log matching: ${a.id} has '${x}', ${b.id} has '${y}'`);
          if (a.disk.term(i) === b.disk.term(i) && x !== y) throw new SafetyViolation(`log matching: '${x}', '${y}'`);
          same ||= x === y;
        }
      }
    }
  }

  #calm(): void {
    this.#cutOff = 0;
    for (const member of this.#members) if (member.raw === undefined) this.#start(member);
    this.#clocks?.goOn();
    for (let round = 0; round < 400; round++) {
      if (this.#clocks !== undefined) this.#passTime(this.#clocks, 2, true);
      else for (const member of this.#members) member.raw?.tick();
      for (let i = 0; i < 20; i++) {
        for (const member of this.#members) {
          if (member.raw?.hasReady()) this.#calmReady(member);
          while (member.appends.length > 0) this.#finishWrite(member);
          while (member.applies.length > 0) this.#finishApply(member);
        }
        for (const message of this.#network.splice(0)) this.#step(message);
        this.#check();
      }
      if (round % 20 === 0) for (const member of this.#members) this.#propose(member);
    }
    this.#checkLogs();
    const leader = this.#members.find((member) => member.raw?.softState.role === 'leader');
    if (leader?.raw === undefined) throw new Error('no leader in a calm time');
    const { voters, learners } = leader.raw.confState;
    for (const id of [...voters, ...learners]) {
      const behind = this.#members[id - 1];
      if (behind?.applied !== leader.applied) {
        throw new Error(`${id} has applied ${behind?.applied}, the leader ${leader.applied}`);
      }
    }
  }

  #calmReady(member: Member): void {
    const { raw } = member;
    if (raw === undefined) return;
    const ready = raw.ready();
    if (this.#options.async) {
      this.#queue(member, ready);
      return;
    }
    this.#write(member, ready);
    for (const message of ready.messages) this.#send(message);
    this.#apply(member, ready.committedEntries);
    raw.advance();
  }
}
