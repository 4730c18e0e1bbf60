/**
 * S2: each object's history is linearizable (Herlihy and Wing 1990). The search goes through invocations and
 * answers in the order in which they happened and keeps every configuration that is still possible: a state
 * of the object, and which of the open operations have taken effect. At an answer, open operations are let
 * take effect in every order until the answered one has (Wing and Gong's search, made just in time as in Lowe
 * 2017); equal configurations are kept once, which is its memory. Objects are independent, so each is
 * searched by itself (locality).
 */

import type { History, Recorded } from '../workloads/history.ts';
import { Violation } from '../world/observer.ts';
import { LOCK_MODEL, saysNothing } from './lock-model.ts';
import { type ObjectModel, TOKEN_MODEL, VM_MODEL } from './object-models.ts';

/** Name of the rule. */
export const LINEARIZABILITY = 'S2 linearizability';

/** Configurations at once after which a search gives up: a history with too many unanswered operations. */
const CONFIGURATIONS_MAX = 200_000;

interface Configuration<State> {
  readonly state: State;
  /** Open operations that have taken effect, ascending. */
  readonly taken: readonly number[];
}

/** What a search came to. */
export type Verdict =
  | { readonly type: 'linearizable' }
  /** The first operation that no order explains. */
  | { readonly type: 'violated'; readonly at: Recorded }
  | { readonly type: 'gaveUp' };

/** Searches the history of one object. */
export function searchHistory<State>(model: ObjectModel<State>, history: readonly Recorded[]): Verdict {
  const operations = history.filter(({ operation, answer }) => {
    // A read without an answer says nothing, and what had no effect is not there.
    return answer?.type !== 'none' && (operation.type === 'write' || answer !== undefined);
  });
  const moments: { at: number; operation: number; isReturn: boolean }[] = [];
  operations.forEach(({ invokedAt, returnedAt }, operation) => {
    moments.push({ at: invokedAt, operation, isReturn: false });
    if (returnedAt !== Number.POSITIVE_INFINITY) moments.push({ at: returnedAt, operation, isReturn: true });
  });
  moments.sort((a, b) => a.at - b.at);
  const open = new Set<number>();
  let configurations: Configuration<State>[] = [{ state: model.initial, taken: [] }];
  for (const { operation, isReturn } of moments) {
    if (!isReturn) {
      open.add(operation);
      continue;
    }
    const after = letTakeEffect(model, operations, configurations, open, operation);
    if (after === undefined) return { type: 'gaveUp' };
    const recorded = operations[operation];
    if (after.length === 0 && recorded !== undefined) return { type: 'violated', at: recorded };
    open.delete(operation);
    configurations = after;
  }
  return { type: 'linearizable' };
}

/** All configurations in which `target` has taken effect, without it in `taken`. Undefined when there are too many. */
function letTakeEffect<State>(
  model: ObjectModel<State>,
  operations: readonly Recorded[],
  from: readonly Configuration<State>[],
  open: ReadonlySet<number>,
  target: number,
): Configuration<State>[] | undefined {
  const reached = new Map<string, Configuration<State>>();
  const seen = new Set<string>();
  const work = [...from];
  for (let configuration = work.pop(); configuration !== undefined; configuration = work.pop()) {
    const { state, taken } = configuration;
    if (taken.includes(target)) {
      const rest = taken.filter((operation) => operation !== target);
      reached.set(`${rest.join(',')} ${model.key(state)}`, { state, taken: rest });
      continue;
    }
    const key = `${taken.join(',')} ${model.key(state)}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > CONFIGURATIONS_MAX) return undefined;
    for (const operation of open) {
      const recorded = operations[operation];
      if (recorded === undefined || taken.includes(operation)) continue;
      const with_ = [...taken, operation].sort((a, b) => a - b);
      for (const next of model.step(state, recorded)) work.push({ state: next, taken: with_ });
    }
  }
  return [...reached.values()];
}

function searchObject(object: string, recorded: readonly Recorded[]): Verdict {
  if (object.startsWith('vm/')) return searchHistory(VM_MODEL, recorded);
  if (!object.startsWith('lock/')) return searchHistory(TOKEN_MODEL, recorded);
  return searchHistory(
    LOCK_MODEL,
    recorded.filter((operation) => !saysNothing(operation)),
  );
}

/** Searches the histories of all objects. Answers how many were searched and how many given up. */
export function checkLinearizability(history: History): { searched: number; gaveUp: number } {
  let searched = 0;
  let gaveUp = 0;
  for (const [object, recorded] of history.objects) {
    const verdict = searchObject(object, recorded);
    searched++;
    if (verdict.type === 'gaveUp') gaveUp++;
    if (verdict.type === 'violated')
      throw new Violation(LINEARIZABILITY, `${object}: ${describe(verdict.at, recorded)}`);
  }
  return { searched, gaveUp };
}

function describe(at: Recorded, history: readonly Recorded[]): string {
  const line = ({ requestId, operation, answer, invokedAtMs, returnedAtMs }: Recorded): string => {
    const what = operation.type === 'read' ? 'read' : JSON.stringify({ ...operation.command, spec: undefined });
    return `${requestId} [${Math.round(invokedAtMs)}..${Math.round(returnedAtMs)} ms] ${what} -> ${JSON.stringify(answer)}`;
  };
  const around = history.filter((other) => other.returnedAt > at.invokedAt - 40 && other.invokedAt < at.returnedAt);
  return `no order explains ${line(at)}; around it: ${around.map(line).join(' ; ')}`;
}
