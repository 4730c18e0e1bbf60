/** The verbs and flags about what was on hosts before n3x. */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { Terminal } from '../output/terminal.ts';
import { handle } from './handler.ts';

/** Adds the verbs about what is left on hosts. */
export function addOrphans(host: Command, terminal: Terminal): void {
  const orphans = host
    .command('orphans')
    .description('what is left on hosts of microVMs that are gone, and microVMs that n3x does not manage')
    .argument('[name]', 'name of the host, by default all that can be reached');
  handle(orphans, terminal, async () => (await import('./host-orphans.ts')).orphans);
  handle(
    orphans
      .command('clean')
      .description('take away what is left on a host')
      .argument('<name>', 'name of the host')
      .option('--dry-run', 'show what would go and change nothing')
      .option('--confirm', 'also what n3x did not make itself')
      .option('--yes', 'do not ask'),
    terminal,
    async () => (await import('./host-orphans.ts')).clean,
  );
}

/** Adds the verbs that take a VM over and hand one back. */
export function addAdoption(vm: Command, terminal: Terminal): void {
  handle(
    vm
      .command('adopt')
      .description('take over a microVM that is on a host already, without touching its process')
      .argument('[name]', 'name of the microVM: its directory below the state directory')
      .option('--all', 'every microVM of the host that can be taken over')
      .option('--host <name>', 'name of the host, by default the one that answers')
      .addOption(
        new Option(
          '--failover <mode>',
          'what happens when the host is lost; by default stay, since what it keeps there is not known',
        ).choices(['stay', 'restart']),
      )
      .addHelpText(
        'after',
        "\nIt stays on its host, with the flake that its file `flake` names. MicroVMs of the host's own NixOS configuration\nare left alone. `n3xctl vm release` hands it back.",
      ),
    terminal,
    async () => (await import('./vm-adopt.ts')).adopt,
  );
  handle(
    vm
      .command('release')
      .description('hand a VM back to its host as it is: n3x forgets it, its process runs on')
      .argument('<name>', 'name of the VM'),
    terminal,
    async () => (await import('./vm-adopt.ts')).release,
  );
}
