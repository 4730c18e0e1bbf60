/** The verb `explore`: all that can happen to a small group, within bounds. */
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import type { Command } from 'commander';
import { DEFECTS } from '../explore/defects.ts';
import { type Exploration, explore } from '../explore/explore.ts';
import { describeStep } from '../explore/node-input.ts';
import { pathScript } from '../explore/path-script.ts';
import { BUDGET_MAX, BUDGETS, type Budget, type Scenario } from '../explore/scenario.ts';
import { SCENARIOS } from '../explore/scenarios.ts';
import { checkOutputs, writeOutput } from './input-file.ts';
import { needsThread, plantedBug, runPlanted } from './planted.ts';
import { EXIT, type ProgramOutput } from './program-output.ts';
import { parseCount, parseDuration } from './run-options.ts';

/** Budgets under the names of their flags. */
const BUDGET_FLAGS: Readonly<Record<Budget, string>> = {
  ...{ elections: 'terms', proposals: 'proposals', beats: 'beats', duplicates: 'duplicates', drops: 'drops' },
  ...{ crashes: 'crashes', changes: 'changes', reads: 'reads', compactions: 'compactions', transfers: 'transfers' },
};

/** What `explore` is given. */
export interface ExploreFlags extends Partial<Record<string, string | boolean>> {
  readonly scenario: string;
  readonly depth?: string;
  readonly maxStates: string;
  readonly time?: string;
  readonly nodes?: string;
  readonly inFlight?: string;
  readonly planted?: string;
  readonly script?: string;
  readonly json?: boolean;
}

/** Adds the flags of {@link ExploreFlags}. */
export function withExploreFlags(command: Command): Command {
  command
    .option('--scenario <name>', 'what is explored, or all', 'all')
    .option('--depth <n>', 'steps from the beginning (no limit without it)')
    .option('--max-states <n>', 'states after which a scenario is left', '1000000')
    .option('--time <time>', 'time after which a scenario is left')
    .option('--nodes <n>', 'nodes, all of which vote, instead of those of the scenario')
    .option('--in-flight <n>', 'messages under way at once, instead of those of the scenario')
    .option('--planted <name>', 'with a planted bug')
    .option('--script <file>', 'write the path to a violation in the form of tests/interaction')
    .option('--json', 'as JSON, one line per scenario');
  for (const kind of BUDGETS) command.option(`--${BUDGET_FLAGS[kind]} <n>`, `most ${kind} on a path, by the scenario`);
  return command;
}

/** Explores; answers the exit code. */
export async function runExplore(flags: ExploreFlags, args: readonly string[], output: ProgramOutput): Promise<number> {
  const { planted, script } = flags;
  const defect = DEFECTS.find(({ name }) => name === planted);
  if (planted !== undefined && defect === undefined) {
    const bug = plantedBug(planted);
    if (bug.rewrites === undefined) throw invalid(`${planted} is planted between a loop and its world: use run`);
    if (needsThread(bug)) return runPlanted(args, bug, output);
  }
  checkOutputs(script);
  let code: number = EXIT.passed;
  for (const scenario of scenariosOf(flags, defect?.scenario)) {
    const began = performance.now();
    const limitMs = flags.time === undefined ? Number.POSITIVE_INFINITY : parseDuration(flags.time);
    const result = explore({
      ...{ scenario, defect, maxStates: parseCount(flags.maxStates, '--max-states') },
      depth: flags.depth === undefined ? undefined : parseCount(flags.depth, '--depth'),
      stop: () => performance.now() - began > limitMs,
    });
    const seconds = (performance.now() - began) / 1_000;
    if (flags.json === true) output.out(JSON.stringify(explorationJson(result, seconds)));
    else output.out(describeExploration(result, seconds));
    const { violation } = result;
    if (violation === undefined) continue;
    code = EXIT.violated;
    if (script === undefined) break;
    const { text } = pathScript(scenario, violation.steps, [`${violation.rule}: ${violation.message}`]);
    writeOutput(script, text);
    break;
  }
  return code;
}

/** The scenarios that are meant, with their bounds changed by flags. Throws `N3X_INVALID`. */
function scenariosOf(flags: ExploreFlags, preferred: string | undefined): Scenario[] {
  const name = flags.scenario === 'all' ? (preferred ?? 'all') : flags.scenario;
  const found = name === 'all' ? Object.values(SCENARIOS) : [SCENARIOS[name] ?? unknown(name)];
  return found.map((scenario) => {
    const budgets = { ...scenario.budgets };
    for (const kind of BUDGETS) {
      const given = flags[BUDGET_FLAGS[kind]];
      if (typeof given === 'string') budgets[kind] = atMost(BUDGET_FLAGS[kind], given, BUDGET_MAX);
    }
    const inFlight = flags.inFlight === undefined ? scenario.inFlight : atMost('in-flight', flags.inFlight, 100);
    if (flags.nodes === undefined) return { ...scenario, budgets, inFlight };
    const nodes = parseCount(flags.nodes, '--nodes', 5);
    const voters = Array.from({ length: nodes }, (_, i) => i + 1);
    return { ...scenario, budgets, inFlight, nodes, voters };
  });
}

function unknown(name: string): never {
  throw invalid(`there is no scenario ${name}: choose all, ${Object.keys(SCENARIOS).join(', ')}`);
}

function atMost(flag: string, text: string, most: number): number {
  return parseCount(text, `--${flag}`, most, 0);
}

function invalid(message: string): N3xError {
  return new N3xError(ERROR_CODES.invalid, message);
}

function explorationJson(result: Exploration, seconds: number): Record<string, unknown> {
  const { violation, ...rest } = result;
  const timed = { ...rest, seconds: Math.round(seconds * 10) / 10, statesPerSecond: perSecond(result, seconds) };
  if (violation === undefined) return timed;
  return { ...timed, violation: { ...violation, steps: violation.steps.map(describeStep) } };
}

function perSecond({ states }: Exploration, seconds: number): number {
  return Math.round(states / Math.max(0.001, seconds));
}

/** A result in a few lines. */
function describeExploration(result: Exploration, seconds: number): string {
  const { scenario, states, steps, depth, isComplete, cut, violation } = result;
  const speed = `${states} states and ${steps} steps in ${seconds.toFixed(1)} s, ${perSecond(result, seconds)} states per s`;
  const extent = isComplete ? `complete at depth ${depth}` : `depth ${depth}, not complete`;
  const left = cut === 0 ? '' : `, ${cut} steps left out for too many messages under way`;
  const line = `${scenario}: ${speed}; ${extent}${left}`;
  if (violation === undefined) return line;
  const path = violation.steps.map((step, at) => `  ${String(at + 1).padStart(2)}. ${describeStep(step)}`);
  return [line, `VIOLATED ${violation.rule}: ${violation.message}`, ...path].join('\n');
}
