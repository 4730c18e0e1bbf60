/** The verbs and flags of locks. */
import type { Command } from 'commander';
import type { Terminal } from '../output/terminal.ts';
import { handle } from './handler.ts';

const NAME = ['<name>', 'name of the lock'] as const;

/** Flags of a claim. */
function claim(command: Command, waits: string): Command {
  return command
    .option('--slots <n>', 'how many may hold it at once, 1 for a new lock; all who claim it must agree')
    .option('--ttl <duration>', 'the claim goes when it is not renewed for so long, 1s to 7d', '30s')
    .option('--wait <duration>', waits)
    .option('--reason <text>', 'what for, shown to others');
}

/** Adds the verbs of locks. */
export function addLock(lock: Command, terminal: Terminal): void {
  handle(lock.command('list').description('locks in use'), terminal, async () => (await import('./lock.ts')).list);
  handle(
    lock
      .command('show')
      .description('one lock with its holders and its queue')
      .argument(...NAME),
    terminal,
    async () => (await import('./lock.ts')).show,
  );
  handle(
    claim(
      lock
        .command('run')
        .description('run a command while holding a lock, and end it when the lock is lost')
        .usage('[options] <name> -- <command> [argument...]')
        .argument(...NAME)
        .argument('[command...]', 'what to run, after --')
        .option('--holder <holder>', 'who claims it, by default user@host and a number of this run'),
      'how long to wait for it; without this not at all',
    ).addHelpText('after', '\nThe command finds N3X_LOCK_NAME, N3X_LOCK_TOKEN and N3X_LOCK_HOLDER in its environment.'),
    terminal,
    async () => (await import('./lock-run.ts')).run,
  );
  handle(
    claim(
      lock
        .command('acquire')
        .description('claim a lock; -q prints its token only')
        .argument(...NAME)
        .option('--holder <holder>', 'who claims it, by default user@host'),
      'how long to wait for it; without this not at all',
    ),
    terminal,
    async () => (await import('./lock.ts')).acquire,
  );
  handle(
    lock
      .command('renew')
      .description('renew a claim')
      .argument(...NAME)
      .requiredOption('--token <n>', 'its token')
      .option('--holder <holder>', 'who claimed it, by default user@host'),
    terminal,
    async () => (await import('./lock.ts')).renew,
  );
  handle(
    lock
      .command('release')
      .description('give a claim back')
      .argument(...NAME)
      .requiredOption('--token <n>', 'its token')
      .option('--holder <holder>', 'who claimed it, by default user@host'),
    terminal,
    async () => (await import('./lock.ts')).release,
  );
  handle(
    lock
      .command('break')
      .description("end somebody else's claim; who holds it may go on for a while without knowing")
      .argument(...NAME)
      .requiredOption('--reason <text>', 'why; the history keeps it')
      .option('--holder <holder>', 'whose, when there are several')
      .option('--token <n>', 'only the claim with this token'),
    terminal,
    async () => (await import('./lock.ts')).breakLock,
  );
}
