/**
 * The world of a script: nodes, one queue of messages under way, and what a script can do with them. The
 * methods are what the commands do; tests may call them directly.
 */
import { describeEntries, describeEvent, describeMessage, describeReady, describeRole } from '@n3x/core/raft/describe';
import { eventLevel } from '@n3x/core/raft/events';
import { EMPTY_CONF_STATE } from '@n3x/core/raft/memory-storage';
import type { RawNode } from '@n3x/core/raft/raw-node';
import {
  LOCAL_APPEND,
  LOCAL_APPLY,
  type LogIndex,
  type Message,
  type MsgStorageAppend,
  type MsgStorageApply,
  type NodeId,
} from '@n3x/core/raft/types';
import { Output } from './output.ts';
import { type NodeOptions, ScriptedNode, type StatePoint } from './scripted-node.ts';

/** A pass of `stabilize` without an end is an endless exchange; no correct one comes near this. */
const MAX_PASSES = 200;

/** To whom messages are delivered, or whose are dropped. */
export interface Recipient {
  readonly id: NodeId;
  readonly drop: boolean;
}

/** Nodes, messages, output. */
export class Environment {
  readonly output = new Output();
  readonly #nodes: ScriptedNode[] = [];
  readonly #contents = new Map<LogIndex, string>();
  #messages: Message[] = [];
  /** Side of each node; nodes on different sides do not hear each other. Empty: no partition. */
  #sides = new Map<NodeId, number>();

  /** Adds `count` nodes with the next ids, from a state that all begin with, or empty without one. */
  addNodes(count: number, options: NodeOptions, base: StatePoint | undefined): void {
    for (let i = 0; i < count; i++) {
      const id = this.#nodes.length + 1;
      const empty: StatePoint = { index: 0, term: 0, confState: EMPTY_CONF_STATE, content: '' };
      const node = new ScriptedNode(id, options, base ?? empty, this.#contents, (event) =>
        this.output.event(eventLevel(event), `${id} ${describeEvent(event)}`),
      );
      this.#nodes.push(node);
    }
  }

  /** Every node that runs. */
  get running(): readonly ScriptedNode[] {
    return this.#nodes.filter((node) => node.raw !== undefined);
  }

  /** Every node. */
  get nodes(): readonly ScriptedNode[] {
    return this.#nodes;
  }

  /** The node `id`. Throws when there is none. */
  node(id: NodeId): ScriptedNode {
    const node = this.#nodes[id - 1];
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }

  /** The RawNode of `id`. Throws when it is down. */
  raw(id: NodeId): RawNode {
    const { raw } = this.node(id);
    if (raw === undefined) throw new Error(`node ${id} is down`);
    return raw;
  }

  /** Handles one Ready: writes, applies, queues messages, advances; in async mode queues the storage's work. */
  processReady(id: NodeId): void {
    const node = this.node(id);
    const raw = this.raw(id);
    const ready = raw.ready();
    const async = node.options.asyncStorageWrites === true;
    this.output.print(describeReady(ready));
    if (!async) {
      node.append(ready);
      node.apply(ready.committedEntries);
    }
    for (const message of ready.messages) {
      if (message.type === 'MsgStorageAppend') node.appendWork.push(message);
      else if (message.type === 'MsgStorageApply') node.applyWork.push(message);
      else this.#messages.push(message);
    }
    if (!async) raw.advance();
  }

  /** Completes one queued write. */
  processAppend(id: NodeId): void {
    const node = this.node(id);
    const work = node.appendWork.shift();
    if (work === undefined) {
      this.output.print('no append work to perform');
      return;
    }
    this.#showWork(work);
    node.append(work);
    this.#messages.push(...work.responses);
  }

  /** Completes one queued apply. */
  processApply(id: NodeId): void {
    const node = this.node(id);
    const work = node.applyWork.shift();
    if (work === undefined) {
      this.output.print('no apply work to perform');
      return;
    }
    this.#showWork(work);
    node.apply(work.entries);
    this.#messages.push(...work.responses);
  }

  #showWork(work: MsgStorageAppend | MsgStorageApply): void {
    this.output.print('Processing:');
    this.output.print(describeMessage({ ...work, responses: [] }));
    this.output.print('Responses:');
    for (const response of work.responses) this.output.print(describeMessage(response));
  }

  /** Puts a message under way. */
  post(message: Message): void {
    this.#messages.push(message);
  }

  /** Delivers or drops what is under way to each recipient, in order. Returns how many messages that were. */
  deliver(recipients: readonly Recipient[], type?: Message['type']): number {
    let count = 0;
    for (const { id, drop } of recipients) {
      for (const message of this.#takeMessages(id, drop, type)) {
        count++;
        const lost = drop || (!isLocal(message) && (this.#cut(message) || this.#nodes[id - 1]?.raw === undefined));
        this.output.print(`${lost ? 'dropped: ' : ''}${describeMessage(message)}`);
        if (lost) continue;
        this.#step(message);
      }
    }
    return count;
  }

  /** What is under way, oldest first. */
  get underWay(): readonly Message[] {
    return this.#messages;
  }

  /** Delivers one message that is under way; with `keep` it stays under way, with `lost` it is only taken away. */
  deliverOne(message: Message, { keep, lost }: { readonly keep: boolean; readonly lost: boolean }): void {
    if (!keep) this.#messages = this.#messages.filter((other) => other !== message);
    if (!lost) this.#step(message);
  }

  #step(message: Message): void {
    const result = this.raw(message.to).step(message);
    if (result.status !== 'stepped') this.output.print(`${result.status}: ${result.reason}`);
  }

  /**
   * Does all that node `id` may do by itself: hands out its Readys, steps what it has for itself, applies, and
   * completes writes at the front of its queue that promise nothing; with `writes` all of them.
   */
  flush(id: NodeId, writes: boolean): void {
    for (let pass = 0; this.#flushPass(id, writes); pass++) {
      if (pass >= MAX_PASSES) throw new Error(`not flushed after ${MAX_PASSES} passes`);
    }
  }

  #flushPass(id: NodeId, writes: boolean): boolean {
    const node = this.node(id);
    const append = node.appendWork[0];
    const own = this.#messages.find((message) => message.to === id && isLocal(message));
    if (own !== undefined) this.deliverOne(own, { keep: false, lost: false });
    else if (append !== undefined && promisesNothing(append, node)) this.processAppend(id);
    else if (node.applyWork.length > 0) this.processApply(id);
    else if (this.raw(id).hasReady()) this.processReady(id);
    else if (append !== undefined && writes) this.processAppend(id);
    else return false;
    return true;
  }

  #takeMessages(id: NodeId, drop: boolean, type: Message['type'] | undefined): Message[] {
    const wanted = (m: Message): boolean =>
      m.to === id && !(drop && isLocal(m)) && (type === undefined || m.type === type);
    const taken = this.#messages.filter(wanted);
    this.#messages = this.#messages.filter((message) => !wanted(message));
    return taken;
  }

  #cut(message: Message): boolean {
    return this.#sides.get(message.from) !== this.#sides.get(message.to);
  }

  /** Handles Readys, messages and storage work of the nodes `ids` until nothing is left to do. */
  stabilize(ids: readonly NodeId[]): void {
    for (let pass = 0; this.#stabilizePass(ids); pass++) {
      if (pass >= MAX_PASSES) throw new Error(`not stable after ${MAX_PASSES} passes`);
    }
  }

  #stabilizePass(ids: readonly NodeId[]): boolean {
    let busy = false;
    const section = (title: string, work: () => void): void => {
      busy = true;
      this.output.print(title);
      this.output.nested(work);
    };
    for (const id of ids) {
      if (this.node(id).raw?.hasReady()) section(`> ${id} handling Ready`, () => this.processReady(id));
    }
    for (const id of ids) {
      if (this.#messages.some((message) => message.to === id)) {
        section(`> ${id} receiving messages`, () => this.deliver([{ id, drop: false }]));
      }
    }
    for (const id of ids) {
      const node = this.node(id);
      if (node.appendWork.length === 0) continue;
      section(`> ${id} processing append thread`, () => {
        while (node.appendWork.length > 0) this.processAppend(id);
      });
    }
    for (const id of ids) {
      const node = this.node(id);
      if (node.applyWork.length === 0) continue;
      section(`> ${id} processing apply thread`, () => {
        while (node.applyWork.length > 0) this.processApply(id);
      });
    }
    return busy;
  }

  /** Shows the durable log. */
  showLog(id: NodeId): void {
    const { storage } = this.node(id);
    const first = storage.firstIndex();
    const last = storage.lastIndex();
    if (last < first) this.output.print(`log is empty: first index=${first}, last index=${last}`);
    else this.output.print(describeEntries(storage.entries(first, last + 1, Number.POSITIVE_INFINITY)));
  }

  /** Shows role, membership, term and leader of every node. */
  showState(): void {
    for (const { id, raw } of this.#nodes) {
      if (raw === undefined) {
        this.output.print(`${id}: down`);
        continue;
      }
      const { leader, role } = raw.softState;
      const { voters, votersOutgoing } = raw.confState;
      const votes = voters.includes(id) || votersOutgoing.includes(id) ? 'Voter' : 'Non-Voter';
      this.output.print(`${id}: ${describeRole(role)} (${votes}) Term:${raw.term} Lead:${leader}`);
    }
  }

  /** Stops a node at once. With `loseUnsynced` the writes that are queued never happen, else they still do. */
  crash(id: NodeId, loseUnsynced: boolean): void {
    const node = this.node(id);
    this.raw(id);
    if (!loseUnsynced) for (const work of node.appendWork) node.append(work);
    node.appendWork = [];
    node.applyWork = [];
    node.raw = undefined;
    // What the storage still had to tell the node, and what the node had to tell itself, is gone.
    this.#messages = this.#messages.filter((message) => message.to !== id || !isLocal(message));
  }

  /** Starts a node that was stopped. */
  restart(id: NodeId): void {
    const node = this.node(id);
    if (node.raw !== undefined) throw new Error(`node ${id} is running`);
    node.start();
  }

  /** Cuts the nodes apart; those in no group form one more. */
  partition(groups: readonly (readonly NodeId[])[]): void {
    this.#sides = new Map(groups.flatMap((ids, side) => ids.map((id) => [id, side] as const)));
  }

  /** Lets everybody hear everybody again. */
  heal(): void {
    this.#sides = new Map();
  }
}

/** Whether a write holds nothing that has to survive: no entries, and the term and vote that are on disk. */
function promisesNothing({ entries, snapshot, hardState }: MsgStorageAppend, { storage }: ScriptedNode): boolean {
  const { term, vote } = storage.initialState().hardState;
  const same = hardState === undefined || (hardState.term === term && hardState.vote === vote);
  return entries.length === 0 && snapshot === undefined && same;
}

/** Whether a message stays inside its node. */
function isLocal(message: Message): boolean {
  const { from, to } = message;
  return from === to || [from, to].some((id) => id === LOCAL_APPEND || id === LOCAL_APPLY);
}
