/** Volumes of real guests: kept over restarts and over their VM, missed where they are gone, begun anew on request. */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Cluster, until } from './cluster.ts';

/** How long a guest may take to boot on a machine that is busy and emulates it, in ms. */
const BOOT_MS = 150_000;

interface VmView {
  phase: string;
  status: { reason: string; message: string };
}
interface VolumeView {
  uid: string;
  name: string;
  state: string;
  vm: string | null;
  formerVm: string | null;
  host: string | null;
  usedBytes: number | null;
  writer: number;
}

const cluster = await Cluster.formed(1);
t.teardown(() => cluster.destroy());
const host = cluster.host(0);

/** Runs a command that has to succeed. */
async function ok(args: readonly string[]): Promise<void> {
  const { code, stderr } = await host.ctl(args, { timeoutMs: BOOT_MS });
  if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
}

const create = (name: string, volume: string): string[] => [
  ...['vm', 'create', name, '--memory', '128M', '--net', 'user', '--ready-timeout', '150s', '--volume', volume],
];
const vm = (name: string): Promise<VmView> => host.json<VmView>(['vm', 'show', name]);
const volumes = async (): Promise<VolumeView[]> => (await host.json<{ items: VolumeView[] }>(['volume', 'list'])).items;
const running = (name: string): Promise<unknown> =>
  until(`${name} runs`, BOOT_MS, async () => (await vm(name)).phase === 'running');
const gone = (name: string): Promise<unknown> =>
  until(`${name} is gone`, BOOT_MS, async () => (await host.ctl(['vm', 'show', name])).code !== 0);
const poolDirectory = join(host.stateDirectory, '.volumes');

/** What the guest has printed about its volume. */
async function console(name: string): Promise<string> {
  return (await host.ctl(['vm', 'logs', name, '--lines', '1000'])).stdout;
}

t.test('a guest writes on its volume, which is stamped, counted, and kept', async (t) => {
  await ok(create('db', 'name=data,size=16M,mount=/data'));
  await running('db');
  t.match(await console('db'), /mounted \/data .* boot 1 of this volume/);
  await until('its bytes are reported', BOOT_MS, async () => {
    const [volume] = await volumes();
    return volume?.state === 'attached' && volume.writer > 0 && (volume.usedBytes ?? 0) > 0;
  });
  t.match(
    (await host.ctl(['volume', 'list'])).stdout,
    /UID +NAME +VM +STATE +HOST +POOL +SIZE +USED +KEEP\nv\d+-0 +data +db +attached/,
  );
  await ok(['vm', 'delete', 'db', '--keep-volumes']);
  await gone('db');
  const [kept] = await volumes();
  t.match(kept, { name: 'data', state: 'kept', vm: null, formerVm: 'db', host: host.name });
  await ok(create('db2', `name=store,from=${kept?.uid},mount=/data`));
  await running('db2');
  t.match(await console('db2'), /boot 2 of this volume/, 'the new VM has the data of the old one');
});

t.test('a volume that is not there is missed, and the VM begins anew only when a user says so', async (t) => {
  const [volume] = await volumes();
  const uid = volume?.uid ?? '';
  await ok(['vm', 'stop', 'db2', '--wait', '--timeout', '150s']);
  await rename(join(poolDirectory, uid), join(host.stateDirectory, '.away'));
  await ok(['vm', 'start', 'db2']);
  await until('it is missed', BOOT_MS, async () => (await vm('db2')).status.reason === 'VolumeMissing');
  t.match(await vm('db2'), { phase: 'failed', status: { message: /n3xctl vm recreate-volumes db2 --volume store$/ } });
  await rename(join(host.stateDirectory, '.away'), join(poolDirectory, uid));
  await running('db2');
  t.match(await console('db2'), /boot 3 of this volume/, 'found again, it is used again');
  const refused = await host.ctl(['vm', 'recreate-volumes', 'db2', '--yes']);
  t.match(refused.stderr, /VM db2 is running: stop it before its volumes are begun anew/);
  await ok(['vm', 'stop', 'db2', '--wait', '--timeout', '150s']);
  await ok(['vm', 'recreate-volumes', 'db2', '--yes']);
  await ok(['vm', 'start', 'db2']);
  await running('db2');
  t.match(await console('db2'), /boot 1 of this volume/, 'it begins with an empty one');
  const old = (await volumes()).find((one) => one.uid === uid);
  t.match(old, { state: 'kept', formerVm: 'db2' }, 'and the old one is there still');
  await ok(['volume', 'delete', uid, '--yes']);
  await until('it is removed', BOOT_MS, async () => (await volumes()).every((one) => one.uid !== uid));
});
