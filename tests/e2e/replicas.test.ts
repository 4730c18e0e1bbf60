/** Real VMs that change in place, go back by themselves, and live in sets. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Cluster, until } from './cluster.ts';

/** How long guests may take to boot on a machine that is busy and emulates them, in ms. */
const BOOT_MS = 240_000;

interface VmView {
  name: string;
  phase: string;
  hostName: string | null;
  generation: number;
  spec: { memoryMib: number; labels: Record<string, string> };
  status: { pid?: number; bootedRunner?: string; reason: string };
  revision?: { state: string; restores?: number };
}

interface History {
  items: { generation: number; outcome: string; current: boolean; runner?: string; message?: string }[];
}

interface SetView {
  state: string;
  ready: number;
  updated: number;
  current: number;
  waitsFor: string;
  members: { name: string; phase: string; hostName: string | null; revision: number }[];
}

const cluster = await Cluster.formed(3);
t.teardown(() => cluster.destroy());
const n1 = cluster.host(0);

const LIMIT = { timeoutMs: BOOT_MS + 30_000 };

/** What n3xctl prints; throws with what it said when it fails. */
async function ok(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await n1.ctl(args, LIMIT);
  if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** What n3xctl says when it fails, as it has to. */
async function fails(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await n1.ctl(args, LIMIT);
  if (code === 0) throw new Error(`${args.join(' ')} did not fail: ${stdout}`);
  return stderr;
}

const show = (name: string): Promise<VmView> => n1.json<VmView>(['vm', 'show', name]);
const set = (): Promise<SetView> => n1.json<SetView>(['vm', 'show', 'web']);
const WAIT = ['--wait', '--timeout', `${BOOT_MS}ms`];

t.test('a VM is rebuilt beside its process, and goes back when its guest does not get ready', async (t) => {
  await ok(['vm', 'create', 'db', '--memory', '96M', '--ready-timeout', '150s', ...WAIT]);
  const first = await show('db');
  await ok(['vm', 'update', 'db', '--label', 'app=db', '--priority', '3', ...WAIT]);
  const relabelled = await show('db');
  t.same(relabelled.spec.labels, { app: 'db' });
  t.equal(relabelled.status.pid, first.status.pid, 'labels need no restart');
  t.match(await ok(['vm', 'update', 'db', '--memory', '112M', ...WAIT]), /^vm db: updated \(running on n\d/);
  const second = await show('db');
  t.not(second.status.pid, first.status.pid);
  t.not(second.status.bootedRunner, first.status.bootedRunner);
  const failed = await fails([
    'vm',
    'update',
    'db',
    '--ready',
    'console:never-printed',
    '--memory',
    '100M',
    '--ready-timeout',
    '3s',
    ...WAIT,
  ]);
  t.match(failed, /its new build failed, and it went back to that of generation \d/);
  const back = await until('db runs its earlier build', BOOT_MS, async () => {
    const vm = await show('db');
    return vm.phase === 'running' && vm.revision?.state === 'ready' && vm;
  });
  t.equal(back.spec.memoryMib, 112);
  t.equal(back.status.bootedRunner, second.status.bootedRunner, 'the runner of before is used again');
  const { items } = await n1.json<History>(['vm', 'history', 'db']);
  t.same(
    items.map(({ outcome }) => outcome),
    ['ready', 'ready', 'failed', 'ready'],
  );
  t.match(items[2]?.message, /not ready 3 s after its start/);
  await ok(['vm', 'rollback', 'db', '--to', '1', ...WAIT]);
  t.match(await show('db'), { spec: { memoryMib: 96 }, status: { bootedRunner: first.status.bootedRunner } });
  await ok(['vm', 'delete', 'db', ...WAIT]);
});

t.test('a VM is changed in an editor', async (t) => {
  await ok(['vm', 'create', 'note', '--memory', '96M', '--no-start']);
  const editor = join(n1.directory, 'editor.sh');
  await writeFile(editor, '#!/bin/sh\nsed -i "s/^memoryMib: 96/memoryMib: 128/" "$1"\n');
  await chmod(editor, 0o755);
  process.env['EDITOR'] = editor;
  delete process.env['VISUAL'];
  await ok(['vm', 'edit', 'note']);
  t.equal((await show('note')).spec.memoryMib, 128);
  await ok(['vm', 'delete', 'note', ...WAIT]);
});

t.test('a set is spread, updated one by one, scaled, and goes back', async (t) => {
  // That their guests get ready is what the VM above is for; here it is who is updated when.
  await ok([
    'vm',
    'create',
    'web',
    '--replicas',
    '3',
    '--memory',
    '96M',
    '--ready',
    'process',
    '--stop-timeout',
    '2s',
    ...WAIT,
  ]);
  t.equal(new Set((await set()).members.map(({ hostName }) => hostName)).size, 3, 'each on a host of its own');
  t.match(await ok(['vm', 'list']), /web-0 +running(?:.|\n)*web-2 +running/);
  const before = await show('web-1');
  await ok(['vm', 'delete', 'web-1', '--wait', '--timeout', `${BOOT_MS}ms`]);
  await until('web-1 is made anew', BOOT_MS, async () => (await set()).state === 'settled');
  t.not((await show('web-1')).status.pid, before.status.pid);
  await ok(['vm', 'update', 'web', '--memory', '104M', ...WAIT]);
  t.match(await set(), { state: 'settled', updated: 3, current: 2 });
  const failed = await fails([
    'vm',
    'update',
    'web',
    '--ready',
    'console:never-printed',
    '--memory',
    '88M',
    '--ready-timeout',
    '3s',
    ...WAIT,
  ]);
  t.match(failed, /revision 3 failed: web-2: not ready 3 s after its start; all go back to revision 2/);
  await until('web is as it was', BOOT_MS, async () => (await set()).state === 'settled');
  t.same(
    (await n1.json<History>(['vm', 'history', 'web-0'])).items.map(({ outcome }) => outcome),
    ['ready', 'ready'],
    'the bad revision never came here',
  );
  await ok(['vm', 'scale', 'web', '--replicas', '1', ...WAIT]);
  t.same(
    (await set()).members.map(({ name }) => name),
    ['web-0'],
  );
  t.match(await fails(['vm', 'update', 'web-0', '--memory', '64M']), /belongs to the set web, whose VMs are all alike/);
  await ok(['vm', 'delete', 'web', ...WAIT]);
  t.match(await fails(['vm', 'show', 'web']), /VM web does not exist/);
});
