import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { ApiDouble, apiError } from '../testing/api-double.ts';
import { makeClaim, makeLock } from '../testing/locks.ts';
import { runCli, startCli, until } from '../testing/run-cli.ts';

t.test('locks are listed and shown', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('listLocks', () => ({ items: [makeLock()], index: 12, stale: false }));
  api.on('getLock', () => makeLock());
  const socket = ['--socket', api.socket];
  const table = await runCli(['lock', 'list', ...socket]);
  t.match(table.stdout, /^NAME +HELD +HOLDER +SINCE +WAITING +REASON\ndeploy +1\/1 +ci@n1 +\d+d +1 +upgrade\n$/);
  const wide = await runCli(['lock', 'list', '-o', 'wide', ...socket]);
  t.match(wide.stdout, /TOKEN +RENEWED +TTL +NEXT\n.* 9 +\d+d +30s +ci@n2\n$/);
  t.equal((await runCli(['lock', 'list', '-q', ...socket])).stdout, 'deploy\n');
  t.match(JSON.parse((await runCli(['lock', 'list', '-o', 'json', ...socket])).stdout), { items: [{ slots: 1 }] });
  const shown = await runCli(['lock', 'show', 'deploy', ...socket]);
  t.match(shown.stdout, /Slots: +1, 0 free\n(.|\n)*Held by:\n.*\nci@n1 +9 +9(.|\n)*Waiting:\n.*\nci@n2 +- +11/);
  t.match((await runCli(['lock', 'show', 'deploy', '--stale', '-o', 'yaml', ...socket])).stdout, /name: deploy\n/);
  t.equal((await runCli(['lock', 'show', 'other', '--stale', ...socket])).code, 3);
});

t.test('a claim by hand', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('acquireLock', () => ({ claim: makeClaim(), lock: makeLock(), index: 9 }));
  api.on('renewLock', () => ({ claim: makeClaim(), lock: makeLock(), index: 10 }));
  api.on('releaseLock', () => ({ changed: true, index: 11 }));
  const socket = ['--socket', api.socket];
  const flags = ['--holder', 'ci@n1', '--slots', '2', '--ttl', '1m', '--reason', 'upgrade'];
  const made = await runCli(['lock', 'acquire', 'deploy', ...flags, ...socket]);
  t.equal(made.stdout, 'lock deploy: held by ci@n1, token 9; renew it within 27s of the request\n');
  t.same(api.seen('acquireLock')[0]?.body, {
    ...{ holder: 'ci@n1', reason: 'upgrade', ttlMs: 60_000, wait: false, slots: 2 },
  });
  t.equal((await runCli(['lock', 'acquire', 'deploy', '-q', ...socket])).stdout, '9\n', 'fit for a script');
  api.on('acquireLock', () => ({ claim: { ...makeClaim(), holdMs: 900 }, lock: makeLock(), index: 9 }));
  t.match((await runCli(['lock', 'acquire', 'deploy', ...socket])).stdout, /within 0\.9s of the request/);
  t.match(api.seen('acquireLock')[1]?.body, { holder: /^[\w.-]+@[\w.-]+$/ });
  const held = ['--token', '9', '--holder', 'ci@n1'];
  t.match((await runCli(['lock', 'renew', 'deploy', ...held, ...socket])).stdout, /renewed, token 9/);
  t.equal((await runCli(['lock', 'release', 'deploy', ...held, ...socket])).stdout, 'lock deploy: released\n');
  t.same(api.seen('releaseLock')[0]?.body, { holder: 'ci@n1', token: 9 });
  for (const [line, message] of [
    ['acquire deploy --ttl 500ms', /--ttl: "500ms" is out of range: 1s to 7d/],
    ['acquire deploy --slots 0', /--slots: "0" is not a whole number from 1 to 128/],
    ['renew deploy', /required option '--token <n>' not specified/],
    ['acquire deploy --stale', /--stale is for reads/],
  ] as const) {
    const wrong = await runCli(['lock', ...line.split(' '), ...socket]);
    t.equal(wrong.code, 2);
    t.match(wrong.stderr, message);
  }
});

t.test('a lock that others hold', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('acquireLock', () => {
    throw apiError(ERROR_CODES.locked, 'lock deploy is held by ci@n1');
  });
  const refused = await runCli(['lock', 'acquire', 'deploy', '--socket', api.socket]);
  t.same(refused, { code: 120, stdout: '', stderr: 'n3xctl: lock deploy is held by ci@n1\n' });
});

t.test('waiting for it', async (t) => {
  const api = await ApiDouble.start(t);
  let asked = 0;
  const lock = makeLock();
  const waiting = makeClaim({ state: 'waiting', token: null, ticket: 11, position: 1 });
  api.on('acquireLock', () => {
    asked += 1;
    return { claim: asked < 3 ? waiting : makeClaim({ ticket: 11, token: 14 }), lock, index: 11 + asked };
  });
  const line = ['lock', 'acquire', 'deploy', '--holder', 'ci@n2', '-o', 'json', '--socket', api.socket];
  const had = await runCli([...line, '--wait', '1m']);
  t.equal(had.stderr, 'n3xctl: lock deploy is held by ci@n1; waiting, 1 in the queue\n');
  t.match(JSON.parse(had.stdout), { claim: { token: 14 } });
  t.match(api.seen('acquireLock')[0]?.body, { wait: true });
  api.on('acquireLock', () => ({ claim: waiting, lock, index: 20 }));
  api.on('releaseLock', () => ({ changed: true, index: 21 }));
  const late = await runCli([...line, '--wait', '300ms']);
  t.equal(late.code, 120);
  t.match(late.stderr, /lock deploy is still held by ci@n1 after 0.3 s: wait longer, or break it/);
  t.same(api.seen('releaseLock')[0]?.body, { holder: 'ci@n2', token: 11 }, 'its place is given back');
  const interrupt = new AbortController();
  const left = startCli([...line, '--wait', '1m'], { interrupted: interrupt.signal });
  const before = api.seen('acquireLock').length;
  await until(() => api.seen('acquireLock').length > before + 1);
  interrupt.abort();
  t.equal((await left.result).code, 130);
  t.equal(api.seen('releaseLock').length, 2);
});

t.test('breaking takes a reason', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('breakLock', () => ({ holder: 'ci@n1', token: 9, changed: true, index: 13 }));
  const socket = ['--socket', api.socket];
  const broken = await runCli(['lock', 'break', 'deploy', '--reason', 'n1 burnt down', '--token', '9', ...socket]);
  t.equal(broken.stdout, 'lock deploy: the claim of ci@n1 was broken\n');
  t.same(api.seen('breakLock')[0]?.body, { reason: 'n1 burnt down', token: 9 });
  t.equal((await runCli(['lock', 'break', 'deploy', ...socket])).code, 2);
  t.equal((await runCli(['lock', 'break', 'deploy', '--reason', ' ', ...socket])).code, 2);
});
