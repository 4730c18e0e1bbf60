import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startApiServer } from './server.ts';
import { call, type Teardown, TestCluster, TestHost } from './test-cluster.ts';

async function directory(t: Teardown): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'n3x-sock-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function start(socket: string, socketGroup: string | null = null) {
  const journal = { log: () => undefined };
  return await startApiServer({
    backend: new TestHost(new TestCluster(), 1),
    socket,
    socketGroup,
    journal,
    closeGraceMs: 100,
  });
}

t.test('owner and group may use it, and it goes at the end', async (t) => {
  const folder = await directory(t);
  const socket = join(folder, 'run', 'n3xd.sock');
  const before = process.umask();
  const server = await start(socket, String(process.getegid?.() ?? 0));
  t.equal(process.umask(), before);
  t.equal((await stat(socket)).mode & 0o777, 0o660);
  await server.close();
  await server.close();
  t.same(await readdir(join(folder, 'run')), []);
});

t.test('the socket of a process that is gone is replaced', async (t) => {
  const socket = join(await directory(t), 'n3xd.sock');
  const script = `require('node:net').createServer().listen(${JSON.stringify(socket)}, () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const refused = start(socket);
  await t.rejects(refused, { code: 'N3X_CONFIG', message: /another process answers/ }, 'not while it lives');
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.ok((await stat(socket)).isSocket(), 'it left its socket behind');
  const server = await start(socket);
  t.equal((await call(socket, 'GET', '/v1/version')).status, 200);
  await server.close();
});

t.test('what cannot be a socket is refused and left alone', async (t) => {
  const folder = await directory(t);
  const file = join(folder, 'file');
  await writeFile(file, 'precious');
  await t.rejects(start(file), { code: 'N3X_CONFIG', message: /is there and is not a socket/ });
  t.equal((await stat(file)).size, 8);
  const link = join(folder, 'link');
  await symlink(file, link);
  await t.rejects(start(link), { code: 'N3X_CONFIG', message: /not a socket/ });
  await t.rejects(start(join(folder, 'x'.repeat(120))), {
    code: 'N3X_CONFIG',
    message: /bytes and Linux takes at most 107: choose a shorter one/,
  });
  await t.rejects(start(join(folder, 's'), 'no-such-group'), { code: 'N3X_CONFIG', message: /no group no-such-group/ });
  await t.rejects(start(join(file, 's')), { code: 'N3X_CONFIG', message: /cannot listen at/ });
});

t.test('a path of exactly 107 bytes works', async (t) => {
  const folder = await directory(t);
  const socket = join(folder, 'x'.repeat(107 - folder.length - 1));
  const server = await start(socket);
  t.equal((await call(socket, 'GET', '/v1/version')).status, 200);
  await server.close();
});
