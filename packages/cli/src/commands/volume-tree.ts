/** The verbs and flags of volumes. */
import type { Command } from 'commander';
import type { Terminal } from '../output/terminal.ts';
import { collect, handle } from './handler.ts';

const VOLUME = ['<volume>', 'its uid, VM.NAME, or a name that only one has'] as const;

/** Adds the verbs of volumes. */
export function addVolume(volume: Command, terminal: Terminal): void {
  handle(
    volume.command('list').description('all volumes, those that outlived their VM with it in brackets'),
    terminal,
    async () => (await import('./volume.ts')).list,
  );
  handle(
    volume
      .command('show')
      .description('one volume')
      .argument(...VOLUME),
    terminal,
    async () => (await import('./volume.ts')).show,
  );
  handle(
    volume
      .command('delete')
      .description('delete a volume that belongs to no VM, with its data')
      .argument(...VOLUME)
      .option('--yes', 'do not ask'),
    terminal,
    async () => (await import('./volume.ts')).remove,
  );
}

/** Adds the verb by which a VM begins with empty volumes. */
export function addRecreateVolumes(vm: Command, terminal: Terminal): void {
  handle(
    vm
      .command('recreate-volumes')
      .description('let a VM begin with empty volumes; those with its data stay as volumes of no VM')
      .argument('<name>', 'name of the VM')
      .option('--volume <name>', 'only this one; may be repeated', collect)
      .option('--yes', 'do not ask'),
    terminal,
    async () => (await import('./volume.ts')).recreate,
  );
}
