import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BackupHeader, writeBackup } from '@n3x/core/api/backup-file';
import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { ANSWERED, ApiDouble, apiError, scratchDirectory } from '../testing/api-double.ts';
import { runCli } from '../testing/run-cli.ts';

const HEADER: BackupHeader = {
  format: 1,
  n3xVersion: '0.1.0',
  commandFormat: 2,
  clusterId: 'ab'.repeat(16),
  clusterName: 'home',
  index: 42,
  term: 3,
  madeAtMs: Date.now(),
  madeOn: 'n1',
  hosts: 3,
  vms: 2,
};
const WHOLE = Buffer.concat([...writeBackup(HEADER, [['vm/a', new Uint8Array(70_000)]])]);

t.test('a backup is written whole, for its owner only, in place of the one before', async (t) => {
  const api = await ApiDouble.start(t);
  const cwd = scratchDirectory(t);
  api.on('getBackup', ({ response, query }) => {
    t.same(query, { consistency: 'linearizable' });
    response.write(WHOLE.subarray(0, 1000));
    response.end(WHOLE.subarray(1000));
    return ANSWERED;
  });
  writeFileSync(join(cwd, 'b'), 'an older one', { mode: 0o644 });
  const made = await runCli(['cluster', 'backup', 'b', '--socket', api.socket], { cwd });
  t.equal(made.code, 0, made.stderr);
  t.match(made.stdout, /Cluster: +home \(abab.*\nAs of: +index 42\n.*\nHolds: +3 hosts, 2 VMs, 1 records, \d+ bytes\n/);
  t.ok(readFileSync(join(cwd, 'b')).equals(WHOLE));
  t.equal(statSync(join(cwd, 'b')).mode & 0o777, 0o600);
  t.same(readdirSync(cwd), ['b'], 'nothing else is left');
  const checked = await runCli(['cluster', 'verify-backup', 'b', '-o', 'json'], { cwd });
  t.match(JSON.parse(checked.stdout), { ...HEADER, file: 'b', records: 1, bytes: WHOLE.length });
  const piped = await runCli(['cluster', 'backup', '-', '--socket', api.socket], { cwd });
  t.match(piped.stdout, /^n3x-backup\n/);
  t.equal(piped.stderr, '');
});

t.test('a file that cannot be had is named with the reason', async (t) => {
  const cwd = scratchDirectory(t);
  const made = await runCli(['cluster', 'backup', 'no/b', '--socket', join(cwd, 'none')], { cwd });
  t.match(made, { code: 1, stderr: /^n3xctl: cannot write to .*\/no: there is no such file or directory\n$/ });
});

t.test('what is not whole leaves the one before as it was', async (t) => {
  const api = await ApiDouble.start(t);
  const cwd = scratchDirectory(t);
  writeFileSync(join(cwd, 'b'), 'an older one');
  const attempt = async (code: number, message: RegExp): Promise<void> => {
    const result = await runCli(['cluster', 'backup', 'b', '--socket', api.socket], { cwd });
    t.equal(result.code, code, result.stderr);
    t.match(result.stderr, message);
    t.equal(readFileSync(join(cwd, 'b'), 'utf8'), 'an older one');
    t.same(readdirSync(cwd), ['b']);
  };
  api.on('getBackup', ({ response }) => {
    response.write(WHOLE.subarray(0, 30_000));
    setTimeout(() => response.destroy(), 20);
    return ANSWERED;
  });
  await attempt(8, /^n3xctl: the backup broke off/);
  api.on('getBackup', ({ response }) => {
    response.end(WHOLE.subarray(0, 30_000));
    return ANSWERED;
  });
  await attempt(1, /^n3xctl: the backup b is cut short \(at byte \d+\): use another one\n$/);
  api.on('getBackup', () => {
    throw apiError(ERROR_CODES.noQuorum, 'no quorum');
  });
  await attempt(5, /^n3xctl: no quorum\nhint: reads with --stale/);
  const nowhere = await runCli(['cluster', 'backup', 'none/b', '--socket', api.socket], { cwd });
  t.match([nowhere.code, nowhere.stderr], [1, /^n3xctl: cannot write to .*none/]);
});

t.test('one host alone can be backed up without a quorum, when asked to', async (t) => {
  const api = await ApiDouble.start(t);
  const cwd = scratchDirectory(t);
  api.on('getBackup', ({ response, query }) => {
    t.same(query, { consistency: 'stale' });
    response.end(WHOLE);
    return ANSWERED;
  });
  t.equal((await runCli(['cluster', 'backup', 'b', '--stale', '--socket', api.socket], { cwd })).code, 0);
});

t.test('what is no backup, damaged, or of a later format is told in one line', async (t) => {
  const cwd = scratchDirectory(t);
  const flipped = Buffer.from(WHOLE);
  flipped[500] = (flipped[500] ?? 0) ^ 1;
  writeFileSync(join(cwd, 'flipped'), flipped);
  writeFileSync(join(cwd, 'text'), 'some text that is long enough');
  writeFileSync(join(cwd, 'later'), Buffer.concat([...writeBackup({ ...HEADER, format: 7 }, [])]));
  for (const [file, code, message] of [
    ['flipped', 1, /^n3xctl: the backup flipped is damaged \(at byte \d+\): use another one\n$/],
    ['text', 2, /^n3xctl: text is no backup of an n3x cluster\n$/],
    [
      'later',
      1,
      /^n3xctl: later is a backup of format 7, made by n3x 0\.1\.0, and this build reads up to 1: [^\n]*\n$/,
    ],
    ['absent', 2, /^n3xctl: cannot read absent: there is no such file or directory\n$/],
  ] as const) {
    const result = await runCli(['cluster', 'verify-backup', file], { cwd });
    t.equal(result.code, code, file);
    t.match(result.stderr, message);
  }
});
