import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Exec } from '../exec.ts';
import { Layout } from './layout.ts';
import { clean, findOrphans, type Orphan, type OrphanContext } from './orphans.ts';
import { RUN_ID_VARIABLE } from './process-identity.ts';
import { eventually, isAlive } from './test-host.ts';
import { forbidRestarts } from './unit-drop-in.ts';

const NONE: ReadonlySet<string> = new Set();

/** A host with one VM of n3x, `web`, whose runner has the interface n3x1x0. */
async function setUp(t: { teardown(work: () => Promise<void>): void }) {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-orphans-'));
  t.teardown(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const at = (...parts: string[]) => join(directory, ...parts);
  const layout = new Layout({ stateDir: at('vms'), gcrootsDir: at('roots'), owner: undefined });
  const uid = 'u';
  await layout.create('web', { format: 1, uid, epoch: 1, builtGeneration: 1, restarts: 0, volumes: [], run: null });
  await mkdir(at('runner/share/microvm'), { recursive: true });
  await writeFile(at('runner/share/microvm/tap-interfaces'), 'n3x1x0\n');
  await layout.setLink('web', 'current', at('runner'));
  await mkdir(at('net/n3x1x0'), { recursive: true });
  await mkdir(at('net/eth0'));
  await mkdir(at('units'));
  const calls: string[] = [];
  let units = 'microvm@web.service loaded active running web\n';
  const exec: Exec = async (argv) => {
    calls.push(argv.join(' '));
    const listing = argv[1] === 'list-units';
    const refused = argv.join(' ').includes('busy');
    const [stdout, stderr] = [listing ? units : '', refused ? 'Device or resource busy\n' : ''];
    return { code: refused ? 1 : 0, signal: null, stdout, stderr, timedOut: false };
  };
  const context: OrphanContext = {
    ...{ layout, exec, systemd: true, stateDir: at('vms'), gcrootsDir: at('roots') },
    ...{ runtimeUnits: at('units'), interfacesDir: at('net') },
  };
  const setUnits = (text: string) => {
    units = text;
  };
  const find = (given = NONE, busy = NONE) => findOrphans(context, busy, given);
  return { at, layout, context, calls, setUnits, find };
}

t.test('what has an owner is no orphan', async (t) => {
  const { find, at } = await setUp(t);
  await forbidRestarts(at('units'), 'microvm@web.service', undefined);
  t.same(await find(), []);
});

t.test('what is left of VMs that are gone is found, and taken away', async (t) => {
  const { find, at, context, calls, setUnits } = await setUp(t);
  setUnits('microvm@old.service loaded failed failed old\nmicrovm@off.service loaded inactive dead off\n');
  await forbidRestarts(at('units'), 'microvm@gone.service', undefined);
  await mkdir(at('net/n3x2x0'));
  await mkdir(at('net/n3x3x0'));
  await mkdir(at('net/n3x4x0'));
  await writeFile(at('net/n3x4x0/carrier'), '1\n');
  await symlink(at('vms/old/booted'), at('roots/booted-old'));
  await symlink('/nix/store/elsewhere', at('roots/mine'));
  await mkdir(at('vms/.old.removed'));
  await mkdir(at('vms/.new.new'));
  await mkdir(at('vms/bare'));
  await writeFile(at('vms/bare/data.img'), '');
  const found = await find(new Set(['n3x3x0']), new Set(['new']));
  t.same(
    found.map(({ kind, what, ours }) => [kind, what, ours]),
    [
      ['unit', 'microvm@old.service', false],
      ['unitSettings', 'microvm@gone.service', true],
      ['interface', 'n3x2x0', true],
      ['root', at('roots/booted-old'), false],
      ['directory', at('vms/.old.removed'), true],
      ['image', at('vms/bare/data.img'), false],
    ],
    'not what is in use, given to a VM here, or under way',
  );
  for (const orphan of found) await clean(context, orphan);
  t.same(
    calls.filter((call) => !call.includes('list-units')),
    [
      'systemctl stop microvm@old.service',
      'systemctl reset-failed microvm@old.service',
      'systemctl daemon-reload',
      'ip link delete n3x2x0',
    ],
  );
  t.same(await readdir(at('roots')), ['mine', 'web']);
  t.same((await readdir(at('vms'))).sort(), ['.new.new', 'bare', 'web']);
  t.same(await readdir(at('units')), []);
});

t.test('what cannot be taken away says why', async (t) => {
  const { context } = await setUp(t);
  const orphan: Orphan = { kind: 'interface', what: 'busy0', why: '', ours: true };
  await t.rejects(clean(context, orphan), { message: 'ip link delete busy0: Device or resource busy' });
});

t.test('a process of n3x whose directory is gone is found', async (t) => {
  const { find, at, context } = await setUp(t);
  await mkdir(at('vms/lost'));
  const child = spawn('sleep', ['1000'], {
    ...{ cwd: at('vms/lost'), detached: true, stdio: 'ignore' },
    env: { ...process.env, [RUN_ID_VARIABLE]: 'r' },
  });
  const pid = child.pid ?? 0;
  await rm(at('vms/lost'), { recursive: true });
  await eventually(async () => (await find()).length === 1);
  const [orphan] = await find();
  t.match(orphan, { kind: 'process', what: String(pid), ours: true, why: /lost, which is gone$/ });
  if (orphan !== undefined) await clean(context, orphan);
  await eventually(async () => !(await isAlive(pid)));
  if (orphan !== undefined) await t.resolves(clean(context, orphan), 'what has ended meanwhile is clean');
});
