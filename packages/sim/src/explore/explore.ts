/** The search: every state within the bounds, nearest first, so that a broken rule is shown by a shortest path. */
import { Violation } from '../world/observer.ts';
import type { Defect } from './defect.ts';
import { Numbers } from './interning.ts';
import type { Step } from './node-input.ts';
import { RowQueue } from './row-queue.ts';
import type { Scenario } from './scenario.ts';
import { type Choice, type Row, Space } from './space.ts';
import { Visited } from './visited.ts';

/** How far a search goes. */
export interface ExploreOptions {
  readonly scenario: Scenario;
  readonly defect?: Defect | undefined;
  /** Steps from the first state; no limit without it. */
  readonly depth?: number | undefined;
  readonly maxStates: number;
  /** Takes states that differ only by the names of nodes for one; true without it. */
  readonly symmetry?: boolean | undefined;
  /** Asked now and then; the search ends when it says so. */
  readonly stop?: (progress: Progress) => boolean;
}

/** How far it has come. */
export interface Progress {
  readonly states: number;
  readonly depth: number;
}

/** What a search came to. */
export interface Exploration {
  readonly scenario: string;
  readonly states: number;
  /** Steps that were tried. */
  readonly steps: number;
  /** Steps from the first state to the farthest. */
  readonly depth: number;
  /** Whether there is nothing left within the bounds. */
  readonly isComplete: boolean;
  /** Steps that were left out because too many messages would have been under way. */
  readonly cut: number;
  /** States of single nodes that were told apart, mirror images included. */
  readonly nodeStates: number;
  readonly violation?: {
    readonly rule: string;
    readonly message: string;
    /** The beginning, then a shortest path; the last step breaks the rule. */
    readonly steps: readonly Step[];
  };
}

/** States between two questions whether to stop. */
const ASK_EVERY = 1_024;

/** Explores a scenario. */
export function explore(options: ExploreOptions): Exploration {
  return new Search(options).run();
}

class Search {
  readonly #options: ExploreOptions;
  readonly #space: Space;
  readonly #visited = new Visited();
  readonly #queue = new RowQueue();
  readonly #stepNumbers = new Numbers();
  readonly #stepList: Step[] = [];
  #steps = 0;
  #depth = 0;

  constructor(options: ExploreOptions) {
    this.#options = options;
    const { defect, symmetry = true } = options;
    this.#space = new Space(options.scenario, { defect, symmetry });
  }

  run(): Exploration {
    let first: Row;
    try {
      first = this.#space.first();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      return this.#result(false, { error, path: [] });
    }
    this.#visited.add(this.#space.canonical(first), 0);
    this.#queue.push(0, first);
    const { depth = Number.POSITIVE_INFINITY, stop } = this.#options;
    /** First state of the next level. */
    let level = 1;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (next.number >= level) {
        this.#depth++;
        level = this.#visited.size;
      }
      if (this.#depth >= depth) break;
      const found = this.#expand(next.number, next.row);
      if (found !== undefined) return this.#result(false, found);
      if (this.#visited.size >= this.#options.maxStates) return this.#result(false);
      if (next.number % ASK_EVERY === 0 && stop?.({ states: this.#visited.size, depth: this.#depth }) === true) {
        return this.#result(false);
      }
    }
    return this.#result(true);
  }

  #expand(number: number, row: Row): { error: Violation; path: Step[] } | undefined {
    for (const { choice, next } of this.#space.steps(row)) {
      this.#steps++;
      if (next instanceof Violation) return { error: next, path: [...this.#path(number), choice.step] };
      const added = this.#visited.add(this.#space.canonical(next), number);
      if (added === undefined) continue;
      this.#visited.reach(added, this.#stepNumber(choice));
      this.#queue.push(added, next);
    }
    return undefined;
  }

  #stepNumber({ step, input, gone }: Choice): number {
    const { id, isNew } = this.#stepNumbers.of(`${step.node} ${input} ${gone}`);
    if (isNew) this.#stepList.push(step);
    return id;
  }

  #path(number: number): Step[] {
    return this.#visited.path(number).flatMap((step) => this.#stepList[step] ?? []);
  }

  #result(isComplete: boolean, found?: { error: Violation; path: readonly Step[] }): Exploration {
    return {
      scenario: this.#options.scenario.name,
      ...{ states: this.#visited.size, steps: this.#steps, depth: this.#depth, isComplete },
      ...{ cut: this.#space.cut, nodeStates: this.#space.table.size },
      ...(found === undefined
        ? {}
        : {
            violation: {
              rule: found.error.rule,
              message: found.error.message,
              steps: [...this.#space.opening, ...found.path],
            },
          }),
    };
  }
}
