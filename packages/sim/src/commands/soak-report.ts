/** What a soak came to: lines of progress while it runs, and its summary. */
/** What one seed of a soak came to. */
export interface SoakResult {
  readonly seed: number;
  readonly verdict: 'passed' | 'violated';
  readonly violation?: { readonly rule: string; readonly message: string; readonly atMs: number };
  readonly replay?: string;
  readonly profile: string;
  readonly workload: string;
  readonly virtualMs: number;
  readonly realMs: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** Figures of a soak that are shown by profile. */
const FIGURES = ['faults', 'elections', 'entries', 'operations', 'unanswered', 'vmCopiesAtOnce'] as const;
/** Violated seeds that are listed for each rule. */
const SEEDS_SHOWN = 8;
/** Characters of a violation's message in a line. */
const MESSAGE_SHOWN = 300;

/** Why a soak ended. */
export type SoakEnd = 'seeds' | 'time' | 'violations';

/** A soak, counted. */
export interface SoakSummary {
  readonly seeds: number;
  readonly wanted: number;
  readonly end: SoakEnd;
  readonly passed: number;
  readonly realMs: number;
  readonly virtualMs: number;
  /** Seeds that violated a rule, by rule, most frequent first. */
  readonly rules: readonly { readonly rule: string; readonly seeds: readonly number[] }[];
  readonly profiles: readonly (Readonly<Record<(typeof FIGURES)[number], number>> & {
    readonly profile: string;
    readonly runs: number;
    readonly virtualMs: number;
    readonly realMs: number;
  })[];
  readonly violated: readonly SoakResult[];
}

/** Sums up. `realMs` is the time from the first seed's beginning to the last one's end. */
export function summarise(results: readonly SoakResult[], wanted: number, realMs: number, end: SoakEnd): SoakSummary {
  const violated = results.filter(({ verdict }) => verdict === 'violated').sort((a, b) => a.seed - b.seed);
  const byRule = Map.groupBy(violated, ({ violation }) => violation?.rule ?? '');
  const byProfile = Map.groupBy(results, ({ profile }) => profile);
  const sum = (of: readonly SoakResult[], figure: (result: SoakResult) => number): number =>
    of.reduce((total, result) => total + figure(result), 0);
  return {
    ...{ seeds: results.length, wanted, end, passed: results.length - violated.length, realMs: Math.round(realMs) },
    virtualMs: sum(results, ({ virtualMs }) => virtualMs),
    rules: [...byRule]
      .map(([rule, of]) => ({ rule, seeds: of.map(({ seed }) => seed) }))
      .sort((a, b) => b.seeds.length - a.seeds.length),
    profiles: [...byProfile.keys()].sort().map((profile) => {
      const of = byProfile.get(profile) ?? [];
      const count = (name: string): number => sum(of, ({ counts }) => counts[name] ?? 0);
      return {
        ...{ profile, runs: of.length },
        ...{ virtualMs: sum(of, ({ virtualMs }) => virtualMs), realMs: sum(of, (result) => result.realMs) },
        ...{ faults: count('faults'), elections: count('elections'), entries: count('entries') },
        ...{ operations: count('operations'), unanswered: count('unanswered') },
        vmCopiesAtOnce: count('vmCopiesAtOnce'),
      };
    }),
    violated,
  };
}

/** One line: how far a soak is, how fast, and how long it will take at that rate. */
export function describeProgress(summary: SoakSummary): string {
  const { seeds, wanted, realMs, passed } = summary;
  const left = seeds === 0 ? Number.POSITIVE_INFINITY : (realMs / seeds) * (wanted - seeds);
  const bad = seeds - passed;
  return `${rate(summary)}${bad > 0 ? `, ${bad} violated` : ''}, ${seeds === wanted ? 'done' : `${duration(left)} to go`}`;
}

/** One violation as it is found: its rule, what shows it, and the command that repeats it. */
export function describeViolation({ seed, violation, replay }: SoakResult): string {
  const message = violation?.message ?? '';
  const shown = message.length > MESSAGE_SHOWN ? `${message.slice(0, MESSAGE_SHOWN)}...` : message;
  return `seed ${seed}: ${violation?.rule}: ${shown}\n  ${replay ?? ''}`;
}

const ENDS: Readonly<Record<SoakEnd, string>> = {
  seeds: '',
  time: ' (the time was up)',
  violations: ' (enough violations)',
};

/** The summary as text. */
export function describeSummary(summary: SoakSummary): string {
  const { seeds, passed, end, rules, profiles, violated } = summary;
  const lines = [`${rate(summary)}${ENDS[end]}: ${passed} passed, ${seeds - passed} violated`];
  for (const { rule, seeds } of rules) {
    const more = seeds.length > SEEDS_SHOWN ? ` and ${seeds.length - SEEDS_SHOWN} more` : '';
    lines.push(`  ${rule}: seeds ${seeds.slice(0, SEEDS_SHOWN).join(', ')}${more}`);
  }
  for (const { profile, runs, virtualMs, realMs, ...figures } of profiles) {
    const counts = FIGURES.map((name) => `${name} ${figures[name]}`).join(', ');
    lines.push(
      `  ${profile.padEnd(12)} ${runs} runs, ${counts}, ${Math.round(virtualMs / Math.max(1, realMs))} times real time`,
    );
  }
  const first = violated[0]?.replay;
  if (first !== undefined) {
    lines.push(
      `explain: ${first.replace(' replay ', ' explain ')}`,
      `shrink:  ${first.replace(' replay ', ' shrink ')}`,
    );
  }
  return lines.join('\n');
}

function rate({ seeds, wanted, realMs, virtualMs }: SoakSummary): string {
  const seconds = Math.max(1, realMs) / 1_000;
  return (
    `${seeds} of ${wanted} seeds in ${duration(realMs)}, ${(seeds / seconds).toFixed(1)} seeds per s, ` +
    `${(virtualMs / 1_000 / seconds).toFixed(0)} virtual s per s`
  );
}

function duration(ms: number): string {
  if (!Number.isFinite(ms)) return 'an unknown time';
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : `${(seconds / 3_600).toFixed(1)} h`;
}
