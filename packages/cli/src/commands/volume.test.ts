import { type VolumeView, volumeViewSchema } from '@n3x/core/api/volume-routes';
import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { ApiDouble, apiError } from '../testing/api-double.ts';
import { makeVm } from '../testing/objects.ts';
import { runCli } from '../testing/run-cli.ts';

function makeVolume(change: Partial<VolumeView> = {}): VolumeView {
  return volumeViewSchema.parse({
    ...{ uid: 'v1', name: 'data', state: 'attached', vm: 'db', formerVm: null, host: 'n1', reachable: true },
    ...{ pool: 'default', sizeMib: 10_240, fsType: 'ext4', usedBytes: 3 * 1_048_576, writer: 7, since: 5, keep: true },
    ...{ copiedFrom: null, move: null, moveFailure: null },
    ...change,
  });
}

const attached = makeVolume();
const planned = makeVolume({
  ...{ uid: 'v2', name: 'logs', state: 'planned', host: null, usedBytes: null, writer: 0, since: null, keep: false },
});
const left = makeVolume({ uid: 'v3', state: 'kept', vm: null, formerVm: 'old', usedBytes: 10_000, writer: 4 });
const away = makeVolume({ uid: 'v4', name: 'far', host: 'n2', reachable: false, vm: 'web' });

t.test('volume list and show in every form', async (t) => {
  const api = await ApiDouble.start(t);
  const ctl = (...args: string[]) => runCli(['volume', ...args, '--socket', api.socket]);
  api.on('listVolumes', () => ({ items: [attached, planned, left, away], index: 12, stale: false }));
  api.on('getVolume', ({ params }) => {
    if (params['ref'] === 'db.data' || params['ref'] === 'v1') return attached;
    throw apiError(ERROR_CODES.notFound, `volume ${params['ref']} does not exist`);
  });
  const table = await ctl('list');
  t.equal(
    table.stdout,
    [
      'UID  NAME  VM     STATE        HOST  POOL     SIZE  USED  KEEP',
      'v1   data  db     attached     n1    default  10G   3M    yes',
      'v2   logs  db     planned      -     default  10G   -     no',
      'v3   data  (old)  kept         n1    default  10G   10K   yes',
      'v4   far   web    unreachable  n2    default  10G   3M    yes',
      '',
    ].join('\n'),
    table.stderr,
  );
  t.match((await ctl('list', '-o', 'wide')).stdout, /KEEP +FS +WRITER +SINCE\nv1 .* ext4 +7 +5\nv2 .* ext4 +0 +-\n/);
  t.equal((await ctl('list', '-q')).stdout, 'v1\nv2\nv3\nv4\n');
  t.match(JSON.parse((await ctl('list', '-o', 'json')).stdout), { items: [attached, {}, {}, {}], index: 12 });
  const shown = (await ctl('show', 'db.data')).stdout;
  for (const line of [/^UID: +v1\n/, /\nHost: +n1\n/, /\nThere since: +index 5\n/, /\nLast writer: +epoch 7\n/]) {
    t.match(shown, line);
  }
  t.match((await ctl('show', 'v1', '-o', 'yaml')).stdout, /^uid: v1\n/m);
  t.same(await ctl('show', 'v9'), { code: 3, stdout: '', stderr: 'n3xctl: volume v9 does not exist\n' });
});

t.test('stale reads of volumes come from the list, by uid or name', async (t) => {
  const api = await ApiDouble.start(t);
  const ctl = (...args: string[]) => runCli(['volume', ...args, '--stale', '--socket', api.socket]);
  api.on('listVolumes', () => ({ items: [attached, planned, left], index: 12, stale: true }));
  t.match((await ctl('list')).stderr, /^stale: as of index 12/);
  t.match((await ctl('show', 'v3')).stdout, /^UID: +v3\n[\s\S]*Former VM: +old/);
  t.match(JSON.parse((await ctl('show', 'logs', '-o', 'json')).stdout), { uid: 'v2', stale: true, index: 12 });
  t.match(await ctl('show', 'nope'), { code: 3, stderr: /there is no volume "nope" as of index 12/ });
  t.match(await ctl('delete', 'v1'), { code: 2, stderr: /--stale is for reads/ });
});

t.test('volume delete asks before data goes for good', async (t) => {
  const api = await ApiDouble.start(t);
  const ctl = (...args: string[]) => runCli(['volume', ...args, '--socket', api.socket]);
  let volume = left;
  api.on('getVolume', () => volume);
  api.on('deleteVolume', () => ({ changed: true, index: 12 }));
  t.match(await ctl('delete', 'v3'), {
    code: 2,
    stderr:
      /nothing was changed: Deleting volume v3 \(data of the former VM old\) on n1 with its data for good\. It was last written at epoch 4\.\n.*agree with --yes/,
  });
  t.equal(api.seen('deleteVolume').length, 0);
  t.equal((await ctl('delete', 'v3', '--yes')).stdout, 'volume v3: delete requested\n');
  t.same(api.seen('deleteVolume')[0]?.params, { ref: 'v3' });
  t.same(JSON.parse((await ctl('delete', 'v3', '--yes', '-o', 'json')).stdout), {
    uid: 'v3',
    changed: true,
    index: 12,
  });
  volume = attached;
  api.on('deleteVolume', () => {
    throw apiError(ERROR_CODES.refused, 'volume v1 belongs to VM db: delete the VM first');
  });
  t.match(
    await ctl('delete', 'db.data'),
    { code: 7, stderr: /belongs to VM db/ },
    'what is refused anyway is not asked about',
  );
});

t.test('vm recreate-volumes names what is left behind, and asks', async (t) => {
  const api = await ApiDouble.start(t);
  const ctl = (...args: string[]) => runCli(['vm', 'recreate-volumes', 'db', ...args, '--socket', api.socket]);
  api.on('listVolumes', () => ({ items: [attached, planned, away], index: 12, stale: false }));
  api.on('recreateVolumes', () => ({ vm: makeVm({ name: 'db', phase: 'stopped' }), changed: true, index: 13 }));
  t.match(await ctl(), {
    code: 2,
    stderr:
      /nothing was changed: VM db will begin without its data: data \(on n1, epoch 7\)\. What it had stays as volumes of no VM/,
  });
  t.equal(api.seen('recreateVolumes').length, 0);
  t.match(await ctl('--yes'), { code: 0, stdout: /^vm db: begins anew with empty volumes/ });
  t.same(api.seen('recreateVolumes')[0]?.body, {});
  await ctl('--volume', 'data', '--volume', 'logs', '--yes');
  t.same(api.seen('recreateVolumes')[1]?.body, { volumes: ['data', 'logs'] });
  api.on('recreateVolumes', () => {
    throw apiError(ERROR_CODES.refused, 'VM db is running: stop it before its volumes are begun anew');
  });
  t.match(await ctl('--yes'), { code: 7, stderr: /stop it before/ });
});

t.test('volume attach, detach and create say what came of it', async (t) => {
  const api = await ApiDouble.start(t);
  const ctl = (...args: string[]) => runCli(['volume', ...args, '--socket', api.socket]);
  let changed = true;
  api.on('attachVolume', () => ({ volume: { ...attached, uid: 'v3', vm: 'web', name: 'old' }, changed, index: 12 }));
  t.equal(
    (await ctl('attach', 'old.data', 'web', '--name', 'old', '--mount', '/old')).stdout,
    'volume v3: attached to VM web as old\n',
  );
  t.match(api.seen('attachVolume')[0], {
    params: { ref: 'old.data' },
    body: { vm: 'web', name: 'old', mountPoint: '/old' },
  });
  await ctl('attach', 'v3', 'web', '--project', 'shop');
  t.same(api.seen('attachVolume')[1]?.body, { vm: 'shop.web' });
  t.match(JSON.parse((await ctl('attach', 'v3', 'web', '-o', 'json')).stdout), {
    volume: { uid: 'v3' },
    changed: true,
    index: 12,
  });
  changed = false;
  t.equal((await ctl('attach', 'v3', 'web')).stdout, 'volume v3: unchanged\n');
  t.equal((await ctl('attach', 'v3', 'web', '-q')).stdout, 'v3\n');
  t.match(await ctl('attach', 'v3', 'web', '--mount', 'old'), {
    code: 2,
    stderr: /--mount: the mount point "old" is not an absolute path/,
  });

  api.on('detachVolume', () => ({ volume: left, changed: true, index: 13 }));
  t.equal((await ctl('detach', 'db.data')).stdout, 'volume v3: detached; it stays on n1\n');
  api.on('detachVolume', () => ({ volume: null, changed: true, index: 13 }));
  t.equal((await ctl('detach', 'db.logs')).stdout, 'volume db.logs: detached; it was never made, and is forgotten\n');

  api.on('createVolume', () => ({ volume: planned, changed: true, index: 14 }));
  t.equal((await ctl('create', 'db', 'logs:10G:/logs')).stdout, 'volume v2: new, logs of VM db\n');
  await ctl('create', 'db', 'name=logs,size=1G,pool=fast,keep', '-o', 'yaml');
  t.match(api.seen('createVolume'), [
    { params: { name: 'db' }, body: { name: 'logs', sizeMib: 10_240, mountPoint: '/logs' } },
    { body: { name: 'logs', sizeMib: 1024, pool: 'fast', keep: true } },
  ]);
  t.match(await ctl('create', 'db', 'logs'), {
    code: 2,
    stderr: /volume create: "logs" is not NAME:SIZE\[:MOUNT\[:FSTYPE\]\]/,
  });
  t.match(await ctl('create', 'db', 'name=logs,from=v3'), {
    ...{ code: 2, stderr: /from= names a volume that is there already\n.*n3xctl volume attach v3 db/ },
  });
  for (const verb of [
    ['attach', 'v3', 'web'],
    ['detach', 'v3'],
    ['create', 'db', 'a:1G'],
  ]) {
    t.match(await ctl(...verb, '--stale'), { code: 2, stderr: /--stale is for reads/ });
  }
});
