/** The verbs and flags that move VMs. */
import { type Command, Option } from 'commander';
import type { Terminal } from '../output/terminal.ts';
import { handle } from './handler.ts';

function drainFlags(command: Command, parallel: string): Command {
  return command
    .argument('<name>', 'name of the host')
    .option('--deadline <duration>', 'end it after this time with what it has achieved, 1s to 7d')
    .option('--parallel <n>', `how many VMs leave at the same time, 1 to 256; ${parallel}`)
    .option('--wait', 'wait until the host is empty or the rest can go nowhere; this is the default')
    .option('--no-wait', 'begin it and come back at once; the cluster goes on with it');
}

/** Adds the verbs that empty hosts. */
export function addDrain(host: Command, terminal: Terminal): void {
  handle(
    drainFlags(
      host.command('drain').description('move all VMs off a host, a few at a time, and give it no more'),
      'by default 4',
    ).addHelpText('after', '\nEach VM is built on its new host while it runs on, then stopped here and started there.'),
    terminal,
    async () => (await import('./drain.ts')).drain,
  );
  handle(
    drainFlags(
      host.command('evacuate').description('move all VMs off a host at once, to wherever they can run'),
      'by default all',
    ),
    terminal,
    async () => (await import('./drain.ts')).evacuate,
  );
  handle(
    host
      .command('undrain')
      .description('end a drain or an evacuation, and let the host take VMs again')
      .argument('<name>', 'name of the host'),
    terminal,
    async () => (await import('./drain.ts')).undrain,
  );
}

/** Adds the verb that moves one VM. */
export function addMigrate(vm: Command, terminal: Terminal): void {
  handle(
    vm
      .command('migrate')
      .description('move a VM to another host: built there, stopped here, started there; or take that back')
      .argument('<name>', 'name of the VM')
      .option('--to <host>', 'name of the host, by default the best one')
      .addOption(
        new Option('--cancel', 'take a move that is under way back; it stays where it is').conflicts([
          'to',
          'together',
        ]),
      )
      .option('--together', 'take those of its host along that it is to be near (--near)')
      .option('--wait', 'wait until it runs on its new host, or on its old one again, with progress on a terminal'),
    terminal,
    async () => (await import('./vm-migrate.ts')).migrate,
  );
}

/** Adds the verb that evens out the hosts. */
export function addRebalance(cluster: Command, terminal: Terminal): void {
  handle(
    cluster
      .command('rebalance')
      .description('move VMs that would run better elsewhere, and show which')
      .option('--dry-run', 'show the plan and move nothing')
      .option('--max <n>', 'how many VMs at most, 1 to 64; by default 10'),
    terminal,
    async () => (await import('./rebalance.ts')).rebalance,
  );
}
