/** Makes a failing run small: fewer faults, operations, clients and hosts, less trouble, less time; the same rule broken. */
import type { KnownViolation } from '../commands/case-file.ts';
import { type FixedRequest, resolveRequest } from '../commands/run-options.ts';
import { type RunResult, simulate } from '../simulator.ts';
import { REDUCTIONS, type Reducible, type ShrinkableRequest } from './reductions.ts';
import { scriptOf } from './script.ts';

/** One reduction of one round. */
export interface ShrinkStep {
  readonly what: string;
  readonly before: number;
  readonly after: number;
  /** Runs that it took. */
  readonly runs: number;
}

/** What came of it. */
export interface Shrunk {
  readonly request: ShrinkableRequest;
  readonly violation: KnownViolation;
  readonly steps: readonly ShrinkStep[];
  readonly runs: number;
  /** Whether it ended because nothing could be made smaller. */
  readonly isSmallest: boolean;
}

/** When to end. */
export interface ShrinkLimits {
  readonly maxRuns: number;
  /** Real ms. */
  readonly limitMs: number;
  /** Told of every step that made the run smaller. */
  readonly onStep?: (step: ShrinkStep) => void;
}

/** Rounds over all reductions: what one leaves over another may take in the next. */
const ROUNDS_MAX = 8;

/** The smallest run that is found to break the rule that `request` breaks; undefined when that run passes. */
export function shrink(request: FixedRequest, { maxRuns, limitMs, onStep }: ShrinkLimits): Shrunk | undefined {
  const end = performance.now() + limitMs;
  const first = simulate({ ...resolveRequest(request), wholeHistory: true });
  if (first.violation === undefined) return undefined;
  const { rule } = first.violation;
  const current = new Current(asData(request, first), first.violation, first.workAtMs, () => {
    return current.runs < maxRuns && performance.now() < end;
  });
  const steps: ShrinkStep[] = [];
  if (!current.fails({})) {
    // The script asks at the same times for the same: not to fail with it is a defect of the simulator.
    throw new Error(`seed ${request.seed} breaks ${rule} no more with its own faults and operations as data`);
  }
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const before = JSON.stringify(current.request);
    for (const reduction of REDUCTIONS) {
      const [size, runs] = [reduction.size(current.request), current.runs];
      if (size === 0) continue;
      reduction.reduce(current);
      const after = reduction.size(current.request);
      if (after >= size) continue;
      const step = { what: reduction.name, before: size, after, runs: current.runs - runs };
      steps.push(step);
      onStep?.(step);
    }
    if (JSON.stringify(current.request) === before) break;
  }
  const { violation, runs } = current;
  return { request: current.request, violation, steps, runs, isSmallest: runs < maxRuns && performance.now() < end };
}

function asData(request: FixedRequest, result: RunResult): ShrinkableRequest {
  return { ...request, faults: result.faults, operations: scriptOf(result) };
}

/** The smallest run so far. */
class Current implements Reducible {
  readonly #goesOn: () => boolean;
  /** Requests that are known not to fail. */
  readonly #passed = new Set<string>();
  #request: ShrinkableRequest;
  #violation: KnownViolation;
  #workAtMs: number;
  #runs = 0;

  constructor(request: ShrinkableRequest, violation: KnownViolation, workAtMs: number, goesOn: () => boolean) {
    this.#request = request;
    this.#violation = violation;
    this.#workAtMs = workAtMs;
    this.#goesOn = goesOn;
  }

  get request(): ShrinkableRequest {
    return this.#request;
  }

  get violation(): KnownViolation {
    return this.#violation;
  }

  get runs(): number {
    return this.#runs;
  }

  get violatedAfterMs(): number | undefined {
    const afterMs = this.#violation.atMs - this.#workAtMs;
    return afterMs <= this.#request.durationMs ? afterMs : undefined;
  }

  fails(change: Partial<ShrinkableRequest>): boolean {
    if (!this.#goesOn()) return false;
    const request = { ...this.#request, ...change };
    const key = JSON.stringify(request);
    if (this.#passed.has(key)) return false;
    this.#runs++;
    const { violation, workAtMs } = simulate(resolveRequest(request));
    if (violation?.rule !== this.#violation.rule) {
      this.#passed.add(key);
      return false;
    }
    this.#request = request;
    this.#violation = violation;
    this.#workAtMs = workAtMs;
    return true;
  }
}
