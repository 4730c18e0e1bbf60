/**
 * Where a development cluster keeps its things: `.n3x/` of the clone, which exists exactly as long as the cluster
 * does. It also is the lock: one cluster per clone. What a killed run left behind is cleaned up by the next one.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { endMarked, startTicks } from '../processes/marked.ts';

/** Variable in the environment of every process of a development cluster; its value is the run's own. */
export const MARK = 'N3X_DEV_CLUSTER';

/** Linux takes paths of Unix sockets up to 107 bytes; a VM's sockets lie this much deeper than `short`. */
const SOCKET_PATH_BYTES_MAX = 107;
const DEEPEST_SOCKET = `/n1/microvms/${'v'.repeat(24)}/${'v'.repeat(24)}.sock`;

/** Places of one run. */
export interface Place {
  /** `.n3x/` of the clone. */
  readonly root: string;
  /** Like `root`, but short enough for sockets: `root` itself, or a directory of its own elsewhere. */
  readonly short: string;
  /** Value of {@link MARK} in this run's processes. */
  readonly mark: string;
}

interface RunFile {
  readonly pid: number;
  readonly startTicks: string;
  readonly mark: string;
  readonly short: string;
}

/** A reason to end that is the user's to read, as it is. */
export class StartError extends Error {}

/** Takes the clone's place, after cleaning up what a killed run left there. Throws `StartError` when a run lives. */
export async function takePlace(clone: string): Promise<Place> {
  const root = join(clone, '.n3x');
  const file = join(root, 'run.json');
  const before = readRunFile(file);
  if (before !== undefined && startTicks(before.pid) === before.startTicks) {
    throw new StartError(`a cluster of this clone runs already, as process ${before.pid}: end that one first`);
  }
  if (existsSync(root)) {
    console.log('cleaning up after a run that was killed');
    await removePlace({ root, short: before?.short ?? root, mark: before?.mark ?? '' });
  }
  mkdirSync(root, { recursive: true });
  const fits = Buffer.byteLength(root + DEEPEST_SOCKET) <= SOCKET_PATH_BYTES_MAX;
  const place: Place = { root, short: fits ? root : mkdtempSync(join(tmpdir(), 'n3x-')), mark: randomUUID() };
  const run: RunFile = {
    pid: process.pid,
    startTicks: startTicks(process.pid) ?? '',
    mark: place.mark,
    short: place.short,
  };
  try {
    writeFileSync(file, JSON.stringify(run), { flag: 'wx' });
  } catch (error) {
    if (place.short !== root) rmSync(place.short, { recursive: true, force: true });
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw new StartError('another start of a cluster in this clone was faster: end that one first');
    }
    throw error;
  }
  return place;
}

/** Ends every process of the run and removes its files. Answers the command lines of what had to be killed. */
export async function removePlace(place: Place, graceMilliseconds = 2000): Promise<string[]> {
  const killed = place.mark === '' ? [] : await endMarked(MARK, place.mark, graceMilliseconds);
  rmSync(place.short, { recursive: true, force: true });
  rmSync(place.root, { recursive: true, force: true });
  return killed.map((found) => found.command);
}

function readRunFile(file: string): RunFile | undefined {
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // None, or one cut short by the kill: either way nobody holds the place.
    return undefined;
  }
  if (typeof read !== 'object' || read === null) return undefined;
  const { pid, startTicks, mark, short } = read as Partial<Record<keyof RunFile, unknown>>;
  if (typeof pid !== 'number' || typeof startTicks !== 'string') return undefined;
  if (typeof mark !== 'string' || typeof short !== 'string') return undefined;
  // It will be removed: a broken file must not name anything else.
  if (short !== dirname(file) && !basename(short).startsWith('n3x-')) return undefined;
  return { pid, startTicks, mark, short };
}
