/**
 * What a decision is remembered by: of few hosts what was seen of each, of many the best few and how many each rule ruled
 * out. So what it costs to remember a placement does not grow with the number of hosts.
 */
import { type Misfit, misfitsOf, needsOf } from '../machine/fit.ts';
import { describeMisfit } from '../machine/fit-text.ts';
import type { Loads } from '../machine/occupancy.ts';
import type { Host } from '../model/host.ts';
import type { Strategy } from '../model/placement.ts';
import type { Vm } from '../model/vm.ts';
import { ALL_KEPT_UP_TO, NEXT_BEST, RULE_TEXT_MAX, type Weighing } from '../model/weighing.ts';
import { addPartPoints, partNames, partPoints } from './score.ts';

/** Numbers of hosts that were ruled out, by the first rule against each. */
export type Excluded = Readonly<Record<string, number>>;

/** Counts the hosts that are ruled out. */
export class Exclusions {
  readonly #counts = new Map<string, number>();
  #shown: Excluded | undefined;

  /** A host was ruled out by these; no host when there are none. */
  add(against: readonly Misfit[]): void {
    const [first] = against;
    if (first === undefined) return;
    this.#counts.set(first.rule, (this.#counts.get(first.rule) ?? 0) + 1);
    this.#shown = undefined;
  }

  /** The counts as they are now. The same object until one of them changes; undefined without any. */
  get counts(): Excluded | undefined {
    if (this.#counts.size === 0) return undefined;
    this.#shown ??= Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
    return this.#shown;
  }
}

/** What was decided about whom. */
export interface Question {
  readonly vm: Vm;
  readonly strategy: Strategy;
  /** Hosts that were in question. */
  readonly hosts: readonly Host[];
  readonly loads: Loads;
  /** Index of the state. */
  readonly from: number;
  /** Id of the host that decides. */
  readonly by: number;
}

/** What is remembered when every host was looked at. `chosen` is put first: whose turn it is follows from no score. */
export function weighAll({ vm, strategy, hosts, loads, from, by }: Question, chosen?: Host): Weighing {
  const found: { readonly id: number; readonly points: readonly number[]; readonly sum: number }[] = [];
  const against: { hostId: number; rules: { rule: string; text: string }[] }[] = [];
  const excluded = new Exclusions();
  const needs = needsOf(vm);
  const isSmall = hosts.length <= ALL_KEPT_UP_TO;
  for (const host of hosts) {
    const broken = misfitsOf(needs, host, loads, loads.of(host.id));
    if (broken.length === 0) {
      const points = partPoints(strategy, vm, host, loads);
      found.push({ id: host.id, points, sum: points.reduce((sum, more) => sum + more, 0) });
    } else if (isSmall) {
      const rules = broken.map((misfit) => ({
        rule: misfit.rule,
        text: describeMisfit(misfit).slice(0, RULE_TEXT_MAX),
      }));
      against.push({ hostId: host.id, rules });
    } else {
      excluded.add(broken);
    }
  }
  const isFirst = ({ id }: { readonly id: number }) => Number(id === chosen?.id);
  found.sort((a, b) => isFirst(b) - isFirst(a) || b.sum - a.sum || a.id - b.id);
  const ranked = found.slice(0, isSmall ? ALL_KEPT_UP_TO : 1 + NEXT_BEST).flatMap(({ id, points }) => [id, ...points]);
  const counts = excluded.counts;
  return {
    ...(against.length === 0 ? {} : { against }),
    by,
    ...(counts === undefined ? {} : { excluded: counts }),
    from,
    hosts: hosts.length,
    parts: partNames(strategy, vm),
    ranked,
    strategy,
  };
}

/**
 * What is remembered of a choice among many hosts: `best`, the chosen one first, and the counts of those that are known
 * to be ruled out.
 */
export function weighBest(
  { vm, strategy, hosts, loads, from, by }: Question,
  best: readonly Host[],
  excluded: Excluded | undefined,
  parts: string[],
): Weighing {
  const ranked: number[] = [];
  for (const host of best) {
    ranked.push(host.id);
    addPartPoints(ranked, strategy, vm, host, loads);
  }
  const rest = { from, hosts: hosts.length, parts, ranked, strategy };
  return excluded === undefined ? { by, ...rest } : { by, excluded, ...rest };
}
