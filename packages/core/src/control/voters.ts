/**
 * Which hosts should vote. Pure arithmetic over what is known of each host; nothing here looks at a clock.
 *
 * The rule, in order: bear as many failures as possible; have as many voters as wanted; let hosts of the role
 * `server` vote before others; spread over zones; change as little as possible. See
 * `docs/decisions/voters.md`.
 */
import type { NodeId } from '../raft/types.ts';

/** A host that votes and may go on, or does not and could at once. */
export interface Contender {
  readonly id: NodeId;
  /** Its failure domain; hosts that name none share one. */
  readonly zone: string;
  /** Whether its role is `server`. */
  readonly preferred: boolean;
  readonly votes: boolean;
  /** False for a voter that has been given up. Of those that do not vote only living ones are contenders. */
  readonly alive: boolean;
  /** Whether the leader hears from it now and it has what is committed. */
  readonly well: boolean;
  /** False for one that was lost and has not been back for long enough to be trusted with a vote. */
  readonly steady: boolean;
  readonly leads: boolean;
}

/** Failures that `size` voters bear when `alive` of them live: below zero there is no quorum. */
function tolerance(size: number, alive: number): number {
  return alive - (Math.floor(size / 2) + 1);
}

/**
 * How many should vote, of `alive` living contenders and `dead` voters that were given up: the odd number, at
 * most `wanted`, that bears most failures; the largest of them. Zero when there is nobody.
 */
export function voterCount(wanted: number, alive: number, dead: number): number {
  let best = 0;
  let bestTolerance = Number.NEGATIVE_INFINITY;
  for (let size = 1; size <= Math.min(wanted, alive + dead); size += 2) {
    const now = tolerance(size, Math.min(size, alive));
    if (now < bestTolerance) continue;
    best = size;
    bestTolerance = now;
  }
  return best;
}

/** How unevenly voters are spread: zero for nobody, and the lower the better. The fullest zones count most. */
export function crowding(zones: Iterable<string>): number {
  const counts = new Map<string, number>();
  for (const zone of zones) counts.set(zone, (counts.get(zone) ?? 0) + 1);
  let sum = 0;
  for (const count of counts.values()) sum += count ** 3;
  return sum;
}

function zoneCount(chosen: readonly Contender[], zone: string): number {
  return chosen.filter((other) => other.zone === zone).length;
}

/** Orders contenders by these marks, the first that differs decides; higher is better. */
function better(a: readonly number[], b: readonly number[]): boolean {
  for (const [at, mark] of a.entries()) {
    const other = b[at] ?? 0;
    if (mark !== other) return mark > other;
  }
  return false;
}

function bestOf(list: readonly Contender[], marks: (one: Contender) => readonly number[]): Contender | undefined {
  let best: Contender | undefined;
  for (const one of list) if (best === undefined || better(marks(one), marks(best))) best = one;
  return best;
}

/** The one that `chosen` can do without best: not well, not preferred, in the fullest zone, not leading, of the highest id. */
function mostDispensable(chosen: readonly Contender[]): Contender | undefined {
  return bestOf(chosen, ({ well, preferred, zone, leads, id }) => [
    well ? 0 : 1,
    preferred ? 0 : 1,
    zoneCount(chosen, zone),
    leads ? 0 : 1,
    id,
  ]);
}

/** The one that helps `chosen` most: steady, preferred, in the emptiest zone, of the lowest id. */
function mostWelcome(list: readonly Contender[], chosen: readonly Contender[]): Contender | undefined {
  return bestOf(list, ({ steady, preferred, zone, id }) => [
    steady ? 1 : 0,
    preferred ? 1 : 0,
    -zoneCount(chosen, zone),
    -id,
  ]);
}

/**
 * The hosts that should vote now. Living voters go on as long as their number allows, so a change is made only
 * for the failures that are borne or the number of voters. One that is not steady is given a vote only to keep
 * their number from falling below `present`, that of the voters there are, those that are to go included.
 */
export function chooseVoters(contenders: readonly Contender[], wanted: number, present: number): Contender[] {
  let chosen = contenders.filter(({ votes, alive }) => votes && alive);
  let spare = contenders.filter(({ votes, steady }) => !votes && steady);
  let dead = contenders.filter(({ votes, alive }) => votes && !alive);
  let size = voterCount(wanted, chosen.length + spare.length, dead.length);
  if (size < Math.min(wanted, present)) {
    spare = contenders.filter(({ votes }) => !votes);
    const kept = voterCount(Math.min(wanted, present), chosen.length + spare.length, dead.length);
    size = Math.max(size, kept);
  }
  while (chosen.length > size) {
    const out = mostDispensable(chosen);
    chosen = chosen.filter((one) => one !== out);
  }
  while (chosen.length < size) {
    const next = mostWelcome(spare, chosen) ?? mostWelcome(dead, chosen);
    if (next === undefined) break;
    chosen.push(next);
    spare = spare.filter((one) => one !== next);
    dead = dead.filter((one) => one !== next);
  }
  return chosen;
}

/** Two sets of voters of one size compared: more preferred ones, then a better spread. Above zero when `a` is better. */
function compareSets(a: readonly Contender[], b: readonly Contender[]): number {
  const preferred = (set: readonly Contender[]): number => set.filter((one) => one.preferred).length;
  const spread = (set: readonly Contender[]): number => crowding(set.map(({ zone }) => zone));
  return preferred(a) - preferred(b) || spread(b) - spread(a);
}

/**
 * The exchange of one voter for one that does not vote which makes the voters better, and best; undefined when
 * there is none. Repeating it reaches the best set there is: both marks are such that an exchange of one is
 * enough to get out of any that is not the best.
 */
export function bestExchange(
  voters: readonly Contender[],
  spare: readonly Contender[],
): { readonly out: Contender; readonly in: Contender } | undefined {
  let best: { out: Contender; in: Contender } | undefined;
  let bestSet = voters;
  // In this order the first of equals is the one to take.
  const outs = [...voters].sort((a, b) => Number(a.leads) - Number(b.leads) || b.id - a.id);
  const ins = [...spare].sort((a, b) => a.id - b.id);
  for (const out of outs) {
    const rest = voters.filter((one) => one !== out);
    for (const one of ins) {
      const set = [...rest, one];
      if (compareSets(set, bestSet) <= 0) continue;
      best = { out, in: one };
      bestSet = set;
    }
  }
  return best;
}
