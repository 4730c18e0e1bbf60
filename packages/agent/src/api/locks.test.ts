import t from 'tap';
import { call, serve } from './test-cluster.ts';

const A = { holder: 'a', reason: 'upgrade' };
const B = { holder: 'b' };

t.test('a lock is claimed, seen, renewed and released', async (t) => {
  const { socket } = await serve(t);
  const acquired = await call(socket, 'POST', '/v1/locks/deploy/acquire', { ...A, slots: 2, ttlMs: 20_000 });
  t.match(acquired, {
    status: 200,
    json: {
      claim: { state: 'held', token: Number, position: null, holdMs: 18_000 },
      lock: { name: 'deploy', slots: 2, free: 1, holders: [{ holder: 'a', reason: 'upgrade' }], waiters: [] },
    },
  });
  const token = acquired.at('claim.token');
  t.match((await call(socket, 'GET', '/v1/locks')).json, { items: [{ kind: 'lock', name: 'deploy' }], stale: false });
  t.match((await call(socket, 'GET', '/v1/locks/deploy')).json, { holders: [{ token }] });
  t.match(await call(socket, 'GET', '/v1/locks/deplay'), {
    status: 404,
    json: { error: { code: 'N3X_NOT_FOUND', message: /lock deplay does not exist: did you mean deploy/ } },
  });
  t.match((await call(socket, 'POST', '/v1/locks/deploy/renew', { holder: 'a', token })).json, {
    claim: { state: 'held', token },
  });
  t.match(await call(socket, 'POST', '/v1/locks/deploy/renew', { holder: 'a', token: 999 }), {
    status: 410,
    json: { error: { code: 'N3X_LOCK_LOST' } },
  });
  t.match(await call(socket, 'POST', '/v1/locks/deploy/release', { holder: 'a', token }), {
    status: 200,
    json: { changed: true },
  });
  t.match(await call(socket, 'GET', '/v1/locks/deploy'), { status: 404 });
  t.match(await call(socket, 'POST', '/v1/locks/deploy/release', { holder: 'a', token }), { status: 410 });
});

t.test('a lock that others hold is refused, or waited for', async (t) => {
  const { socket } = await serve(t);
  const token = (await call(socket, 'POST', '/v1/locks/deploy/acquire', A)).at('claim.token');
  t.match(await call(socket, 'POST', '/v1/locks/deploy/acquire', B), {
    status: 423,
    json: { error: { code: 'N3X_LOCKED', details: { holders: ['a'] } } },
  });
  const queued = await call(socket, 'POST', '/v1/locks/deploy/acquire', { ...B, wait: true });
  t.match(queued, { status: 200, json: { claim: { state: 'waiting', token: null, position: 1 } } });
  const renewedAt = async (): Promise<unknown> =>
    (await call(socket, 'GET', '/v1/locks/deploy')).at('waiters.0.renewedIndex');
  const before = await renewedAt();
  const waiting = call(socket, 'POST', '/v1/locks/deploy/acquire', { ...B, wait: true });
  while ((await renewedAt()) === before) await new Promise((resolve) => setTimeout(resolve, 2));
  await call(socket, 'POST', '/v1/locks/deploy/release', { holder: 'a', token });
  t.match((await waiting).json, { claim: { state: 'held' }, lock: { holders: [{ holder: 'b' }] } });
});

t.test('a wait ends before the session does, with the place in the queue', async (t) => {
  const { socket } = await serve(t);
  await call(socket, 'POST', '/v1/locks/deploy/acquire', A);
  await call(socket, 'POST', '/v1/locks/deploy/acquire', { ...B, wait: true });
  const waited = await call(socket, 'POST', '/v1/locks/deploy/acquire', { ...B, wait: true, ttlMs: 1_000 });
  t.match(waited, { status: 200, json: { claim: { state: 'waiting', token: null, position: 1 } } });
  const ticket = waited.at('claim.ticket');
  t.match((await call(socket, 'POST', '/v1/locks/deploy/renew', { holder: 'b', token: ticket })).json, {
    claim: { state: 'waiting', position: 1, ticket },
  });
});

t.test('one who waits learns that its claim was broken', async (t) => {
  const { socket } = await serve(t);
  await call(socket, 'POST', '/v1/locks/deploy/acquire', A);
  await call(socket, 'POST', '/v1/locks/deploy/acquire', { ...B, wait: true });
  const renewedAt = async (): Promise<unknown> =>
    (await call(socket, 'GET', '/v1/locks/deploy')).at('waiters.0.renewedIndex');
  const before = await renewedAt();
  const waiting = call(socket, 'POST', '/v1/locks/deploy/acquire', { ...B, wait: true });
  while ((await renewedAt()) === before) await new Promise((resolve) => setTimeout(resolve, 2));
  await call(socket, 'POST', '/v1/locks/deploy/break', { holder: 'b', reason: 'test' });
  t.match(await waiting, { status: 410, json: { error: { code: 'N3X_LOCK_LOST' } } });
  t.match(await call(socket, 'POST', '/v1/locks/deploy/break', { reason: 'gone' }), {
    status: 200,
    json: { holder: 'a', changed: true },
  });
  t.match(await call(socket, 'POST', '/v1/locks/deploy/break', { reason: 'gone' }), { status: 404 });
});

t.test('an answer from an earlier attempt says how the claim stands now', async (t) => {
  const { socket } = await serve(t);
  const headers = { 'n3x-request-id': 'again' };
  const token = (await call(socket, 'POST', '/v1/locks/deploy/acquire', A, headers)).at('claim.token');
  t.match((await call(socket, 'POST', '/v1/locks/deploy/acquire', A, headers)).json, { claim: { token } });
  await call(socket, 'POST', '/v1/locks/deploy/release', { holder: 'a', token });
  t.match(await call(socket, 'POST', '/v1/locks/deploy/acquire', A, headers), { status: 410 });
});

t.test('what is wrong is told by field', async (t) => {
  const { socket } = await serve(t);
  t.match(await call(socket, 'POST', '/v1/locks/deploy/acquire', { holder: 'a b', ttlMs: 10 }), {
    status: 400,
    json: { error: { message: /holder: a holder is 1 to 128 of .*; ttlMs: must be at least 1000/ } },
  });
  t.match(await call(socket, 'POST', '/v1/locks/deploy/break', {}), {
    status: 400,
    json: { error: { message: 'reason: is missing' } },
  });
});
