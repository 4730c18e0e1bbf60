import { mkdir, mkdtemp, readdir, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Layout } from './layout.ts';
import type { Marker } from './marker.ts';

const MARKER: Marker = { format: 1, uid: 'u', epoch: 1, builtGeneration: 0, restarts: 0, volumes: [], run: null };

async function setUp(t: { teardown(work: () => Promise<void>): void }) {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-layout-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const layout = new Layout({
    stateDir: join(directory, 'vms'),
    gcrootsDir: join(directory, 'roots'),
    owner: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
  });
  return { directory, layout };
}

t.test('whose a VM is', async (t) => {
  const { layout } = await setUp(t);
  t.same(await layout.names(), [], 'no directory yet');
  t.match(await layout.claim('web'), { kind: 'free' });
  await layout.create('web', MARKER);
  t.match(await layout.claim('web'), { kind: 'managed', marker: { uid: 'u' } });
  await t.rejects(layout.managed('web', 'other'), { reason: 'NameTaken', message: /earlier/ });
  await t.rejects(layout.managed('none', 'u'), { reason: 'NotManaged', message: /not on this host/ });
  await mkdir(layout.path('theirs', 'x'), { recursive: true });
  t.match(await layout.claim('theirs'), { kind: 'foreign' });
  await writeFile(layout.path('theirs', 'n3x.json'), '{"format":99}');
  t.match(await layout.claim('theirs'), { kind: 'foreign' }, 'a marker of another format');
  await writeFile(layout.path('web', 'toplevel'), '');
  t.match(await layout.claim('web'), { kind: 'foreign' }, 'part of the host’s own configuration');
  t.same(await layout.names(), ['theirs', 'web']);
  t.throws(() => layout.directory('../etc'), /microVM's name/);
});

t.test('links, their roots, and the runner before', async (t) => {
  const { layout, directory } = await setUp(t);
  await layout.create('web', MARKER);
  await layout.install('web', '/nix/store/one');
  await layout.install('web', '/nix/store/one');
  t.equal(await layout.readLink('web', 'old'), undefined);
  await layout.install('web', '/nix/store/two');
  t.equal(await layout.readLink('web', 'current'), '/nix/store/two');
  t.equal(await layout.readLink('web', 'old'), '/nix/store/one');
  await layout.setLink('web', 'booted', '/nix/store/two');
  t.same((await readdir(join(directory, 'roots'))).sort(), ['booted-web', 'old-web', 'web']);
  t.equal(await readlink(join(directory, 'roots/booted-web')), layout.path('web', 'booted'));
  await layout.removeLink('web', 'booted');
  t.equal(await layout.readLink('web', 'booted'), undefined);
  t.same((await readdir(join(directory, 'roots'))).sort(), ['old-web', 'web']);
  await layout.remove('web');
  await layout.remove('web');
  t.same(await readdir(join(directory, 'roots')), []);
  t.same(await readdir(join(directory, 'vms')), []);
});

t.test('markers are changed one after the other', async (t) => {
  const { layout } = await setUp(t);
  await layout.create('web', MARKER);
  t.equal((await stat(layout.directory('web'))).mode & 0o777, 0o775 & ~process.umask());
  const add = () => layout.updateMarker('web', (marker) => ({ ...marker, restarts: marker.restarts + 1 }));
  await Promise.all(Array.from({ length: 10 }, add));
  t.match(await layout.claim('web'), { marker: { restarts: 10 } });
  await t.rejects(
    layout.updateMarker('none', (marker) => marker),
    { reason: 'NotManaged', message: /not on this host/ },
  );
});
