/** The planted bugs as a command: which checker finds each, and within how many seeds. */
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { MUTATIONS } from '../mutations/mutants.ts';
import type { Mutation } from '../mutations/mutation.ts';
import { search } from '../mutations/search.ts';
import { readInput, writeOutput } from './input-file.ts';
import { plantedBug } from './planted.ts';
import { EXIT, type ProgramOutput } from './program-output.ts';
import { JOBS_MAX, parseCount } from './run-options.ts';

/** What came of the searches for one planted bug. */
export interface MutantReport {
  readonly name: string;
  readonly summary: string;
  readonly budget: number;
  /** Where it was looked for. */
  readonly where: string;
  /** Seeds that each search took; null where it was not found. */
  readonly seeds: readonly (number | null)[];
  /** The rules that it broke, most frequent first. */
  readonly rules: readonly string[];
}

/** Distance between the first seeds of two searches. */
const APART = 1_000;

/** Searches for one planted bug `searches` times, each from other seeds. Rejects when what was planted does not run. */
export async function searchMutant(mutation: Mutation, searches: number): Promise<MutantReport> {
  const firsts = Array.from({ length: searches }, (_, at) => 1 + at * APART);
  const hunts = await search(mutation, firsts);
  const broken = new Map<string, number>();
  for (const { found } of hunts) {
    if (found !== undefined) broken.set(found.rule, (broken.get(found.rule) ?? 0) + 1);
  }
  const { name, summary, budget, profile = 'hostile', workload } = mutation;
  return {
    ...{ name, summary, budget, where: `${profile}, ${workload}` },
    seeds: hunts.map(({ found, seeds }) => (found === undefined ? null : seeds)),
    rules: [...broken].sort(([, a], [, b]) => b - a).map(([rule]) => rule),
  };
}

/** Searches for each of `mutations` on `jobs` threads at a time; the reports in the order of the bugs. */
export async function searchMutants(
  mutations: readonly Mutation[],
  { searches, jobs, onReport }: { searches: number; jobs: number; onReport: (report: MutantReport) => void },
): Promise<readonly MutantReport[]> {
  const reports: MutantReport[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < mutations.length; at = next++) {
      const mutation = mutations[at];
      if (mutation === undefined) return;
      const report = await searchMutant(mutation, searches);
      reports[at] = report;
      onReport(report);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return reports;
}

/** Whether every search found its bug. */
export function allFound(reports: readonly MutantReport[]): boolean {
  return reports.every(({ seeds }) => seeds.every((used) => used !== null));
}

/** The planted bugs that are meant by `only`; all without it. Throws `N3X_INVALID` for a name that there is not. */
export function chooseMutants(only: readonly string[]): readonly Mutation[] {
  for (const name of only) plantedBug(name);
  return only.length === 0 ? MUTATIONS : MUTATIONS.filter(({ name }) => only.includes(name));
}

/**
 * Part `part` of `parts` of the planted bugs, counted from 1. Consecutive bugs are in different parts, so that each
 * part has some of every kind.
 */
export function partOf(mutations: readonly Mutation[], part: number, parts: number): readonly Mutation[] {
  return mutations.filter((_, at) => at % parts === part - 1);
}

/** Files whose text decides which part is due. */
const SOURCES = ['core', 'sim'].map((name) => new URL(`../../../${name}/src/`, import.meta.url).pathname);

/**
 * Which of `parts` is due for the sources as they are: the same for the same text of core and simulator on every
 * machine, another one as soon as something in them changes.
 */
export function partDue(parts: number): number {
  const digest = createHash('sha256');
  for (const cwd of SOURCES) {
    for (const file of globSync('**/*.ts', { cwd }).sort()) digest.update(file).update(readFileSync(cwd + file));
  }
  return 1 + (digest.digest().readUInt32BE() % parts);
}

/** The reports as a Markdown table. */
export function mutantTable(reports: readonly MutantReport[]): string {
  const rows = reports.map(({ name, summary, where, seeds, rules, budget }) => {
    const found = seeds.filter((used) => used !== null).sort((a, b) => a - b);
    const median = found[Math.floor((found.length - 1) / 2)] ?? '-';
    const missed = seeds.length - found.length;
    const shown = `${median}${missed > 0 ? ` (missed ${missed} of ${seeds.length})` : ''}`;
    return `| \`${name}\` | ${summary} | ${where} | ${rules.join(', ')} | ${shown} | ${budget} |`;
  });
  return [
    '| Planted bug | What is wrong | Profile, workload | Found by | Median seeds | Budget |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

const BEGIN = '<!-- planted bugs: begin -->';
const END = '<!-- planted bugs: end -->';

/** What is before and after the table in a file. Throws `N3X_INVALID` when there is no place for one. */
function aroundTable(path: string): readonly [before: string, after: string] {
  const text = readInput(path);
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new N3xError(ERROR_CODES.invalid, `${path} has no place for the table: it goes between ${BEGIN} and ${END}`);
  }
  return [text.slice(0, begin + BEGIN.length), text.slice(end)];
}

/** Puts the table into a text, between its two marks. Throws `N3X_INVALID` when it has none, or cannot be written. */
export function writeTable(path: string, table: string): void {
  const [before, after] = aroundTable(path);
  writeOutput(path, `${before}\n${table}\n${after}`);
}

/** Flags of `mutants`. */
export interface MutantFlags {
  readonly only: readonly string[];
  readonly searches?: string;
  readonly jobs: string;
  readonly check?: string | true;
  readonly write?: string;
  readonly json?: boolean;
}

/** `mutants`: searches, and a table of what they came to. */
export async function runMutants(flags: MutantFlags, { out, err }: ProgramOutput): Promise<number> {
  const { check, write, json } = flags;
  const searches = parseCount(flags.searches ?? (check === undefined ? '5' : '1'), '--searches');
  const jobs = parseCount(flags.jobs, '--jobs', JOBS_MAX);
  const chosen = chooseMutants(flags.only);
  const [part, parts] = check === undefined ? [1, 1] : parsePart(check);
  // Searches take minutes: that their table has no place is told before.
  if (write !== undefined) aroundTable(write);
  if (check !== undefined) err(`part ${part} of ${parts}`);
  const reports = await searchMutants(partOf(chosen, part, parts), {
    searches,
    jobs,
    onReport: ({ name, seeds, rules }) =>
      err(`${name}: ${seeds.map((used) => used ?? 'missed').join(' ')} seeds, ${rules.join(', ')}`),
  });
  if (write !== undefined) writeTable(write, mutantTable(reports));
  else if (json === true) out(JSON.stringify(reports));
  else if (check === undefined) out(mutantTable(reports));
  return allFound(reports) ? EXIT.passed : EXIT.violated;
}

/** Parts that the planted bugs are checked in, one after the other. */
export const PARTS = 4;

/** `2/6`, or what is due. Throws `N3X_INVALID`. */
function parsePart(check: string | true): readonly [part: number, parts: number] {
  if (check === true) return [partDue(PARTS), PARTS];
  const match = /^(\d+)\/(\d+)$/.exec(check);
  const [part, parts] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || part < 1 || part > parts) {
    throw new N3xError(ERROR_CODES.invalid, `${check} is no part: it is written like 2/6`);
  }
  return [part, parts];
}
