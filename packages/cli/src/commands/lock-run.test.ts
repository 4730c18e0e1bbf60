import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { run } from '../program.ts';
import { ApiDouble, apiError, HANG, scratchDirectory } from '../testing/api-double.ts';
import { makeClaim, makeLock } from '../testing/locks.ts';
import { runCli, until } from '../testing/run-cli.ts';

const PATH = process.env['PATH'] ?? '/bin:/usr/bin';

/** A stand-in that gives and takes back every lock. */
async function giving(scope: Parameters<typeof ApiDouble.start>[0], holdMs = 27_000): Promise<ApiDouble> {
  const api = await ApiDouble.start(scope);
  const answer = { claim: makeClaim({ holdMs }), lock: makeLock(), index: 9 };
  api.on('acquireLock', () => answer);
  api.on('renewLock', () => answer);
  api.on('releaseLock', () => ({ changed: true, index: 11 }));
  return api;
}

function under(api: ApiDouble, flags: readonly string[], script: string): string[] {
  return ['lock', 'run', 'deploy', '--socket', api.socket, ...flags, '--', 'sh', '-c', script];
}

t.test('the command runs with the lock in its environment, and its code is the result', async (t) => {
  const api = await giving(t);
  const file = join(scratchDirectory(t), 'env');
  const script = `echo "$N3X_LOCK_NAME $N3X_LOCK_TOKEN $N3X_LOCK_HOLDER" > ${file}; exit 7`;
  const result = await runCli(under(api, ['--holder', 'ci@n1'], script), { env: { PATH } });
  t.same(result, { code: 7, stdout: '', stderr: '' });
  t.equal(readFileSync(file, 'utf8'), 'deploy 9 ci@n1\n');
  t.same(api.seen('releaseLock')[0]?.body, { holder: 'ci@n1', token: 9 });
  t.match(api.seen('acquireLock')[0]?.body, { reason: 'sh', wait: false, ttlMs: 30_000 });
  t.equal((await runCli(under(api, [], 'kill -9 $$'), { env: { PATH } })).code, 137);
  const holders = api.seen('acquireLock').map(({ body }) => String(Reflect.get(Object(body), 'holder')));
  t.match(holders[1], /^[\w.-]+@[\w.-]+:\d+:[0-9a-f]{8}$/, 'each run is a holder of its own');
});

t.test('without the lock nothing runs', async (t) => {
  const api = await giving(t);
  api.on('acquireLock', () => {
    throw apiError(ERROR_CODES.locked, 'lock deploy is held by ci@n2');
  });
  const file = join(scratchDirectory(t), 'ran');
  const result = await runCli(under(api, [], `touch ${file}`), { env: { PATH } });
  t.same(result, { code: 120, stdout: '', stderr: 'n3xctl: lock deploy is held by ci@n2\n' });
  t.notOk(existsSync(file));
  t.equal((await runCli(['lock', 'run', 'deploy', '--socket', api.socket])).code, 2);
});

t.test('a command that cannot be run gives the lock back', async (t) => {
  const api = await giving(t);
  const line = ['lock', 'run', 'deploy', '--socket', api.socket, '--'];
  t.same(await runCli([...line, 'no-such-command-here'], { env: { PATH } }), {
    ...{ code: 127, stdout: '', stderr: 'n3xctl: no-such-command-here: there is no such command\n' },
  });
  t.equal((await runCli([...line, '/'], { env: { PATH } })).code, 126);
  t.equal(api.seen('releaseLock').length, 2);
});

t.test('it is renewed while the command runs', async (t) => {
  const api = await giving(t, 2_700);
  const file = join(scratchDirectory(t), 'go');
  const running = runCli(under(api, ['--ttl', '3s'], `until [ -e ${file} ]; do sleep 0.02; done`), { env: { PATH } });
  await until(() => api.seen('renewLock').length >= 3);
  const { writeFileSync } = await import('node:fs');
  writeFileSync(file, '');
  t.same(await running, { code: 0, stdout: '', stderr: '' });
});

t.test('a lock that cannot be renewed ends the command and all that it started, in time', async (t) => {
  const api = await giving(t, 2_700);
  api.on('renewLock', () => HANG);
  const file = join(scratchDirectory(t), 'pid');
  // Neither it nor its child listens to SIGTERM.
  const script = `trap '' TERM; sh -c 'trap "" TERM; echo $$ > ${file}; while :; do sleep 0.05; done' & wait; while :; do sleep 0.05; done`;
  const result = await runCli(under(api, ['--ttl', '3s'], script), { env: { PATH } });
  t.equal(result.code, 121);
  t.match(result.stderr, /lock deploy could not be renewed in time: the command was ended before somebody else/);
  const pid = Number(readFileSync(file, 'utf8'));
  const alive = (): boolean => {
    try {
      // A zombie that nobody has reaped yet has ended too.
      return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return false;
    }
  };
  await until(() => !alive());
});

t.test('a lock that was broken ends the command', async (t) => {
  const api = await giving(t);
  api.on('renewLock', () => {
    throw apiError(ERROR_CODES.lockLost, 'lock deploy is not held any more');
  });
  const result = await runCli(under(api, ['--ttl', '1s'], 'sleep 60'), { env: { PATH } });
  t.same(result, { code: 121, stdout: '', stderr: 'n3xctl: lock deploy is not held any more\n' });
  t.equal(api.seen('releaseLock').length, 0);
});

t.test('success is not told when the lock was gone at the end', async (t) => {
  const api = await giving(t);
  api.on('releaseLock', () => {
    throw apiError(ERROR_CODES.lockLost, 'lock deploy is not held any more');
  });
  t.equal((await runCli(under(api, [], 'exit 0'), { env: { PATH } })).code, 121);
  t.equal((await runCli(under(api, [], 'exit 3'), { env: { PATH } })).code, 3);
  api.on('releaseLock', () => {
    throw apiError(ERROR_CODES.storage, 'the disk is full');
  });
  t.match(await runCli(under(api, [], 'exit 0'), { env: { PATH } }), {
    code: 0,
    stderr: /lock deploy could not be given back: the disk is full; it goes by itself 30 s after/,
  });
});

t.test('signals go to the command', async (t) => {
  const api = await giving(t);
  const file = join(scratchDirectory(t), 'up');
  let send: ((signal: NodeJS.Signals) => void) | undefined;
  const script = `trap 'exit 9' USR1; trap 'exit 5' TERM; touch ${file}; while :; do sleep 0.02; done`;
  const streams = { stdout: new PassThrough(), stderr: new PassThrough(), stdin: new PassThrough() };
  const ended = run(under(api, [], script), {
    ...streams,
    ...{ env: { PATH }, cwd: '/', startedAtMs: performance.now(), interrupted: new AbortController().signal },
    takeSignals: (handler) => {
      send = handler;
      return () => {
        send = undefined;
      };
    },
  });
  await until(() => existsSync(file));
  send?.('SIGUSR1');
  t.equal(await ended, 9);
  t.equal(send, undefined);
  t.equal(api.seen('releaseLock').length, 1);
});
