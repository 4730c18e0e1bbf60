import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { N3xError } from '@n3x/core/base/errors';
import t, { type Test } from 'tap';
import { type DataDirectory, openDataDirectory } from './data-directory.ts';
import type { ClusterMembership } from './identity.ts';
import { openStore } from './level-store.ts';

const CHILD = join(import.meta.dirname, 'data-directory-child.ts');
const CLUSTER: ClusterMembership = {
  clusterId: '0123456789abcdef0123456789abcdef',
  hostId: 1,
  name: 'alpha',
  peers: [{ id: 2, peerId: '12D3KooW', addresses: ['/ip4/127.0.0.1/tcp/4001'] }],
};
const BOOTSTRAP = {
  meta: {
    index: 1,
    term: 1,
    confState: { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
  },
  records: [['cluster', new Uint8Array([1, 2, 3])]] as const,
};

async function newPath(t: Test): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'n3x-data-'));
  t.teardown(() => rm(parent, { recursive: true, force: true, maxRetries: 5 }));
  return join(parent, 'deep', 'n3x');
}

const open = (path: string): Promise<DataDirectory> =>
  openDataDirectory(path, { n3xVersion: '0.1.0', onStored: () => undefined });

async function refusal(path: string): Promise<N3xError> {
  try {
    await (await open(path)).close();
  } catch (error) {
    if (error instanceof N3xError) return error;
    throw error;
  }
  throw new Error('it opened');
}

t.test('a new directory gets a key that stays, readable by its owner only', async (t) => {
  const path = await newPath(t);
  const first = await open(path);
  t.equal(first.identity.cluster, undefined);
  t.equal(first.privateKey.type, 'Ed25519');
  t.equal(first.stored.records.size, 0);
  t.notOk(first.store.initialised);
  const { peerId } = first.identity;
  await first.close();
  t.equal((await stat(path)).mode & 0o777, 0o700);
  t.equal((await stat(join(path, 'identity.json'))).mode & 0o777, 0o600);
  t.equal(await readFile(join(path, 'FORMAT'), 'utf8'), '1 n3x 0.1.0\n');
  t.same((await readdir(path)).sort(), ['FORMAT', 'db', 'identity.json'], 'and nothing temporary is left');
  const second = await open(path);
  t.equal(second.identity.peerId, peerId);
  await second.close();
});

t.test('the first host of a cluster starts from its bootstrap', async (t) => {
  const path = await newPath(t);
  const directory = await open(path);
  const stored = await directory.becomeMember(CLUSTER, BOOTSTRAP);
  t.equal(stored, directory.stored);
  t.same(stored.compacted, { index: 1, term: 1 });
  t.same(stored.hardState, { term: 1, vote: 0, commit: 1 });
  await t.rejects(directory.becomeMember(CLUSTER, BOOTSTRAP), { code: 'N3X_ALREADY_MEMBER' });
  const peers = [{ id: 3, peerId: '12D3KooX', addresses: [] }];
  await directory.rememberPeers(peers);
  await directory.close();
  const again = await open(path);
  t.same(again.identity.cluster, { ...CLUSTER, peers });
  t.same([...again.stored.records], [['cluster', new Uint8Array([1, 2, 3])]]);
  await again.close();
});

t.test('a host that joins starts empty, and leaves with nothing but its key', async (t) => {
  const path = await newPath(t);
  const directory = await open(path);
  const { peerId } = directory.identity;
  await directory.becomeMember({ ...CLUSTER, hostId: 4 });
  t.ok(directory.store.initialised);
  t.equal(directory.stored.compacted.index, 0);
  await directory.close();
  const again = await open(path);
  t.equal(again.identity.cluster?.hostId, 4);
  await again.leaveCluster();
  t.equal(again.identity.cluster, undefined);
  t.notOk(again.store.initialised);
  await again.becomeMember(CLUSTER, BOOTSTRAP);
  t.equal(again.identity.peerId, peerId, 'it can become a member again');
  await again.close();
});

t.test('what a crash left before the membership was noted is dropped', async (t) => {
  const path = await newPath(t);
  await (await open(path)).close();
  const store = await openStore(join(path, 'db'), { onStored: () => undefined });
  await store.load();
  await store.initialise(BOOTSTRAP);
  await store.close();
  const directory = await open(path);
  t.equal(directory.stored.records.size, 0);
  t.notOk(directory.store.initialised);
  await directory.close();
});

t.test('a member without its database does not start', async (t) => {
  const path = await newPath(t);
  const directory = await open(path);
  await directory.becomeMember(CLUSTER, BOOTSTRAP);
  await directory.close();
  await rm(join(path, 'db'), { recursive: true });
  t.match(await refusal(path), { code: 'N3X_CORRUPT', message: /^db in .* is empty; / });
  t.match(await refusal(path), { code: 'N3X_CORRUPT', message: /^db in .* is empty; / }, 'nor the second time');
});

t.test('a database without its identity does not start', async (t) => {
  const path = await newPath(t);
  const directory = await open(path);
  await directory.becomeMember(CLUSTER, BOOTSTRAP);
  await directory.close();
  await rm(join(path, 'identity.json'));
  t.match(await refusal(path), { code: 'N3X_CORRUPT', message: /^identity\.json in .* is missing; / });
});

t.test('a damaged identity is refused without showing the key', async (t) => {
  const path = await newPath(t);
  const directory = await open(path);
  const { identity } = directory;
  await directory.close();
  const other = await open(await newPath(t));
  await other.close();
  for (const content of [
    '{',
    '{}',
    JSON.stringify({ ...identity, extra: 1 }),
    JSON.stringify({ ...identity, privateKey: 'AAAA' }),
    JSON.stringify({ ...identity, privateKey: other.identity.privateKey }),
    `${JSON.stringify(identity)}x`,
  ]) {
    await writeFile(join(path, 'identity.json'), content);
    const error = await refusal(path);
    t.match(error, { code: 'N3X_CORRUPT', message: /identity\.json is damaged/ }, content.slice(0, 20));
    t.notMatch(JSON.stringify([error.toBody(), String(error.cause)]), identity.privateKey.slice(0, 30));
  }
});

t.test('a directory from a newer n3x is refused, and so is one that is none', async (t) => {
  const path = await newPath(t);
  await (await open(path)).close();
  await writeFile(join(path, 'FORMAT'), '2 n3x 3.4.5\n');
  const before = await readFile(join(path, 'identity.json'), 'utf8');
  t.match(await refusal(path), {
    code: 'N3X_VERSION',
    message: /written by n3x 3\.4\.5 in format 2.*install n3x 3\.4\.5 or newer/,
    details: { format: 2, writtenBy: '3.4.5' },
  });
  t.equal(await readFile(join(path, 'identity.json'), 'utf8'), before);
  await writeFile(join(path, 'FORMAT'), '0 n3x 0.0.1\n');
  t.match(await refusal(path), { code: 'N3X_CORRUPT', message: /unknown format 0/ });
  await writeFile(join(path, 'FORMAT'), 'hello\n');
  t.match(await refusal(path), { code: 'N3X_CORRUPT', message: /FORMAT in .* is not a format number/ });
});

t.test('a second process is refused at once with the pid of the first, until that is killed', async (t) => {
  const path = await newPath(t);
  const child = spawn(process.execPath, [CHILD, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  t.teardown(() => child.kill('SIGKILL'));
  await once(createInterface({ input: child.stdout }), 'line');
  t.match(await refusal(path), {
    code: 'N3X_CONFIG',
    message: new RegExp(`^${path}/db is in use by process ${child.pid}; `),
    details: { pid: child.pid },
  });
  child.kill('SIGKILL');
  await exited;
  await (await open(path)).close();
  t.pass('it opens now');
});

t.test('the same process cannot have it twice either', async (t) => {
  const path = await newPath(t);
  const directory = await open(path);
  t.match(await refusal(path), { code: 'N3X_CONFIG', message: /is in use by process/ });
  await directory.close();
});

t.test('a path that cannot be a directory is a storage error', async (t) => {
  const path = await newPath(t);
  await (await open(path)).close();
  t.match(await refusal(join(path, 'FORMAT')), { code: 'N3X_STORAGE', message: /FORMAT cannot be used/ });
});
