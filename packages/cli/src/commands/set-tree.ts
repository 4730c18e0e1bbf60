/** The verbs and flags that change VMs in place, and those of sets of VMs. */
import { type Command, Option } from 'commander';
import type { Terminal } from '../output/terminal.ts';
import { handle } from './handler.ts';

/** Limits of an update of a set. */
export function setLimitFlags(command: Command): Command {
  return command
    .option('--max-unavailable <n>', 'how many VMs of a set an update may have down at once, for a new set 1')
    .addOption(
      new Option(
        '--on-failure <what>',
        'when an update fails on a VM of a set: take it back from all, or stop there; for a new set rollback',
      ).choices(['rollback', 'pause']),
    );
}

/** Adds the verbs. `specFlags` adds the flags that describe a VM, `wait` the one that waits. */
export function addVmChanges(
  vm: Command,
  terminal: Terminal,
  specFlags: (command: Command) => Command,
  wait: (command: Command, goal: string) => Command,
): void {
  const name = ['<name>', 'name of the VM or set'] as const;
  const ready = 'its guests are ready with it';
  handle(
    wait(
      setLimitFlags(
        specFlags(
          vm
            .command('update')
            .description('change what is named of a VM or set; a build that does not get ready is taken back')
            .argument(...name)
            .option('--rebuild', 'build it anew although nothing changes: what its flake refers to may have moved'),
        ),
      ),
      ready,
    ).addHelpText('after', '\nA flag replaces what it names as a whole: --label app=web leaves that one label.'),
    terminal,
    async () => (await import('./vm-update.ts')).update,
  );
  handle(
    wait(
      vm
        .command('edit')
        .description('change a VM or set in $VISUAL or $EDITOR')
        .argument(...name),
      ready,
    ),
    terminal,
    async () => (await import('./vm-update.ts')).edit,
  );
  handle(
    wait(
      vm
        .command('rollback')
        .description('go back to the last build that was ready, or to one of the history')
        .argument(...name)
        .option('--to <generation>', 'generation of a VM, or revision of a set, as the history shows it'),
      ready,
    ),
    terminal,
    async () => (await import('./vm-update.ts')).rollback,
  );
  handle(
    vm
      .command('history')
      .description('the builds of a VM or the revisions of a set, and what became of them')
      .argument(...name),
    terminal,
    async () => (await import('./vm-update.ts')).history,
  );
  handle(vm.command('sets').description('all sets of VMs'), terminal, async () => (await import('./vm-sets.ts')).sets);
  handle(
    wait(
      vm
        .command('scale')
        .description('set how many VMs a set has; of too many those with the highest numbers go')
        .argument('<name>', 'name of the set')
        .requiredOption('--replicas <n>', 'how many, 0 to 256'),
      'all are ready',
    ),
    terminal,
    async () => (await import('./vm-sets.ts')).scale,
  );
}
