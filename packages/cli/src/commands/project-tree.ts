/** The verbs and flags of projects. */
import type { Command } from 'commander';
import type { Terminal } from '../output/terminal.ts';
import { handle } from './handler.ts';

const NAME = ['<name>', 'name of the project'] as const;

const SETTINGS = `
Settings: vcpu, memory, disk and vms take MAXIMUM, GUARANTEED.. or GUARANTEED..MAXIMUM, as in vcpu=8 or memory=4G..16G;
strategy says how hosts are chosen for its VMs. KEY- takes a setting away.`;

/** Adds the verbs of projects. */
export function addProject(project: Command, terminal: Terminal): void {
  handle(
    project
      .command('create')
      .description('make a project; the same again changes nothing')
      .argument(...NAME)
      .argument('[setting...]', 'its quotas and its strategy, for example vcpu=8 memory=16G vms=10')
      .addHelpText('after', SETTINGS),
    terminal,
    async () => (await import('./project.ts')).create,
  );
  handle(
    project.command('list').description('all projects with what they use of their quotas'),
    terminal,
    async () => (await import('./project.ts')).list,
  );
  handle(
    project
      .command('show')
      .description('one project')
      .argument(...NAME),
    terminal,
    async () => (await import('./project.ts')).show,
  );
  handle(
    project
      .command('set')
      .description('set quotas and the strategy of a project')
      .argument(...NAME)
      .argument('<setting...>', 'what is to change, for example vcpu=4..8 disk-')
      .addHelpText('after', SETTINGS),
    terminal,
    async () => (await import('./project.ts')).set,
  );
  handle(
    project
      .command('delete')
      .description('delete a project that has no VMs')
      .argument(...NAME),
    terminal,
    async () => (await import('./project.ts')).remove,
  );
  handle(
    project
      .command('annotate')
      .description('keep texts of your own with it; n3x never reads them')
      .argument(...NAME)
      .argument('<change...>', 'KEY=VALUE sets an annotation, KEY- takes it away'),
    terminal,
    async () => (await import('./annotate.ts')).annotateProject,
  );
}
