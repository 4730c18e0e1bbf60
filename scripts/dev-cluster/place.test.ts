import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { findMarked, startTicks } from '../processes/marked.ts';
import { MARK, removePlace, takePlace } from './place.ts';

t.test('a clone has room for one cluster', async (t) => {
  const clone = t.testdir({});
  const place = await takePlace(clone);
  await t.rejects(takePlace(clone), { message: /runs already/ });
  t.same(await removePlace(place), []);
  t.notOk(existsSync(join(clone, '.n3x')));
});

t.test('what a killed run left is ended and removed', async (t) => {
  const clone = t.testdir({});
  const mark = randomUUID();
  const orphan = spawn('sleep', ['600'], { env: { ...process.env, [MARK]: mark } });
  const gone = once(orphan, 'exit');
  mkdirSync(join(clone, '.n3x', 'n1'), { recursive: true });
  // This process id lives, but it is another process than the one that wrote the file.
  const run = { pid: process.pid, startTicks: '1', mark, short: join(clone, '.n3x') };
  writeFileSync(join(clone, '.n3x', 'run.json'), JSON.stringify(run));
  const place = await takePlace(clone);
  await gone;
  t.same(findMarked(MARK, mark), []);
  t.notOk(existsSync(join(clone, '.n3x', 'n1')));
  t.equal(JSON.parse(readFileSync(join(clone, '.n3x', 'run.json'), 'utf8')).startTicks, startTicks(process.pid));
  await removePlace(place);
});

t.test('a broken run file removes nothing outside the clone', async (t) => {
  const clone = t.testdir({ precious: { file: 'x' }, '.n3x': {} });
  const run = { pid: 1, startTicks: 'never', mark: randomUUID(), short: join(clone, 'precious') };
  writeFileSync(join(clone, '.n3x', 'run.json'), JSON.stringify(run));
  await removePlace(await takePlace(clone));
  t.ok(existsSync(join(clone, 'precious', 'file')));
});

t.test('sockets get a short directory of their own under a long clone', async (t) => {
  const clone = join(t.testdir({}), 'x'.repeat(100));
  mkdirSync(clone);
  const place = await takePlace(clone);
  t.not(place.short, place.root);
  t.ok(place.short.length < 60);
  await removePlace(place);
  t.notOk(existsSync(place.short));
});
