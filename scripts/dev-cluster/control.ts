/** Runs n3xctl as a user would, and shows it. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { MARK, type Place, StartError } from './place.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', 'packages', 'cli', 'bin', 'n3xctl.mjs');

/** What a command came to. */
export interface ControlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs n3xctl against one socket. */
export class Control {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  /** Runs a command to its end; `aborted` kills it. */
  run(socket: string, args: readonly string[], aborted?: AbortSignal): Promise<ControlResult> {
    return new Promise((done, refuse) => {
      const child = spawn(process.execPath, [PROGRAM, '--socket', socket, ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, [MARK]: this.#place.mark },
        detached: true,
      });
      const stop = () => child.kill('SIGKILL');
      aborted?.addEventListener('abort', stop, { once: true });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (part: Buffer) => (stdout += part.toString()));
      child.stderr.on('data', (part: Buffer) => (stderr += part.toString()));
      child.once('error', refuse);
      child.once('close', (code) => {
        aborted?.removeEventListener('abort', stop);
        done({ code: code ?? -1, stdout, stderr });
      });
    });
  }

  /** Runs a command that must succeed; answers what it printed. Throws `StartError` with its reason. */
  async must(socket: string, args: readonly string[], aborted?: AbortSignal): Promise<string> {
    const result = await this.run(socket, args, aborted);
    if (result.code === 0) return result.stdout;
    const reason = (result.stderr.trim() || result.stdout.trim() || 'no word of it').split('\n').join('\n  ');
    throw new StartError(`n3xctl ${args.slice(0, 2).join(' ')} ended with ${result.code}: ${reason}`);
  }

  /** As {@link must}, with JSON read. */
  async json(socket: string, args: readonly string[], aborted?: AbortSignal): Promise<unknown> {
    return JSON.parse(await this.must(socket, [...args, '-o', 'json'], aborted));
  }
}
