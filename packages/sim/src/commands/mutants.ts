/** The table of planted bugs: which checker finds each, and within how many seeds. */
import { readFileSync, writeFileSync } from 'node:fs';
import { assert } from '@n3x/core/base/assert';
import { hunt, MUTATIONS } from '../mutations/mutants.ts';
import type { Mutation } from '../mutations/mutation.ts';

/** What came of the searches for one planted bug. */
export interface MutantReport {
  readonly name: string;
  readonly summary: string;
  readonly budget: number;
  /** Seeds that each search took; null where it was not found. */
  readonly seeds: readonly (number | null)[];
  /** The rules that it broke, most frequent first. */
  readonly rules: readonly string[];
}

/** Distance between the first seeds of two searches. */
const APART = 1_000;

/** Searches for one planted bug `searches` times, each from other seeds. */
export function searchMutant(mutation: Mutation, searches: number): MutantReport {
  const seeds: (number | null)[] = [];
  const broken = new Map<string, number>();
  for (let search = 0; search < searches; search++) {
    const { found, seeds: used } = hunt(mutation, 1 + search * APART, mutation.budget);
    seeds.push(found === undefined ? null : used);
    if (found !== undefined) broken.set(found.rule, (broken.get(found.rule) ?? 0) + 1);
  }
  const { name, summary, budget } = mutation;
  const rules = [...broken].sort(([, a], [, b]) => b - a).map(([rule]) => rule);
  return { name, summary, budget, seeds, rules };
}

/** Whether every search found its bug. */
export function allFound(reports: readonly MutantReport[]): boolean {
  return reports.every(({ seeds }) => seeds.every((used) => used !== null));
}

/** The planted bugs that are meant by `only`; all without it. */
export function chooseMutants(only: readonly string[]): readonly Mutation[] {
  return only.length === 0 ? MUTATIONS : MUTATIONS.filter(({ name }) => only.includes(name));
}

/** The reports as a Markdown table. */
export function mutantTable(reports: readonly MutantReport[]): string {
  const rows = reports.map(({ name, summary, seeds, rules, budget }) => {
    const found = seeds.filter((used) => used !== null).sort((a, b) => a - b);
    const median = found[Math.floor((found.length - 1) / 2)] ?? '-';
    const missed = seeds.length - found.length;
    return `| \`${name}\` | ${summary} | ${rules.join(', ')} | ${median}${missed > 0 ? ` (missed ${missed})` : ''} | ${budget} |`;
  });
  return [
    '| Planted bug | What is wrong | Found by | Median seeds | Budget |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

const BEGIN = '<!-- planted bugs: begin -->';
const END = '<!-- planted bugs: end -->';

/** Puts the table into a text, between its two marks. */
export function writeTable(path: string, table: string): void {
  const text = readFileSync(path, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  assert(begin >= 0 && end > begin, `${path} has no marks for the table`);
  writeFileSync(path, `${text.slice(0, begin + BEGIN.length)}\n${table}\n${text.slice(end)}`);
}
