/** The verbs and flags of volumes. */
import { type Command, Option } from 'commander';
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
      .command('attach')
      .description('give a volume of no VM to a VM that is stopped, on the host that has it')
      .argument(...VOLUME)
      .argument('<vm>', 'name of the VM')
      .option('--name <name>', 'what the VM calls it; by default its name')
      .option('--mount <path>', 'where the guest mounts it; without it the guest only sees the disk'),
    terminal,
    async () => (await import('./volume-attach.ts')).attach,
  );
  handle(
    volume
      .command('detach')
      .description('take a volume from its VM, which is stopped; its data stays where it is, as a volume of no VM')
      .argument(...VOLUME),
    terminal,
    async () => (await import('./volume-attach.ts')).detach,
  );
  handle(
    volume
      .command('create')
      .description('give a VM that is stopped a new, empty volume')
      .argument('<vm>', 'name of the VM')
      .argument(
        '<new>',
        'NAME:SIZE[:MOUNT[:FSTYPE]], or name=NAME,size=SIZE[,mount=PATH][,fs=TYPE][,pool=POOL][,keep]',
      ),
    terminal,
    async () => (await import('./volume-attach.ts')).create,
  );
  handle(
    volume
      .command('move')
      .description('copy a volume of no VM to another host, where it is from then on; or take that back')
      .argument(...VOLUME)
      .option('--to <host>', 'name of the host')
      .addOption(new Option('--cancel', 'take a move that is under way back; it stays where it is').conflicts('to'))
      .option('--wait', 'wait until it is there, with progress on a terminal'),
    terminal,
    async () => (await import('./volume-move.ts')).move,
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
