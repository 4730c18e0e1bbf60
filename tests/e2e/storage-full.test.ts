/**
 * A host whose disk is full: its n3xd ends with one clear line, the others go on, and with space again nothing
 * acknowledged is lost. Needs a small file system of its own, so it is there only where mounting is permitted.
 */
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Cluster, run, until } from './cluster.ts';

const DISK_MIB = 48;

const cluster = await Cluster.create(3);
const [n1, n2, n3] = [cluster.host(0), cluster.host(1), cluster.host(2)];
const disk = n3.dataDirectory;
await mkdir(disk, { recursive: true });
const mounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m,mode=700`, 'none', disk]);

t.teardown(async () => {
  await Promise.all(cluster.hosts.map((host) => host.kill('SIGKILL')));
  if (mounted.code === 0) await run('umount', ['-l', disk]);
  await cluster.destroy();
});

if (mounted.code === 0) {
  await t.test('a disk that fills up', async (t) => {
    await cluster.form();
    const known: string[] = [];
    const create = async (): Promise<void> => {
      const name = `vm${known.length}`;
      // The text of a module makes the record large, so that little has to be written.
      const made = await n1.ctl(['vm', 'create', name, '--vcpu', '1', '--module', module, '--no-start']);
      if (made.code !== 0) throw new Error(`${name}: exit ${made.code}: ${made.stderr}`);
      known.push(name);
    };
    const module = join(cluster.directory, 'large.nix');
    await writeFile(module, `{ }\n# ${'x'.repeat(60_000)}\n`);
    await create();

    // All but a little is taken by something else.
    const filler = join(disk, 'filler');
    const { bavail, bsize } = await statfs(disk);
    await writeFile(filler, Buffer.alloc(bavail * bsize - 300_000));
    await until('n3 ends', 60_000, async () => {
      if (n3.running) await create();
      return !n3.running;
    });
    t.not(await n3.exited(60_000), 0);
    const fatal = (await n3.log()).split('\n').filter((line) => line.includes('"level":"fatal"'));
    t.equal(fatal.length, 1, 'one line says why');
    t.match(fatal[0], /No space left on device/);
    t.comment(fatal[0] ?? '');
    t.equal((await n1.ctl(['vm', 'list'])).code, 0, 'the others go on');
    await create();

    n3.spawn();
    const ended = await n3.exited(60_000);
    t.comment((await n3.log()).trim().split('\n').slice(-2).join('\n'));
    t.not(ended, 0, 'still full, it does not start');
    t.match((await n3.log()).trim().split('\n').at(-1), /No space left on device/);

    await rm(filler);
    await n3.start();
    const names = (list: { items: { name: string }[] }): string[] => list.items.map((vm) => vm.name);
    for (const host of [n3, n1, n2]) {
      const there = await until(`${host.name} answers`, 60_000, async () => names(await host.json(['vm', 'list'])));
      t.same(there.sort(), [...known].sort(), `${host.name} has everything acknowledged`);
    }
    await until('n3 has caught up', 60_000, async () => {
      const stale = names(await n3.json(['vm', 'list', '--stale']));
      return stale.length === known.length;
    });
    // It counts again: with another host down the two of them are a majority.
    await n2.kill('SIGKILL');
    await until('a majority with n3', 60_000, async () => (await n3.ctl(['vm', 'delete', 'vm0'])).code === 0);
  });
}
