import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import t from 'tap';
import { endMarked, findMarked, startTicks } from './marked.ts';

const MARK = 'N3X_MARK_TEST';

t.test('a marked process and its orphan are found and ended, others are not', async (t) => {
  const value = randomUUID();
  // The shell leaves a sleeper behind that ignores the polite signal.
  const parent = spawn('sh', ['-c', '(trap "" TERM; sleep 600 & wait; sleep 600) & echo up; exit 0'], {
    env: { ...process.env, [MARK]: value },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const stranger = spawn('sleep', ['600'], { env: { ...process.env, [MARK]: randomUUID() } });
  t.teardown(() => stranger.kill('SIGKILL'));
  await once(parent, 'exit');
  const found = findMarked(MARK, value);
  t.ok(found.length >= 1, 'the orphan is found');
  t.ok(found.every((one) => startTicks(one.pid) === one.startTicks));
  const killed = await endMarked(MARK, value, 200);
  t.ok(killed.length >= 1, 'it had to be killed');
  t.same(findMarked(MARK, value), []);
  t.ok(startTicks(stranger.pid ?? 0) !== undefined, 'the stranger lives');
});

t.test('with nothing to end, nothing happens', async (t) => {
  t.same(await endMarked(MARK, randomUUID(), 0), []);
});
