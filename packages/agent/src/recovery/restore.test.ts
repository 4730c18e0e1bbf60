import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BackupHeader, writeBackup } from '@n3x/core/api/backup-file';
import { sampleSettings } from '@n3x/core/machine/sample';
import { ClusterState } from '@n3x/core/machine/state';
import t from 'tap';
import { writeMarker } from '../drivers/microvm/marker.ts';
import { openDataDirectory } from '../store/data-directory.ts';
import { type RestoreOptions, restore } from './restore.ts';
import { labState, makeMember, OLD_ID, scratch, testConsole } from './test-member.ts';

const AGREED = { yes: true, clusterId: OLD_ID.slice(0, 8) } as const;

async function backupIn(path: string, changes: Partial<BackupHeader> = {}): Promise<string> {
  const { state } = labState();
  const header: BackupHeader = {
    format: 1,
    n3xVersion: '0.1.0',
    commandFormat: 2,
    clusterId: OLD_ID,
    clusterName: 'lab',
    index: state.index,
    term: 4,
    madeAtMs: Date.now() - 7_200_000,
    madeOn: 'n2',
    hosts: state.hostCount,
    vms: state.vmCount,
    ...changes,
  };
  const file = join(path, 'state.backup');
  await writeFile(file, Buffer.concat([...writeBackup(header, state.records())]));
  return file;
}

function config(path: string, name: string): RestoreOptions['config'] {
  return {
    name,
    dataDir: join(path, 'data'),
    settings: sampleSettings(),
    microvm: { stateDir: join(path, 'microvms'), gcrootsDir: join(path, 'gcroots'), supervisor: 'direct' },
  };
}

async function look(dataDir: string) {
  const data = await openDataDirectory(dataDir, { n3xVersion: '0.1.0', onStored: () => undefined });
  const { stored, identity } = data;
  await data.close();
  return { stored, identity, state: ClusterState.fromRecords(stored.applied.index, stored.records) };
}

t.test('onto a bare host of a name that the cluster does not know', async (t) => {
  const path = await scratch(t);
  const console = testConsole('lab\n');
  const id = await restore({ config: config(path, 'n9'), file: await backupIn(path) }, console);
  t.match(console.printed(), /made on n2 2h 0m ago\n.*3 hosts, 2 VMs\. The backup is whole\./);
  t.match(console.printed(), /this host, n9, becomes the only member .* is a new host in it/i);
  const { stored, identity, state } = await look(join(path, 'data'));
  t.match(identity.cluster, { clusterId: id, hostId: 4, name: 'n9' });
  t.match(state.cluster, { id, recoveries: [{ fromClusterId: OLD_ID, cause: 'restored' }] });
  t.match(state.host(4), { name: 'n9', membership: 'voter', peerId: identity.peerId });
  t.equal(state.host(1)?.membership, 'lost');
  t.equal(state.vm('web')?.power, 'running', 'what is on other hosts is theirs');
  t.equal(stored.applied.term, 5);
});

t.test('onto a bare host that takes the place of another: only VMs whose files are there start', async (t) => {
  for (const there of [false, true]) {
    const path = await scratch(t);
    const uid = labState().state.vm('web')?.uid ?? '';
    const marker = { format: 1, uid, epoch: 1, builtGeneration: 1, restarts: 0, volumes: [], run: null } as const;
    await mkdir(join(path, 'microvms', 'web'), { recursive: true });
    if (there) await writeMarker(join(path, 'microvms', 'web'), { ...marker, volumes: [] });
    const console = testConsole();
    await restore({ config: config(path, 'n1'), file: await backupIn(path), ...AGREED }, console);
    const { identity, state } = await look(join(path, 'data'));
    t.match(state.host(1), { name: 'n1', membership: 'voter', peerId: identity.peerId });
    t.equal(state.vm('web')?.power, there ? 'running' : 'stopped');
    t.equal(/Held back, because their files are not here: VM web/.test(console.printed()), !there);
  }
});

t.test('what is refused, each in a line, with nothing changed', async (t) => {
  const path = await scratch(t);
  const refused = (run: Promise<unknown>, code: string, message: RegExp) => t.rejects(run, { code, message });
  const go = (file: string, agreed: object = AGREED) =>
    restore({ config: config(path, 'n1'), file, ...agreed }, testConsole());
  const file = await backupIn(path);
  await refused(go(file, {}), 'N3X_INVALID', /agree with --yes --cluster-id/);
  await refused(go(join(path, 'absent')), 'N3X_INVALID', /cannot read .*absent/);
  await writeFile(join(path, 'text'), 'this is no backup of anything');
  await refused(go(join(path, 'text')), 'N3X_INVALID', /is no backup of an n3x cluster/);
  await refused(go(await backupIn(path, { commandFormat: 99 })), 'N3X_VERSION', /format 99, and this n3xd reads/);
  t.notOk((await readdir(join(path, 'data'))).some((name) => name.startsWith('db-')));
  await makeMember(join(path, 'other'), 1, []);
  const busy = { ...config(path, 'n1'), dataDir: join(path, 'other') };
  const again = await backupIn(path);
  await refused(
    restore({ config: busy, file: again, ...AGREED }, testConsole()),
    'N3X_ALREADY_MEMBER',
    /onto a bare host/,
  );
  await restore({ config: config(path, 'n1'), file: again, ...AGREED }, testConsole());
  await refused(go(again), 'N3X_ALREADY_MEMBER', /nothing was changed/);
});
