/** Volumes that come to guests that are there, and leave them: what one has written another finds. */
import t from 'tap';
import { Cluster, until } from './cluster.ts';

/** How long a guest may take to boot on a machine that is busy and emulates it, in ms. */
const BOOT_MS = 150_000;

interface VmView {
  phase: string;
  hostName: string | null;
}
interface VolumeView {
  uid: string;
  name: string;
  state: string;
  vm: string | null;
  formerVm: string | null;
  host: string | null;
  writer: number;
}

const cluster = await Cluster.formed(3);
t.teardown(() => cluster.destroy());
const [first, second] = [cluster.host(0), cluster.host(1)];

/** Runs a command that has to succeed. */
async function ok(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await first.ctl(args, { timeoutMs: BOOT_MS });
  if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  return stdout;
}

const create = (name: string, host: string, more: readonly string[] = []): Promise<string> =>
  ok([
    ...['vm', 'create', name, '--memory', '128M', '--net', 'user', '--ready-timeout', '150s', '--failover', 'stay'],
    ...['--host', host, ...more],
  ]);
const vm = (name: string): Promise<VmView> => first.json<VmView>(['vm', 'show', name]);
const volumes = async (): Promise<VolumeView[]> =>
  (await first.json<{ items: VolumeView[] }>(['volume', 'list'])).items;
const running = (name: string): Promise<unknown> =>
  until(`${name} runs`, BOOT_MS, async () => (await vm(name)).phase === 'running');
const stop = (name: string): Promise<string> => ok(['vm', 'stop', name, '--wait', '--timeout', '150s']);

/** What the guest has printed since its last boot. */
async function console(name: string): Promise<string> {
  return (await first.ctl(['vm', 'logs', name, '--lines', '1000'])).stdout;
}

t.test('what one guest has written, another finds that is given its volume', async (t) => {
  await create('db', first.name, ['--volume', 'name=data,size=16M,mount=/data']);
  await create('web', first.name);
  await Promise.all([running('db'), running('web')]);
  t.match(await console('db'), /mounted \/data .* boot 1 of this volume/);
  t.match(await first.ctl(['volume', 'detach', 'db.data']), {
    code: 7,
    stderr: /VM db is running: stop it before its volumes are changed/,
  });
  await stop('db');
  await stop('web');
  const [{ uid = '' } = {}] = await volumes();
  t.equal(await ok(['volume', 'detach', 'db.data']), `volume ${uid}: detached; it stays on ${first.name}\n`);
  t.match(await volumes(), [{ uid, state: 'kept', vm: null, formerVm: 'db', host: first.name }]);
  t.equal(await ok(['volume', 'detach', uid]), `volume ${uid}: unchanged\n`);
  t.equal(
    await ok(['volume', 'attach', uid, 'web', '--name', 'old', '--mount', '/old']),
    `volume ${uid}: attached to VM web as old\n`,
  );
  t.equal(await ok(['volume', 'attach', uid, 'web']), `volume ${uid}: unchanged\n`);
  await ok(['vm', 'start', 'web']);
  await ok(['vm', 'start', 'db']);
  await Promise.all([running('web'), running('db')]);
  t.match(await console('web'), /mounted \/old .* boot 2 of this volume/, 'under another name, with the same data');
  t.match(await volumes(), [{ uid, name: 'old', state: 'attached', vm: 'web' }]);
  t.notMatch((await console('db')).split('mounted /data').at(-1), /boot 2/, 'who had it runs without it');
  await ok(['vm', 'restart', 'web', '--wait', '--timeout', '150s']);
  await running('web');
  t.match(await console('web'), /boot 3 of this volume/, 'and finds it again, under its own stamp');
});

t.test('a volume that is made for a VM that is there is mounted at its next start', async (t) => {
  await stop('db');
  t.match(await ok(['volume', 'create', 'db', 'logs:16M:/logs']), /^volume v\d+-0: new, logs of VM db\n$/);
  t.match(
    (await volumes()).find(({ name }) => name === 'logs'),
    { state: /^(planned|attached)$/, vm: 'db' },
  );
  await ok(['vm', 'start', 'db']);
  await running('db');
  t.match(await console('db'), /mounted \/logs .* boot 1 of this volume/);
  t.match(await first.ctl(['vm', 'rollback', 'db']), {
    code: 7,
    stderr: /the volumes of db are not changed with its spec, .*`n3xctl volume attach\|detach\|create`/,
  });
});

t.test('what cannot be is refused, and says what to do', async (t) => {
  const refused = async (args: readonly string[], code: number, stderr: RegExp): Promise<void> => {
    t.match(await first.ctl(['volume', ...args]), { code, stderr });
  };
  await create('far', second.name, ['--no-start']);
  await stop('web');
  await refused(
    ['attach', 'web.old', 'far'],
    7,
    /it belongs to VM web: detach it there first, `n3xctl volume detach v/,
  );
  await ok(['volume', 'detach', 'web.old']);
  const uid = (await volumes()).find(({ name }) => name === 'old')?.uid ?? '';
  await refused(['attach', uid, 'far'], 7, new RegExp(`volume ${uid} is on ${first.name}, and VM far`));
  await refused(['attach', uid, 'wed'], 3, /VM wed does not exist.*did you mean web\?/);
  await refused(['attach', 'nothing', 'web'], 3, /volume nothing does not exist/);
  await refused(['attach', uid, 'web', '--mount', 'data'], 2, /the mount point "data" is not an absolute path/);
  await refused(['create', 'web', 'tmp'], 2, /"tmp" is not NAME:SIZE\[:MOUNT\[:FSTYPE\]\]/);
  await refused(['create', 'web', 'tmp:1G:/tmp:zfs'], 2, /zfs/);
  await refused(['create', 'web', `name=tmp,from=${uid}`], 2, /n3xctl volume attach/);
  await stop('db');
  await refused(['attach', uid, 'db', '--name', 'logs'], 7, /VM db has a volume logs already/);
  await refused(['attach', uid, 'db', '--mount', '/logs'], 7, /VM db mounts its volume logs at \/logs/);
});
