/** The log of a VM's last build, bounded, with the one before kept beside it. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { isMissing } from './layout.ts';

/** Name of the log in the VM's state directory. */
export const BUILD_LOG = 'build.log';
/** Bytes of a build's log that are kept. */
export const BUILD_LOG_LIMIT = 4 * 1_048_576;

/** A log being written. */
export class BuildLog {
  readonly #stream: WriteStream;
  readonly #limit: number;
  #bytes = 0;
  #cut = false;
  #error: Error | undefined;

  private constructor(stream: WriteStream, limit: number) {
    this.#stream = stream;
    this.#limit = limit;
    // A disk that is full is told once, at the end.
    stream.on('error', (error) => {
      this.#error = error;
    });
  }

  /** Begins a new log; the present one becomes `<path>.1`. */
  static async begin(path: string, limit = BUILD_LOG_LIMIT): Promise<BuildLog> {
    try {
      await rename(path, `${path}.1`);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    return new BuildLog(createWriteStream(path, { mode: 0o644 }), limit);
  }

  /** Appends; what goes beyond the limit is dropped, and the log says so. */
  write(chunk: Uint8Array | string): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (this.#cut || this.#error !== undefined) return;
    if (this.#bytes + bytes.length > this.#limit) {
      this.#cut = true;
      this.#stream.write(bytes.subarray(0, this.#limit - this.#bytes));
      this.#stream.write(`\nn3x: the log is longer than ${this.#limit} bytes, the rest is not kept\n`);
      return;
    }
    this.#bytes += bytes.length;
    this.#stream.write(bytes);
  }

  /** Writes it out. Rejects with the error of the file system, if there was one. */
  async end(): Promise<void> {
    this.#stream.end();
    if (this.#error !== undefined) throw this.#error;
    await finished(this.#stream);
  }
}
