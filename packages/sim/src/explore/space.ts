/**
 * The states of a group and the steps between them. A state is a row of small numbers: one per node, one for
 * the ledger, one for what is left of the budgets, then the messages under way, ascending.
 */
import { assert } from '@n3x/core/base/assert';
import type { Message, NodeId } from '@n3x/core/raft/types';
import { Violation } from '../world/observer.ts';
import { type Renaming, renamings } from './canonical.ts';
import type { Defect } from './defect.ts';
import { Interned } from './interning.ts';
import { EMPTY_LEDGER, type Ledger, Rules } from './ledger.ts';
import { changeOf, type OwnInput, type Step } from './node-input.ts';
import { NodeTable, type NodeView } from './node-table.ts';
import { BUDGET_MAX, BUDGETS, type Budget, firstState, type Scenario } from './scenario.ts';

/** A state. */
export type Row = number[];

/** A step that is possible, with the numbers it goes by. */
export interface Choice {
  readonly step: Step;
  /** Number of the node's input. */
  readonly input: number;
  readonly budget: Budget | null;
  /** Number of the message that is under way no more; -1 for none. */
  readonly gone: number;
}

/** What a step leads to. */
export interface Outcome {
  readonly choice: Choice;
  /** The next state, or the rule that the step breaks. */
  readonly next: Row | Violation;
}

const BUDGET_BITS = 3;
/** Steps that the beginning may take until everything has settled. */
const SETTLING_STEPS = 1_000;

/** All that can happen in a scenario. */
export class Space {
  readonly scenario: Scenario;
  readonly table: NodeTable;
  readonly #renamings: readonly Renaming[];
  readonly #ledgers: Interned<Ledger>;
  readonly #rules: Rules;
  readonly #opening: Step[] = [];
  /** Steps that were left out because too many messages would have been under way. */
  cut = 0;

  /** `symmetry` takes states that differ only by the names of nodes for one. */
  constructor(scenario: Scenario, options: { readonly defect?: Defect | undefined; readonly symmetry?: boolean } = {}) {
    this.scenario = scenario;
    const { nodes, voters, changes, budgets, opening } = scenario;
    for (const kind of BUDGETS) assert(budgets[kind] <= BUDGET_MAX, `at most ${BUDGET_MAX} ${kind}`);
    const named =
      budgets.changes === 0 ? [] : changes.flatMap((text) => changeOf(text).changes.map(({ node }) => node));
    const all = renamings(nodes, new Set(named));
    this.#renamings = options.symmetry === false ? all.slice(0, 1) : all;
    this.table = new NodeTable(scenario, this.#renamings, options.defect);
    this.#ledgers = new Interned(this.#renamings, (ledger) => ledger);
    const isStatic = budgets.changes === 0 && !opening.some((text) => text.startsWith('change'));
    const majority = isStatic ? Math.floor(voters.length / 2) + 1 : null;
    this.#rules = new Rules(firstState(scenario).index, majority);
  }

  /** The steps that were taken to the first state. */
  get opening(): readonly Step[] {
    return this.#opening;
  }

  /** The state in which an exploration begins. Throws a {@link Violation} when a rule is broken on the way. */
  first(): Row {
    const { nodes, budgets, opening } = this.scenario;
    const left = BUDGETS.reduce((sum, kind, at) => sum + (budgets[kind] << (at * BUDGET_BITS)), 0);
    const ids = Array.from({ length: nodes }, (_, i) => i + 1);
    let row: Row = [...ids.map((id) => this.table.first(id)), this.#ledgers.add(EMPTY_LEDGER), left];
    for (const text of opening) {
      row = this.#open(
        row,
        openingStep(text, (node, input) => this.#own(node, input, null)),
      );
      row = this.#settle(row);
    }
    return row;
  }

  #settle(row: Row): Row {
    for (let count = 0; count < SETTLING_STEPS; count++) {
      const choice = this.#settling(row);
      if (choice === undefined) return row;
      row = this.#open(row, choice);
    }
    throw new Error(`scenario ${this.scenario.name} does not settle`);
  }

  #open(row: Row, choice: Choice): Row {
    this.#opening.push(choice.step);
    const next = this.#apply(row, this.views(row), choice, true);
    if (next instanceof Violation) throw next;
    assert(next !== undefined, 'the beginning has no bounds');
    return next;
  }

  /** The oldest write, or else any message. */
  #settling(row: Row): Choice | undefined {
    for (const { id, writes } of this.views(row)) if (writes > 0) return this.#own(id, { type: 'store' }, null);
    const number = row[this.scenario.nodes + 2];
    return number === undefined ? undefined : this.#delivery(number, false);
  }

  #own(node: number, input: OwnInput, budget: Budget | null): Choice {
    return { step: { node, input, keep: false, lost: null }, input: this.table.input(input), budget, gone: -1 };
  }

  #delivery(number: number, keep: boolean): Choice {
    const message = this.table.messages.get(number);
    return {
      step: { node: message.to, input: { type: 'message', message }, keep, lost: null },
      // Numbers of messages are not below zero, those of all else are.
      input: number,
      budget: keep ? 'duplicates' : null,
      gone: keep ? -1 : number,
    };
  }

  #loss(number: number): Choice {
    const lost = this.table.messages.get(number);
    const input: OwnInput = { type: lost.type === 'MsgSnap' ? 'snapshotLost' : 'unreachable', peer: lost.to };
    const step = { node: lost.from, input, keep: false, lost };
    return { step, input: this.table.input(input), budget: 'drops', gone: number };
  }

  /** The nodes of a state. */
  views(row: Row): NodeView[] {
    return row.slice(0, this.scenario.nodes).map((state) => this.table.view(state));
  }

  /** The messages under way. */
  underWay(row: Row): Message[] {
    return row.slice(this.scenario.nodes + 2).map((number) => this.table.messages.get(number));
  }

  /** Every step from a state that leads elsewhere. */
  *steps(row: Row): Generator<Outcome> {
    const views = this.views(row);
    for (const choice of this.#choices(row, views)) {
      const next = this.#apply(row, views, choice, false);
      if (next !== undefined) yield { choice, next };
    }
  }

  *#choices(row: Row, views: readonly NodeView[]): Generator<Choice> {
    const { nodes } = this.scenario;
    for (const view of views) {
      for (const [input, budget] of this.#inputs(row, view)) yield this.#own(view.id, input, budget);
    }
    const [doubles, losses] = [this.#left(row, 'duplicates') > 0, this.#left(row, 'drops') > 0];
    for (let at = nodes + 2; at < row.length; at++) {
      const number = row[at] ?? 0;
      // Of equal messages one is enough.
      if (at > nodes + 2 && number === row[at - 1]) continue;
      yield this.#delivery(number, false);
      if (doubles) yield this.#delivery(number, true);
      if (losses) yield this.#loss(number);
    }
  }

  *#inputs(row: Row, view: NodeView): Generator<readonly [OwnInput, Budget | null]> {
    const { scenario } = this;
    const has = (budget: Budget): boolean => this.#left(row, budget) > 0;
    const nth = (budget: Budget): number => scenario.budgets[budget] - this.#left(row, budget) + 1;
    const leads = view.role === 'leader';
    if (view.writes > 0) yield [{ type: 'store' }, null];
    if (!leads && view.isVoter && has('elections')) yield [{ type: 'election' }, 'elections'];
    if (leads && has('beats')) yield [{ type: 'beat' }, 'beats'];
    if (leads && has('proposals')) yield [{ type: 'propose', data: `p${nth('proposals')}` }, 'proposals'];
    if (leads && has('changes')) {
      for (const change of scenario.changes) yield [{ type: 'change', change }, 'changes'];
    }
    if (view.leader !== 0 && has('reads')) yield [{ type: 'read', context: `r${nth('reads')}` }, 'reads'];
    if (view.applied >= view.firstIndex && view.applied > view.durable.beforeIndex && has('compactions')) {
      yield [{ type: 'compact' }, 'compactions'];
    }
    if (leads && has('transfers')) {
      for (let to = 1; to <= scenario.nodes; to++) {
        if (to !== view.id) yield [{ type: 'transfer', to }, 'transfers'];
      }
    }
    if (has('crashes')) yield [{ type: 'crash' }, 'crashes'];
  }

  #left(row: Row, budget: Budget): number {
    return ((row[this.scenario.nodes + 1] ?? 0) >> (BUDGETS.indexOf(budget) * BUDGET_BITS)) & BUDGET_MAX;
  }

  /** The state after a step; undefined when it changes nothing that matters, or leads beyond the bounds. */
  #apply(row: Row, views: readonly NodeView[], choice: Choice, opening: boolean): Row | Violation | undefined {
    const { nodes, inFlight } = this.scenario;
    const { step, budget } = choice;
    const at = step.node - 1;
    const state = row[at] ?? 0;
    try {
      const transition = this.table.take(state, choice.input, () => step.input);
      const { to, sent, reads } = transition;
      // A message that has no effect now may have one later, and a state with it can do all that one without can.
      if (!opening && to === state && sent.length === 0 && reads.length === 0) return undefined;
      const next = row.slice(0, nodes + 2);
      next[at] = to;
      const before = views[at];
      assert(before !== undefined, `there is a node ${step.node}`);
      const after = this.table.view(to);
      const nowViews = views.with(at, after);
      const ledger = this.#ledgers.get(row[nodes] ?? 0);
      const begun = step.input.type === 'read' ? this.#rules.reading(ledger, step.input.context) : ledger;
      const ledgerAfter = this.#rules.after(begun, { before, after, transition, nodes: nowViews });
      if (ledgerAfter !== ledger) next[nodes] = this.#ledgers.add(ledgerAfter);
      if (budget !== null) next[nodes + 1] = (row[nodes + 1] ?? 0) - (1 << (BUDGETS.indexOf(budget) * BUDGET_BITS));
      this.#messagesAfter(row, choice.gone, sent, nowViews, next);
      if (opening || next.length - nodes - 2 <= inFlight) return next;
      this.cut++;
      return undefined;
    } catch (error) {
      if (error instanceof Violation) return error;
      throw error;
    }
  }

  /** Puts what is under way after a step at the end of `next`. */
  #messagesAfter(row: Row, gone: number, sent: readonly number[], views: readonly NodeView[], next: Row): void {
    const { nodes } = this.scenario;
    const list: number[] = [];
    let isGone = false;
    for (let at = nodes + 2; at < row.length; at++) {
      const number = row[at] ?? 0;
      if (!isGone && number === gone) isGone = true;
      else list.push(number);
    }
    if (sent.length > 0) list.push(...sent);
    list.sort((a, b) => a - b);
    for (const number of list) if (!this.#isDead(this.table.messages.get(number), views)) next.push(number);
  }

  /**
   * Whether a message can have no effect any more, whatever comes: its addressee has a later term on disk, and
   * passes over such messages (`packages/core/src/raft/step.ts`). Such messages are left out of states.
   */
  #isDead(message: Message, views: readonly NodeView[]): boolean {
    const receiver = views[message.to - 1];
    if (receiver === undefined) return true;
    if (message.term === 0 || message.term >= receiver.durable.term) return false;
    if (message.type === 'MsgPreVote') return false;
    const { preVote = true, checkQuorum = true } = this.scenario.raft;
    return (!preVote && !checkQuorum) || (message.type !== 'MsgApp' && message.type !== 'MsgHeartbeat');
  }

  /** The state, or that mirror image of it that stands for all of them. */
  canonical(row: Row): Row {
    const { nodes } = this.scenario;
    let best: Row | undefined;
    for (let renaming = 0; renaming < this.#renamings.length; renaming++) {
      const rename = this.#renamings[renaming];
      if (rename === undefined) continue;
      const mirrored = new Array<number>(nodes);
      for (let at = 0; at < nodes; at++) mirrored[rename(at + 1) - 1] = this.table.mirror(renaming, row[at] ?? 0);
      const order = best === undefined ? -1 : compare(mirrored, best);
      if (order > 0) continue;
      // What is under way is looked at only where the nodes alone do not decide.
      mirrored.push(this.#ledgers.mirror(renaming, row[nodes] ?? 0), row[nodes + 1] ?? 0);
      const messages: number[] = [];
      for (let at = nodes + 2; at < row.length; at++) {
        messages.push(this.table.messages.mirror(renaming, row[at] ?? 0));
      }
      messages.sort((a, b) => a - b);
      for (const number of messages) mirrored.push(number);
      if (best === undefined || order < 0 || compare(mirrored, best) < 0) best = mirrored;
    }
    return best ?? row;
  }
}

/** What a line of {@link Scenario.opening} means. */
function openingStep<T>(text: string, make: (node: NodeId, input: OwnInput) => T): T {
  const [verb, node, ...rest] = text.split(' ');
  const what = rest.join(' ');
  if (verb === 'elect') return make(Number(node), { type: 'election' });
  if (verb === 'change') return make(Number(node), { type: 'change', change: what });
  if (verb === 'propose') return make(Number(node), { type: 'propose', data: what });
  throw new Error(`an opening has no '${text}'`);
}

/** Lexicographic, as far as `a` goes. */
function compare(a: Row, b: Row): number {
  for (let at = 0; at < a.length; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
