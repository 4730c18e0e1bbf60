import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { storageFailure } from './storage-error.ts';

const CHILD = join(import.meta.dirname, 'full-disk-child.ts');
const run = promisify(execFile);

// A size limit on files is refused like a full disk and needs no privilege: blocks of 512 bytes. What a test
// runner preloads goes: it may give SIGXFSZ, which Node ignores, its deadly meaning again.
const FILE_LIMIT = `set -e
unset NODE_OPTIONS
(ulimit -f 1200; exec "$NODE" "$CHILD" write "$DIR/db")
"$NODE" "$CHILD" read "$DIR/db"`;

// A real file system that is full, then read-only, then large enough; it ends with its mount namespace.
const SMALL_DISK = `set -e
mount -t tmpfs -o size=3m none "$DIR"
"$NODE" "$CHILD" write "$DIR/db"
mount -o remount,ro "$DIR"
"$NODE" "$CHILD" read "$DIR/db"
mount -o remount,rw,size=64m "$DIR"
"$NODE" "$CHILD" read "$DIR/db"`;

const namespace = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];

async function script(text: string, wrap: readonly string[]): Promise<Record<string, unknown>[]> {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-full-'));
  try {
    const [command = '', ...args] = [...wrap, 'sh', '-c', text];
    const env = { ...process.env, NODE: process.execPath, CHILD, DIR: directory };
    const { stdout } = await run(command, args, { env });
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function canMount(): Promise<boolean> {
  try {
    await script('mount -t tmpfs none "$DIR" && echo {}', ['unshare', ...namespace]);
    return true;
  } catch {
    // Containers often forbid it; the limit on files is then the only full disk there is.
    return false;
  }
}

t.test('a write beyond the limit fails as full, later ones too, and nothing acknowledged is lost', async (t) => {
  const [written, read] = await script(FILE_LIMIT, []);
  const failures = Array.isArray(written?.['failures']) ? written['failures'] : [];
  t.match(failures, [{ reason: 'full' }, { reason: 'full' }, { reason: 'full' }, { reason: 'full' }]);
  t.equal(new Set(failures.map((failure) => failure.message)).size, 1, 'the same answer each time');
  t.ok(Number(written?.['acknowledged']) > 5);
  t.ok(Number(read?.['entries']) >= Number(written?.['acknowledged']), JSON.stringify(read));
});

if (await canMount()) {
  t.test('a full and a read-only file system', async (t) => {
    const [written, readOnly, read] = await script(SMALL_DISK, ['unshare', ...namespace]);
    const failures = Array.isArray(written?.['failures']) ? written['failures'] : [];
    t.match(failures, [{ reason: 'full', message: /No space left/ }, { reason: 'full' }, {}, {}]);
    t.match(readOnly, { error: { code: 'N3X_STORAGE', details: { reason: 'readOnly' } } });
    t.ok(Number(written?.['acknowledged']) > 5);
    t.ok(Number(read?.['entries']) >= Number(written?.['acknowledged']), JSON.stringify(read));
  });
}

t.test('errors are sorted by what the system said', async (t) => {
  const cause = (message: string) => new Error('Database failed', { cause: new Error(message) });
  t.match(storageFailure(cause('IO error: /x/1.log: No space left on device')), { reason: 'full', message: /1\.log/ });
  t.match(storageFailure(cause('IO error: /x/1.log: Disk quota exceeded')), { reason: 'full' });
  t.match(storageFailure(cause('IO error: /x/1.log: Read-only file system')), { reason: 'readOnly' });
  t.match(storageFailure(cause('IO error: /x/1.log: Input/output error')), { reason: 'io' });
  t.match(storageFailure('odd'), { ok: false, reason: 'io', message: 'odd' });
});
