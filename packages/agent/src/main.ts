/** n3xd's entry point: flags, signals and the end of the process. */
import { describeError, N3xError } from '@n3x/core/base/errors';
import { Command } from 'commander';
import { checkConfig, loadConfig } from './config/load.ts';
import { Daemon } from './daemon/daemon.ts';
import { createJournal, type Journal } from './daemon/journal.ts';
import { notifyService } from './daemon/service-notify.ts';
import { N3X_VERSION } from './daemon/version.ts';
import { addOfflineVerbs } from './recovery/command-line.ts';

/** Where the configuration is unless the command line says otherwise. */
const DEFAULT_CONFIG = '/etc/n3x/n3xd.toml';
/** Exit status for a wrong command line or configuration, after which a restart would not help. */
const EXIT_CONFIG = 2;
/** How long a stop may take, in ms, before the process ends anyway. */
const STOP_MS = 15_000;

interface Flags {
  readonly config: string;
  readonly checkConfig?: boolean;
}

function complain(error: unknown): void {
  process.stderr.write(`n3xd: ${describeError(error)}\n`);
}

/** A complaint of the command line's parser in the form of all others; it puts the near miss on a line of its own. */
function oneLine(text: string): string {
  const [what = '', ...more] = text
    .trim()
    .replace(/^error: /, '')
    .replace(/^too many arguments\. Expected 0 arguments but got \d+: (.*)\.$/, "unknown command '$1': see n3xd --help")
    .split('\n');
  return `n3xd: ${[what, ...more.map((line) => line.replace('Did you', 'did you'))].join(' ')}\n`;
}

async function check(path: string): Promise<number> {
  const result = await checkConfig(path);
  if (result.ok) {
    process.stdout.write(`${path}: ok\n`);
    return 0;
  }
  for (const problem of result.problems) process.stderr.write(`n3xd: ${problem}\n`);
  return EXIT_CONFIG;
}

async function run(path: string): Promise<void> {
  const loaded = await loadConfig(path);
  const { log, name } = loaded.config;
  const journal: Journal = createJournal({ level: log.level, format: log.format, host: name }, () => process.exit(1));
  const fail = (event: string) => (error: unknown) =>
    journal.fatal(event, { message: describeError(error), stack: error instanceof Error ? error.stack : undefined });
  process.on('uncaughtException', fail('daemon.defect'));
  process.on('unhandledRejection', fail('daemon.defect'));
  const daemon = await Daemon.start(loaded, journal);
  const stop = (signal: string): void => {
    journal.log('info', 'daemon.stopping', { signal });
    const late = () => {
      journal.log('error', 'daemon.stopLate', {
        message: `has not stopped within ${STOP_MS / 1000} s, and ends as it is`,
      });
      process.exit(1);
    };
    setTimeout(late, STOP_MS).unref();
    void notifyService('STOPPING=1', journal);
    daemon.stop().then(() => process.exit(0), fail('daemon.stopFailed'));
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('SIGHUP', () => {
    // A wrong file changes nothing: the daemon goes on with the configuration it has.
    daemon
      .reload()
      .catch((error: unknown) => journal.log('error', 'daemon.reloadFailed', { message: describeError(error) }));
  });
  journal.log('info', 'daemon.ready', {
    version: N3X_VERSION,
    socket: loaded.config.api.socket,
    peerId: daemon.peerId,
  });
  await notifyService('READY=1', journal);
}

const program = new Command('n3xd')
  .description('The n3x daemon: one per host.')
  .version(N3X_VERSION)
  .option('--config <file>', 'configuration file', DEFAULT_CONFIG)
  .option('--check-config', 'check the configuration file and exit: 0 if it is right, 2 with one line per problem')
  .allowExcessArguments(false)
  .configureOutput({ outputError: (text, write) => write(oneLine(text)) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : EXIT_CONFIG))
  .showSuggestionAfterError()
  .action(async (flags: Flags) => {
    if (flags.checkConfig === true) process.exitCode = await check(flags.config);
    else await run(flags.config).catch(fail);
  });
addOfflineVerbs(program, (work) => work.catch(fail));
await program.parseAsync();

/** Ends the process for an error, in one line. */
function fail(error: unknown): never {
  complain(error);
  const wrongUse = error instanceof N3xError && (error.code === 'N3X_CONFIG' || error.code === 'N3X_INVALID');
  process.exit(wrongUse ? EXIT_CONFIG : 1);
}
