/**
 * All states of single nodes that an exploration has met. A node's next state follows from its state and its
 * input alone, so each pair is worked out once, on a real node that is brought there by repeating what led
 * to its state. The states of the whole group, of which there are many more, are made of these.
 */
import { assert } from '@n3x/core/base/assert';
import type { Entry, LogIndex, Message, NodeId, ReadState, Role, Term } from '@n3x/core/raft/types';
import { Violation } from '../world/observer.ts';
import { AS_IT_IS, canonical, type Renaming } from './canonical.ts';
import type { Defect } from './defect.ts';
import { ExploredNode } from './explored-node.ts';
import { Interned, Numbers } from './interning.ts';
import type { NodeInput, OwnInput } from './node-input.ts';
import type { Scenario } from './scenario.ts';

/** What the rules need to know of a node. */
export interface NodeView {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly leader: NodeId;
  readonly committed: LogIndex;
  readonly applied: LogIndex;
  readonly firstIndex: LogIndex;
  readonly isVoter: boolean;
  readonly writes: number;
  /** Position before the first entry. */
  readonly beforeIndex: LogIndex;
  readonly beforeTerm: Term;
  /** Numbers of the entries after it, durable or not; equal numbers are equal entries of the same index and term. */
  readonly log: readonly number[];
  readonly logTerms: readonly Term[];
  readonly durable: {
    readonly term: Term;
    readonly beforeIndex: LogIndex;
    readonly log: readonly number[];
  };
}

/** What an input leads to. */
export interface Transition {
  /** Number of the node's state afterwards. */
  readonly to: number;
  /** Numbers of messages. */
  readonly sent: readonly number[];
  readonly reads: readonly ReadState[];
}

interface NodeState {
  readonly id: NodeId;
  readonly image: unknown;
  readonly view: NodeView;
  /** How it was first reached: by an input, from a state; null at the beginning. */
  readonly from: { readonly state: number; readonly input: NodeInput } | null;
  readonly next: Map<number, Transition | Violation>;
}

/** Real nodes that are kept where they stand, in case that is where the next input is for. */
const KEPT_NODES = 20_000;

/** The states, transitions and messages. */
export class NodeTable {
  readonly messages: Interned<Message>;
  readonly #scenario: Scenario;
  readonly #defect: Defect | undefined;
  readonly #states: Interned<NodeState>;
  readonly #inputs = new Numbers();
  readonly #entries = new Numbers();
  readonly #live = new Map<number, ExploredNode>();
  #replayed = 0;
  #transitions = 0;

  constructor(scenario: Scenario, renamings: readonly Renaming[], defect?: Defect) {
    this.#scenario = scenario;
    this.#defect = defect;
    this.messages = new Interned(renamings, (message) => message);
    this.#states = new Interned(renamings, ({ image }) => image);
  }

  /** States of single nodes, mirror images included. */
  get size(): number {
    return this.#states.size;
  }

  /** Transitions that were worked out, and inputs that had to be repeated for it. */
  get work(): { readonly transitions: number; readonly replayed: number } {
    return { transitions: this.#transitions, replayed: this.#replayed };
  }

  /** The state in which `id` begins. */
  first(id: NodeId): number {
    return this.#add(new ExploredNode(id, this.#scenario, this.#defect), null);
  }

  /** What the rules need to know of a state. */
  view(state: number): NodeView {
    return this.#states.get(state).view;
  }

  /** The number of the mirror image of a state. */
  mirror(renaming: number, state: number): number {
    return this.#states.mirror(renaming, state);
  }

  /** A number for an input that is no message, for {@link take}. */
  input(input: OwnInput): number {
    return -1 - this.#inputs.of(JSON.stringify(input)).id;
  }

  /** A number for an entry: the same for entries of the same index, term and content. */
  entry(entry: Entry): number {
    return this.#entries.of(canonical(entry, AS_IT_IS)).id;
  }

  /** What `input` (with its number `number`) leads to from `state`. Throws a {@link Violation}, each time. */
  take(state: number, number: number, input: () => NodeInput): Transition {
    const from = this.#states.get(state);
    let found = from.next.get(number);
    if (found === undefined) {
      found = this.#work(state, from, input());
      from.next.set(number, found);
    }
    if (found instanceof Violation) throw found;
    return found;
  }

  #work(state: number, from: NodeState, input: NodeInput): Transition | Violation {
    this.#transitions++;
    const node = this.#reach(state, from);
    try {
      const { sent, reads } = node.take(input);
      const to = this.#add(node, { state, input });
      return { to, sent: sent.map((message) => this.messages.add(message)), reads };
    } catch (error) {
      if (error instanceof Violation) return error;
      throw error;
    }
  }

  /** A real node in this state. */
  #reach(state: number, { id, from }: NodeState): ExploredNode {
    const live = this.#live.get(state);
    if (live !== undefined) {
      this.#live.delete(state);
      return live;
    }
    const inputs: NodeInput[] = [];
    for (let step = from; step !== null; step = this.#states.get(step.state).from) inputs.push(step.input);
    const node = new ExploredNode(id, this.#scenario, this.#defect);
    for (const input of inputs.reverse()) node.take(input);
    this.#replayed += inputs.length;
    return node;
  }

  #add(node: ExploredNode, from: NodeState['from']): number {
    const state = this.#states.add({
      id: node.id,
      image: node.image(),
      view: this.#viewOf(node),
      from,
      next: new Map(),
    });
    this.#live.set(state, node);
    if (this.#live.size > KEPT_NODES) {
      const oldest = this.#live.keys().next();
      assert(oldest.done !== true, 'there is an oldest node');
      this.#live.delete(oldest.value);
    }
    return state;
  }

  #viewOf(node: ExploredNode): NodeView {
    const { id, raw, disk, writes } = node;
    const { beforeIndex, beforeTerm, entries } = node.log();
    const { role, leader } = raw.softState;
    const { voters, votersOutgoing } = raw.confState;
    const first = disk.firstIndex();
    const last = disk.lastIndex();
    const stored = last < first ? [] : disk.entries(first, last + 1, Number.POSITIVE_INFINITY);
    return {
      ...{ id, role, leader, writes, beforeIndex, beforeTerm },
      ...{ term: raw.term, committed: raw.committed, applied: raw.applied, firstIndex: raw.firstIndex },
      isVoter: voters.includes(id) || votersOutgoing.includes(id),
      log: entries.map((entry) => this.entry(entry)),
      logTerms: entries.map((entry) => entry.term),
      durable: {
        term: disk.initialState().hardState.term,
        beforeIndex: first - 1,
        log: stored.map((entry) => this.entry(entry)),
      },
    };
  }
}
