import { appendFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { BuildLog } from './build-log.ts';
import { lastLines, rotateInPlace, tailFile } from './console-log.ts';

async function file(t: { teardown(work: () => Promise<void>): void }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-log-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return join(directory, 'log');
}

async function text(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  let all = '';
  for await (const chunk of chunks) all += Buffer.from(chunk).toString();
  return all;
}

const never = () => new AbortController().signal;

t.test('the last lines', async (t) => {
  const last = (input: string, count: number) => Buffer.from(lastLines(Buffer.from(input), count)).toString();
  t.equal(last('a\nb\nc\n', 2), 'b\nc\n');
  t.equal(last('a\nb\nc', 2), 'b\nc');
  t.equal(last('a\n', 5), 'a\n');
  t.equal(last('a\n', 0), '');
  t.equal(last('', 3), '');
});

t.test('a log is followed across a cut, until it is enough', async (t) => {
  const path = await file(t);
  t.equal(await text(tailFile(path, { lines: 5, follow: false, signal: never() })), '', 'not there yet');
  await writeFile(path, 'one\ntwo\n');
  const abort = new AbortController();
  const seen: string[] = [];
  for await (const chunk of tailFile(path, { lines: 1, follow: true, signal: abort.signal })) {
    seen.push(Buffer.from(chunk).toString());
    if (seen.length === 1) await appendFile(path, 'three\n');
    if (seen.length === 2) {
      await truncate(path, 0);
      await appendFile(path, 'four\n');
    }
    if (seen.length === 3) abort.abort();
  }
  t.same(seen, ['two\n', 'three\n', 'four\n']);
});

t.test('a log is cut at its limit, once', async (t) => {
  const path = await file(t);
  await writeFile(path, 'x'.repeat(11));
  t.equal(await rotateInPlace(path, 11), false);
  t.equal(await rotateInPlace(path, 10), true);
  t.equal(await rotateInPlace(path, 10), false);
  t.equal(await text(tailFile(`${path}.1`, { lines: 1, follow: false, signal: never() })), 'x'.repeat(11));
});

t.test('a build’s log is bounded, the one before is kept', async (t) => {
  const path = await file(t);
  const first = await BuildLog.begin(path);
  first.write('first\n');
  await first.end();
  const second = await BuildLog.begin(path, 8);
  second.write('12345');
  second.write('67890');
  second.write('more');
  await second.end();
  const read = (from: string) => text(tailFile(from, { lines: 100, follow: false, signal: never() }));
  t.equal(await read(path), '12345678\nn3x: the log is longer than 8 bytes, the rest is not kept\n');
  t.equal(await read(`${path}.1`), 'first\n');
});
