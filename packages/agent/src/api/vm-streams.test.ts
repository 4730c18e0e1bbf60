import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type Duplex, PassThrough, Readable } from 'node:stream';
import { N3xError } from '@n3x/core/base/errors';
import t from 'tap';
import { call, FLAKE_SPEC, open, type Served, serve, TestCluster, tunnelPair } from './test-cluster.ts';

/** Two served hosts with the VM `web` on the second and `db` on the first. */
async function twoHosts(t: Parameters<typeof serve>[0]): Promise<{ one: Served; two: Served; cluster: TestCluster }> {
  const cluster = new TestCluster();
  const one = await serve(t, { cluster });
  const two = await serve(t, { cluster, hostId: 2 });
  cluster.addHost('n2', 'peer-2');
  for (const name of ['web', 'db', 'idle']) await call(one.socket, 'POST', '/v1/vms', { name, spec: FLAKE_SPEC });
  cluster.assign('web', 2);
  cluster.assign('db', 1);
  return { one, two, cluster };
}

/** Reads from a stream until `pattern` has come. */
async function readUntil(stream: Duplex | IncomingMessage, pattern: RegExp): Promise<string> {
  let text = '';
  while (!pattern.test(text)) {
    const chunk: unknown = stream.read();
    if (chunk !== null) text += String(chunk);
    else if (stream.readableEnded || stream.destroyed) return text;
    else await Promise.race([once(stream, 'readable'), once(stream, 'close')]);
  }
  return text;
}

/** Asks for a console and gives the connection as it is after the request. */
function askConsole(socketPath: string, name: string, head = ''): Socket {
  const socket = connect(socketPath);
  const lines = [`GET /v1/vms/${name}/console HTTP/1.1`, 'host: x', 'connection: Upgrade', 'upgrade: n3x-console'];
  socket.write(`${lines.join('\r\n')}\r\n\r\n${head}`);
  return socket;
}

t.test('logs, here and from the host that has the VM', async (t) => {
  const { one, two } = await twoHosts(t);
  const here = await call(one.socket, 'GET', '/v1/vms/db/logs');
  t.match(here, { status: 200, text: 'console of db, 200 lines\n' });
  t.equal(here.headers['content-type'], 'text/plain; charset=utf-8');
  const there = await call(one.socket, 'GET', '/v1/vms/web/logs?kind=build&lines=5');
  t.match(there, { status: 200, text: 'build of web, 5 lines\n' });
  t.equal(there.headers['content-type'], 'text/plain; charset=utf-8');
  t.match(await call(two.socket, 'GET', '/v1/vms/db/logs'), { text: 'console of db, 200 lines\n' }, 'the other way');
  const wrong = await call(one.socket, 'GET', '/v1/vms/web/logs?lines=many');
  t.match(wrong, { status: 400, json: { error: { message: /^lines: must be a number/ } } });
  const unplaced = await call(one.socket, 'GET', '/v1/vms/idle/logs');
  t.match(unplaced, { status: 404, json: { error: { code: 'N3X_NOT_FOUND', message: /it has no host/ } } });
});

t.test('an error of the other host comes through with its code', async (t) => {
  const { one, two } = await twoHosts(t);
  two.host.logs = async () => {
    throw new N3xError('N3X_NOT_FOUND', 'VM web has no build log yet', { details: { kind: 'log' } });
  };
  const answer = await call(one.socket, 'GET', '/v1/vms/web/logs?kind=build');
  t.match(answer, { status: 404, json: { error: { code: 'N3X_NOT_FOUND', details: { kind: 'log' } } } });
});

t.test('a followed log comes as it is written, and ends with its reader', async (t) => {
  const { one, two } = await twoHosts(t);
  for (const name of ['db', 'web']) {
    const log = new PassThrough();
    let signal: AbortSignal | undefined;
    for (const { host } of [one, two]) {
      host.logs = async (_, options) => {
        signal = options.signal;
        return log;
      };
    }
    const answer = await open(one.socket, 'GET', `/v1/vms/${name}/logs?follow=true`);
    t.equal(answer.statusCode, 200, 'open before the first line');
    log.write('first\n');
    t.equal(await readUntil(answer, /first/), 'first\n');
    log.write('second\n');
    t.equal(await readUntil(answer, /second/), 'second\n');
    answer.destroy();
    while (!log.destroyed || signal?.aborted !== true) await new Promise(setImmediate);
    t.pass(`${name}: given back`);
  }
});

t.test('a log that breaks midway does not look whole', async (t) => {
  const { one } = await twoHosts(t);
  one.host.logs = async () =>
    Readable.from(
      (async function* broken() {
        yield 'a line\n';
        throw new Error('disk');
      })(),
    );
  await t.rejects(call(one.socket, 'GET', '/v1/vms/db/logs'), { code: 'ECONNRESET' });
});

t.test('a host that cannot be reached, a tunnel that breaks, one that is silent', async (t) => {
  const { one } = await twoHosts(t);
  one.host.tunnels = null;
  const unreachable = await call(one.socket, 'GET', '/v1/vms/web/logs');
  t.match(unreachable, { status: 502, json: { error: { code: 'N3X_UNREACHABLE', message: /host n2/ } } });
  one.host.tunnels = async () => {
    const [near, far] = tunnelPair();
    far.once('data', () => far.destroy());
    return near;
  };
  t.match(await call(one.socket, 'GET', '/v1/vms/web/logs'), {
    status: 502,
    json: { error: { code: 'N3X_UNREACHABLE' } },
  });
  one.host.tunnels = async () => tunnelPair()[0];
  const quick = { 'n3x-timeout-ms': '100' };
  t.match(await call(one.socket, 'GET', '/v1/vms/web/logs', undefined, quick), {
    status: 504,
    json: { error: { code: 'N3X_TIMEOUT' } },
  });
  one.host.tunnels = () => new Promise(() => undefined);
  t.match(
    await call(one.socket, 'GET', '/v1/vms/web/logs', undefined, quick),
    { status: 504 },
    'nor one that never opens',
  );
});

t.test('a request is passed on once only', async (t) => {
  const { one } = await twoHosts(t);
  const forwarded = { 'n3x-forwarded': '1' };
  const answer = await call(one.socket, 'GET', '/v1/vms/web/logs', undefined, forwarded);
  t.match(answer, { status: 409, json: { error: { code: 'N3X_CONFLICT', message: /moved to host n2: ask again/ } } });
});

t.test('a console, here and through the other host', async (t) => {
  const { one, two } = await twoHosts(t);
  for (const [served, name] of [
    [one, 'db'],
    [one, 'web'],
    [two, 'db'],
  ] as const) {
    const socket = askConsole(served.socket, name);
    const opened = await readUntil(socket, /login: /);
    t.match(opened, /^HTTP\/1\.1 101 Switching Protocols\r\n[\s\S]*upgrade: n3x-console\r\n\r\nlogin: $/i, name);
    socket.write('root\r');
    t.equal(await readUntil(socket, /root\r/), 'root\r');
    const bytes = Buffer.from([0, 255, 10, 13, 3]);
    socket.write(bytes);
    const [echo] = (await once(socket, 'data')) as [Buffer];
    t.same(echo, bytes, 'raw');
    socket.destroy();
  }
});

t.test('what is typed with the request is not lost', async (t) => {
  const { one } = await twoHosts(t);
  for (const name of ['db', 'web']) {
    const socket = askConsole(one.socket, name, 'early');
    t.match(await readUntil(socket, /early/), /login: early/);
    socket.destroy();
  }
});

t.test('either end of a console ends it', async (t) => {
  const { one, two } = await twoHosts(t);
  for (const name of ['db', 'web']) {
    let output = new PassThrough();
    let input = new PassThrough();
    let signal: AbortSignal | undefined;
    for (const { host } of [one, two]) {
      host.consoles = async (_, given) => {
        output = new PassThrough();
        input = new PassThrough();
        signal = given;
        return { output, input };
      };
    }
    const leaving = askConsole(one.socket, name);
    await readUntil(leaving, /101[\s\S]*\r\n\r\n/);
    leaving.end();
    while (!output.destroyed || !input.destroyed || signal?.aborted !== true) await new Promise(setImmediate);
    t.pass(`${name}: the client's end`);

    const staying = askConsole(one.socket, name);
    await readUntil(staying, /101[\s\S]*\r\n\r\n/);
    output.end('powered off');
    t.match(await readUntil(staying, /powered off/), /powered off/);
    staying.resume();
    await once(staying, 'close');
    t.pass(`${name}: the guest's end`);
  }
});

t.test('a console that can only be read', async (t) => {
  const { one } = await twoHosts(t);
  const output = new PassThrough();
  one.host.consoles = async () => ({ output, input: null });
  const socket = askConsole(one.socket, 'db');
  await readUntil(socket, /101[\s\S]*\r\n\r\n/);
  socket.write('into the void');
  output.write('still here');
  t.equal(await readUntil(socket, /here/), 'still here');
  socket.destroy();
});

t.test('a console that cannot be had is refused in the same form as all', async (t) => {
  const { one, cluster } = await twoHosts(t);
  const cases: [name: string, status: number, code: string][] = [
    ['wbe', 404, 'N3X_NOT_FOUND'],
    ['idle', 404, 'N3X_NOT_FOUND'],
    ['Web', 400, 'N3X_INVALID'],
    ['%zz', 400, 'N3X_INVALID'],
  ];
  for (const [name, status, code] of cases) {
    const text = await readUntil(askConsole(one.socket, name), /\}\}?$/);
    t.match(text, new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*"code":"${code}"`), name);
  }
  one.host.tunnels = null;
  t.match(await readUntil(askConsole(one.socket, 'web'), /\}$/), /^HTTP\/1\.1 502 [\s\S]*N3X_UNREACHABLE/);
  const plain = await call(one.socket, 'GET', '/v1/vms/db/console');
  t.match(plain, { status: 400, json: { error: { message: /needs the headers "connection: upgrade"/ } } });
  const other = { connection: 'Upgrade', upgrade: 'websocket' };
  t.match(
    await call(one.socket, 'GET', '/v1/version', undefined, other),
    { status: 200 },
    'other upgrades are ignored',
  );
  cluster.state = null;
  t.match(await readUntil(askConsole(one.socket, 'db'), /\}$/), /^HTTP\/1\.1 412 /);
});

t.test('a close ends consoles, logs and tunnels', async (t) => {
  const { one, two } = await twoHosts(t);
  two.host.logs = async () => new PassThrough();
  const consoleSocket = askConsole(one.socket, 'web');
  await readUntil(consoleSocket, /login: /);
  const log = await open(one.socket, 'GET', '/v1/vms/web/logs?follow=true');
  const closed = (stream: Duplex | IncomingMessage) => new Promise((resolve) => stream.once('close', resolve));
  const ended = Promise.all([closed(consoleSocket), closed(log)]);
  consoleSocket.resume();
  log.on('error', () => undefined);
  log.resume();
  await two.host.server?.close();
  await ended;
  const [near, far] = tunnelPair();
  two.host.server?.acceptTunnel(far);
  near.resume();
  t.ok(far.destroyed, 'and no new tunnel is taken');
});
