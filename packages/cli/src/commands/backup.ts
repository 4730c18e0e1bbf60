/** Backups of the cluster's state: made, and looked at. */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type BackupHeader, BackupReader } from '@n3x/core/api/backup-file';
import { describeError, ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { ConnectionError } from '../client/connection-error.ts';
import { Deadline } from '../client/deadline.ts';
import type { Context } from '../context.ts';
import { formatAge, formatTime } from '../output/age.ts';
import { renderFields } from '../output/table.ts';

/** How long, in ms, a socket may take until the backup begins: it waits for a quorum first. */
const OPEN_MS = 12_000;
/** How long, in ms, a backup may take when `--timeout` does not say. */
const BACKUP_MS = 600_000;

/** What is shown of a backup. */
interface BackupView extends BackupHeader {
  readonly file: string;
  readonly bytes: number;
  readonly records: number;
}

async function show(context: Context, view: BackupView, done: string): Promise<void> {
  const nowMs = Date.now();
  const fields = renderFields([
    ['File', view.file],
    ['Cluster', `${view.clusterName} (${view.clusterId})`],
    ['As of', `index ${view.index}`],
    ['Made', `${formatTime(view.madeAtMs)} on ${view.madeOn} (${formatAge(view.madeAtMs, nowMs)} ago)`],
    ['Holds', `${view.hosts} hosts, ${view.vms} VMs, ${view.records} records, ${view.bytes} bytes`],
    ['n3x', `${view.n3xVersion}, commands of format ${view.commandFormat}`],
    ['State', done],
  ]);
  await context.show(view, { names: [view.file], text: () => fields });
}

/** Why a file cannot be had, in words. */
function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file or directory',
    EISDIR: 'it is a directory',
    ENOTDIR: 'its path goes through a file',
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
  };
  return known[code] ?? describeError(cause);
}

/** The file that is written until the backup is whole, beside the one it replaces, readable by its owner only. */
async function openBeside(path: string): Promise<{ readonly file: FileHandle; readonly path: string }> {
  const beside = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}`);
  try {
    return { file: await open(beside, 'wx', 0o600), path: beside };
  } catch (cause) {
    throw new N3xError(ERROR_CODES.storage, `cannot write to ${dirname(path)}: ${reasonOf(cause)}`, { cause });
  }
}

/** Sends the backup to `write` and checks it on its way. Rejects with `ConnectionError` when it breaks off. */
async function receive(
  context: Context,
  name: string,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<Omit<BackupView, 'file'>> {
  const limit = new Deadline(context.timeoutMs ?? BACKUP_MS).signal();
  const signal = AbortSignal.any([context.terminal.interrupted, limit.signal]);
  const reader = new BackupReader({ name });
  let bytes = 0;
  try {
    const { client, consistency } = context;
    const answer = await client.stream('getBackup', { query: consistency, signal, openMs: OPEN_MS });
    try {
      for await (const chunk of answer.body) {
        reader.push(chunk);
        bytes += chunk.length;
        await write(chunk);
      }
    } catch (cause) {
      if (cause instanceof N3xError) throw cause;
      throw new ConnectionError('the backup broke off', { connected: true, cause });
    }
  } finally {
    limit.stop();
  }
  return { ...reader.end(), records: reader.records, bytes };
}

/** `cluster backup FILE`. The file is there whole or not at all; a `-` writes to standard output. */
export async function backup(context: Context, args: readonly string[]): Promise<void> {
  const [name = ''] = args;
  if (name === '-') {
    const { stdout } = context.terminal;
    await receive(context, 'standard output', async (bytes) => {
      if (!stdout.write(bytes)) await new Promise((done) => stdout.once('drain', done));
    });
    return;
  }
  const path = resolve(context.terminal.cwd, name);
  const beside = await openBeside(path);
  let made: Omit<BackupView, 'file'>;
  try {
    try {
      made = await receive(context, name, async (bytes) => {
        await beside.file.writeFile(bytes).catch((cause: unknown) => {
          throw new N3xError(ERROR_CODES.storage, `cannot write ${beside.path}: ${reasonOf(cause)}`, { cause });
        });
      });
      await beside.file.sync();
    } finally {
      await beside.file.close();
    }
    await rename(beside.path, path);
  } catch (error) {
    await rm(beside.path, { force: true });
    throw error;
  }
  await using directory = await open(dirname(path), 'r');
  await directory.sync();
  await show(context, { file: name, ...made }, 'whole');
}

/** `cluster verify-backup FILE`. Needs no n3xd. */
export async function verifyBackup(context: Context, args: readonly string[]): Promise<void> {
  const [name = ''] = args;
  const reader = new BackupReader({ name });
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(resolve(context.terminal.cwd, name))) {
      reader.push(chunk);
      bytes += chunk.length;
    }
  } catch (cause) {
    if (cause instanceof N3xError) throw cause;
    throw new N3xError(ERROR_CODES.invalid, `cannot read ${name}: ${reasonOf(cause)}`, { cause });
  }
  await show(
    context,
    { file: name, ...reader.end(), records: reader.records, bytes },
    'whole: every checksum is right',
  );
}
