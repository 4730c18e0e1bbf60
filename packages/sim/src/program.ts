/**
 * The command line. Exit codes: 0 every run passed, 1 a rule was violated or a planted bug missed, 2 the command was wrong, 3 the
 * simulator itself failed.
 */
import { describeError, N3xError } from '@n3x/core/base/errors';
import { Command, CommanderError } from 'commander';
import { runExplain } from './commands/explain.ts';
import { type ExploreFlags, runExplore, withExploreFlags } from './commands/explore.ts';
import { caseOf, type GivenCase, type OneRunFlags, withOneRunFlags, withRunFlags } from './commands/flags.ts';
import { describeListing, listing } from './commands/list.ts';
import { type MutantFlags, runMutants } from './commands/mutants.ts';
import { needsThread, plantedBug, runPlanted } from './commands/planted.ts';
import { EXIT, type ProgramOutput } from './commands/program-output.ts';
import { type KeepFlags, runReplay, runRun } from './commands/run.ts';
import { runShrink, type ShrinkFlags } from './commands/shrink.ts';
import { runSoak, type SoakFlags } from './commands/soak.ts';

function withKeepFlags(command: Command): Command {
  return command
    .option('--html <file>', 'write a page that shows the run: hosts over time, messages, faults, clients')
    .option('--trace <file>', 'write the trace, for `replay` to be held against')
    .option('--history <file>', 'write what clients asked and were answered, a JSON object per line')
    .option('--write <file>', 'write the run as data, with all its faults and operations');
}

/** Does what `args` ask for; answers the exit code. */
export async function run(args: readonly string[], output: ProgramOutput): Promise<number> {
  let code: number = EXIT.passed;
  const program = new Command('n3x-sim')
    .description('runs n3x clusters in virtual time, under faults, from one seed')
    .addHelpText(
      'after',
      '\nExit codes: 0 passed, 1 a rule was violated or a planted bug missed, 2 the command was wrong, 3 the simulator failed.\nMore in docs/simulation.md.',
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.out(text.trimEnd()),
      writeErr: (text) => output.err(text.trimEnd()),
    });
  /** Does something with one run; where a bug of the core is to be planted, in a thread for it. */
  const withCase = async (flags: OneRunFlags, file: string | undefined, verb: (found: GivenCase) => number) => {
    const found = caseOf(flags, file);
    const { planted } = found.request;
    const bug = planted === undefined ? undefined : plantedBug(planted);
    code = bug !== undefined && needsThread(bug) ? await runPlanted(args, bug, output) : verb(found);
  };
  const one = (name: string, summary: string): Command => withOneRunFlags(program.command(name).description(summary));
  withKeepFlags(one('run', 'run one seed')).action((flags: KeepFlags) =>
    withCase(flags, undefined, (found) => runRun(found, flags, output)),
  );
  withKeepFlags(one('replay', 'run one seed again with its trace, or hold the trace of a file against its run'))
    .argument('[file]', 'a case or a trace')
    .action((file: string | undefined, flags: KeepFlags) =>
      withCase(flags, file, (found) => runReplay(found, flags, output)),
    );
  one('shrink', 'find the smallest run that still breaks the rule that this one breaks')
    .argument('[file]', 'a case or a trace')
    .option('--runs <n>', 'runs that it may take', '3000')
    .option('--time <time>', 'time that it may take', '10m')
    .option('--write <file>', 'where to write the case (default: n3x-sim-SEED.case.json)')
    .action((file: string | undefined, flags: ShrinkFlags) =>
      withCase(flags, file, (found) => runShrink(found, flags, output)),
    );
  one('explain', 'tell how a run came to break a rule: its last events, and who said what to whom')
    .argument('[file]', 'a case or a trace')
    .action((file: string | undefined, flags: OneRunFlags) =>
      withCase(flags, file, (found) => runExplain(found, flags, output)),
    );
  withRunFlags(program.command('soak').description('run many seeds').option('--seeds <a..b>', 'the seeds', '1..100'))
    .option('--jobs <n>', 'threads', '1')
    .option('--time <time>', 'begin no seed after this long (24 hours without it)')
    .option('--violations <n>', 'begin no seed after so many violations', '10')
    .action(async (flags: SoakFlags) => {
      code = await runSoak(flags, output);
    });
  program
    .command('mutants')
    .description('search for the planted bugs, and print which checker finds each within how many seeds')
    .option('--only <name...>', 'these alone', [])
    .option('--searches <n>', 'searches for each, from different seeds (default: 5, with --check 1)')
    .option('--jobs <n>', 'threads', '1')
    .option(
      '--check [part]',
      'no table: those of one part, as 2/6, or of the part that is due for the sources as they are',
    )
    .option('--write <file>', 'put the table between its marks in this file')
    .option('--json', 'as JSON')
    .action(async (flags: MutantFlags) => {
      code = await runMutants(flags, output);
    });
  withExploreFlags(
    program.command('explore').description('look at all that can happen to a small Raft group, within bounds'),
  ).action(async (flags: ExploreFlags) => {
    code = await runExplore(flags, args, output);
  });
  program
    .command('list')
    .description('profiles, workloads and the rules that are checked')
    .option('--json', 'as JSON')
    .action((flags: { json?: boolean }) =>
      output.out(flags.json === true ? JSON.stringify(listing()) : describeListing()),
    );
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.passed : EXIT.usage;
    output.err(describeError(error));
    return error instanceof N3xError ? EXIT.usage : EXIT.failed;
  }
}
