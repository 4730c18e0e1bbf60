/** Logs in files: bounded by copy and truncate, because their writers keep them open. */
import { copyFile, open, rename, stat, truncate } from 'node:fs/promises';
import { isMissing } from './layout.ts';

/** Size in bytes above which a console's log is cut; one older file of at most about this size is kept. */
export const CONSOLE_LOG_LIMIT = 4 * 1_048_576;

/** Size of a file; zero when it is missing. */
export async function fileSize(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

/** Cuts a log that has grown past `limit`, keeping its content as `<path>.1`. True when it did. */
export async function rotateInPlace(path: string, limit: number): Promise<boolean> {
  if ((await fileSize(path)) <= limit) return false;
  await copyFile(path, `${path}.1.tmp`);
  // What is written between the copy and this is lost, as with any log that is cut under its writer.
  await truncate(path, 0);
  await rename(`${path}.1.tmp`, `${path}.1`);
  return true;
}

/** At most `length` bytes of a file from `offset` on. Empty when it is missing or ends before. */
export async function readRange(path: string, offset: number, length: number): Promise<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const buffer = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if (isMissing(error)) return new Uint8Array();
    throw error;
  }
}

/** How a log is read. */
export interface TailOptions {
  /** Lines from the end to begin with. */
  readonly lines: number;
  /** Go on with what is written later, until the signal. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** Bytes read at once, and looked back over for the wanted lines. */
const CHUNK_BYTES = 65_536;
const LOOK_BACK_BYTES = 1_048_576;
const FOLLOW_POLL_MS = 100;

/** The end of a file, and with `follow` what is added later, across cuts. Ends when the signal fires. */
export async function* tailFile(path: string, options: TailOptions): AsyncGenerator<Uint8Array> {
  let position = Math.max(0, (await fileSize(path)) - LOOK_BACK_BYTES);
  const end = await readRange(path, position, LOOK_BACK_BYTES);
  position += end.length;
  const begin = lastLines(end, options.lines);
  if (begin.length > 0) yield begin;
  while (options.follow && !options.signal.aborted) {
    const size = await fileSize(path);
    if (size < position) position = 0;
    if (size === position) {
      await pause(FOLLOW_POLL_MS, options.signal);
      continue;
    }
    const chunk = await readRange(path, position, CHUNK_BYTES);
    position += chunk.length;
    if (chunk.length > 0) yield chunk;
  }
}

/** The last `count` lines of some bytes; a last line without its end counts. */
export function lastLines(bytes: Uint8Array, count: number): Uint8Array {
  if (count <= 0) return new Uint8Array();
  let seen = 0;
  for (let at = bytes.length - 2; at >= 0; at--) {
    if (bytes[at] !== 10) continue;
    seen += 1;
    if (seen === count) return bytes.subarray(at + 1);
  }
  return bytes;
}

/** Waits, or until the signal fires. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
