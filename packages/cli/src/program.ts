/** n3xctl as a function: arguments in, exit code out. */
import { nearest } from '@n3x/core/base/near-miss';
import { Command, CommanderError, Option } from 'commander';
import { UsageError } from './arguments/usage-error.ts';
import { addCommands } from './commands/tree.ts';
import { OUTPUT_FORMATS } from './context.ts';
import { reportJson, reportOf, reportText } from './output/error-report.ts';
import { EXIT_CODE_MEANINGS, EXIT_CODES, ExitWith } from './output/exit-codes.ts';
import type { Terminal } from './output/terminal.ts';

const EXIT_CODE_HELP = EXIT_CODE_MEANINGS.map(([code, meaning]) => `  ${code}  ${meaning}`).join('\n');

/** Builds the whole command tree over a terminal. */
export function buildProgram(terminal: Terminal): Command {
  const program = new Command('n3xctl')
    .description('Control an n3x cluster from any of its hosts.')
    .usage('[options] <command>')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      // The error is thrown as well, and told there in the form that was asked for.
      outputError: () => undefined,
      getOutHelpWidth: () => terminal.stdout.columns ?? 100,
      getErrHelpWidth: () => terminal.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .option('--socket <path>', 'socket of n3xd; otherwise $N3X_SOCKET, a development cluster, /run/n3x/n3xd.sock')
    .addOption(new Option('-o, --output <format>', 'form of the output').choices(OUTPUT_FORMATS).default('table'))
    .option('--timeout <duration>', 'how long the command may take, for example 10s (15s; with --wait 10m)')
    .option('--stale', 'reads: answer from the state of this host alone, also without a quorum')
    .option('--project <name>', 'project whose VMs are meant; otherwise $N3X_PROJECT, then default')
    .option('--no-color', 'no colours')
    .option('-q, --quiet', 'print names only, and no progress')
    .addHelpText('after', `\nExit codes:\n${EXIT_CODE_HELP}`);
  addCommands(program, terminal);
  return program;
}

/** The one line that commander's message says, without its prefix and line breaks. */
function usageError(error: CommanderError): UsageError {
  const [message = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = rest
    .join(' ')
    .replace(/^\((.*)\)$/, '$1')
    .trim();
  const lower = suggestion.charAt(0).toLowerCase() + suggestion.slice(1);
  return new UsageError(suggestion === '' ? nearMiss(message) : `${message} (${lower})`);
}

/** What commander says of a word that a flag does not know, with the near miss that it leaves out. */
function nearMiss(message: string): string {
  const found = / argument '(.*)' is invalid\. Allowed choices are (.*)\.$/.exec(message);
  const near = found === null ? undefined : nearest(found[1] ?? '', (found[2] ?? '').split(', '));
  return near === undefined ? message : `${message.slice(0, -1)} (did you mean ${near}?)`;
}

/** Runs one command line, without the names of the interpreter and the program. Gives the exit code; never rejects. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const program = buildProgram(terminal);
  let failure: unknown;
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return terminal.interrupted.aborted ? EXIT_CODES.interrupted : EXIT_CODES.done;
  } catch (error) {
    if (error instanceof ExitWith) return error.exitCode;
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT_CODES.done;
      // The help was printed because no verb was given: nothing is left to say.
      if (error.code === 'commander.help') return EXIT_CODES.usage;
      failure = usageError(error);
    } else {
      failure = error;
    }
  }
  if (terminal.interrupted.aborted) return EXIT_CODES.interrupted;
  const report = reportOf(failure);
  const json = program.getOptionValue('output') === 'json';
  terminal.stderr.write(json ? reportJson(report) : reportText(report));
  return report.exitCode;
}
