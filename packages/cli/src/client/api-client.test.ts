import { join } from 'node:path';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import t from 'tap';
import { ApiDouble, apiError, DROP, HANG, scratchDirectory } from '../testing/api-double.ts';
import { makeVm } from '../testing/objects.ts';
import { ApiClient } from './api-client.ts';
import { ConnectionError } from './connection-error.ts';
import { Deadline } from './deadline.ts';

const SPEC = { name: 'web', spec: { source: { kind: 'flake' as const, ref: 'a:b', attribute: 'web' } } };
const created = { vm: makeVm(), changed: true, index: 11 };
const list = { items: [], index: 3, stale: false };
const READ = { query: { consistency: 'linearizable' as const } };

t.test('a dead socket is passed over, and the one that answers is kept', async (t) => {
  const alive = await ApiDouble.start(t);
  alive.on('listVms', () => list);
  const client = new ApiClient([join(scratchDirectory(t), 'gone.sock'), alive.socket]);
  t.same(await client.call('listVms', { deadline: new Deadline(5000), ...READ }), list);
  t.same(await client.call('listVms', { deadline: new Deadline(5000), ...READ }), list);
  t.equal(alive.requests.length, 2);
});

t.test('a change keeps its request id through lost connections and other hosts', async (t) => {
  const first = await ApiDouble.start(t);
  const second = await ApiDouble.start(t);
  first.on('createVm', () => DROP);
  let tries = 0;
  second.on('createVm', () => {
    tries += 1;
    if (tries === 1) throw apiError(ERROR_CODES.noQuorum, 'no leader');
    return created;
  });
  const client = new ApiClient([first.socket, second.socket]);
  t.match(await client.call('createVm', { deadline: new Deadline(10_000), body: SPEC }), { index: 11 });
  const ids = [...first.requests, ...second.requests].map((request) => request.requestId);
  t.ok(ids.length >= 3);
  t.equal(new Set(ids).size, 1);
  t.type(ids[0], 'string');
});

t.test('a host that hangs does not hold up the others', async (t) => {
  const hung = await ApiDouble.start(t);
  const alive = await ApiDouble.start(t);
  hung.on('listVms', () => HANG);
  alive.on('listVms', () => list);
  const client = new ApiClient([hung.socket, alive.socket]);
  t.same(await client.call('listVms', { deadline: new Deadline(60_000), ...READ }), list);
  t.equal(hung.requests.length, 1);
});

t.test('no quorum until the deadline is told as such', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('createVm', () => {
    throw apiError(ERROR_CODES.noQuorum, 'no leader with a quorum');
  });
  const client = new ApiClient([api.socket]);
  await t.rejects(client.call('createVm', { deadline: new Deadline(1_500), body: SPEC }), {
    code: ERROR_CODES.noQuorum,
    message: 'no leader with a quorum',
  });
  t.ok(api.requests.length > 1);
  t.ok(api.requests.every((request) => request.timeoutMs >= 100 && request.timeoutMs < 1_500));
});

t.test('a host that never answers is a time-out', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('listVms', () => HANG);
  const client = new ApiClient([api.socket]);
  await t.rejects(client.call('listVms', { deadline: new Deadline(150), ...READ }), {
    code: ERROR_CODES.timeout,
    message: 'no answer from n3xd within 0.15 s',
  });
});

t.test('what cannot be reached at all is told at once', async (t) => {
  const directory = scratchDirectory(t);
  const client = new ApiClient([join(directory, 'a.sock'), join(directory, 'b.sock')]);
  const error = await client.call('listVms', { deadline: new Deadline(3_600_000), ...READ }).catch((e: unknown) => e);
  t.ok(error instanceof ConnectionError);
  t.match(error, { message: /^cannot reach n3xd on .*a.sock, .*b.sock: there is no such socket$/, hint: /npm start/ });
});

t.test('a daemon that restarts during the call is waited for', async (t) => {
  const socket = join(scratchDirectory(t), 'n3xd.sock');
  const before = await ApiDouble.start(t, socket);
  before.on('listVms', () => {
    void before.stop().then(async () => {
      const after = await ApiDouble.start(t, socket);
      after.on('listVms', () => list);
    });
    return HANG;
  });
  t.same(await new ApiClient([socket]).call('listVms', { deadline: new Deadline(60_000), ...READ }), list);
});

t.test('a call that means one host does not go to another', async (t) => {
  const first = await ApiDouble.start(t);
  const second = await ApiDouble.start(t);
  const joined = { clusterId: 'x', clusterName: 'home', hostId: 2, name: 'n2' };
  let tries = 0;
  first.on('joinCluster', () => {
    tries += 1;
    return tries === 1 ? DROP : joined;
  });
  const client = new ApiClient([first.socket, second.socket]);
  t.same(
    await client.call('joinCluster', { deadline: new Deadline(10_000), body: { token: 'x' }, pinned: true }),
    joined,
  );
  t.equal(first.requests.length, 2);
  t.equal(first.requests[0]?.requestId, first.requests[1]?.requestId);
  t.equal(second.requests.length, 0);
});

t.test('other errors of the API are not tried again', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('getVm', () => {
    throw apiError(ERROR_CODES.notFound, 'no such VM', { name: 'web' });
  });
  const client = new ApiClient([api.socket]);
  const error = await client
    .call('getVm', { deadline: new Deadline(5000), params: { name: 'web' }, ...READ })
    .catch((e: unknown) => e);
  t.ok(error instanceof N3xError);
  t.match(error, { code: ERROR_CODES.notFound, details: { name: 'web' } });
  t.equal(api.requests.length, 1);
});

t.test('an answer that is none of the API is told', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('listVms', ({ response }) => {
    response.writeHead(502);
    response.end('<html>');
    return HANG;
  });
  const client = new ApiClient([api.socket]);
  await t.rejects(client.call('listVms', { deadline: new Deadline(5000), ...READ }), {
    code: ERROR_CODES.internal,
    message: 'n3xd answered with HTTP status 502 and no error of its own',
  });
});
