/** Runs n3xctl within a test, with streams of its own. */
import { PassThrough } from 'node:stream';
import { run } from '../program.ts';

/** What one run is given. */
export interface CliInput {
  readonly stdin?: PassThrough & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stderrIsTerminal?: boolean;
  readonly stdoutIsTerminal?: boolean;
  readonly interrupted?: AbortSignal;
}

/** What one run gave. */
export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run that goes on: what it has written so far, and its end. */
export interface CliRun {
  readonly output: () => { readonly stdout: string; readonly stderr: string };
  readonly result: Promise<CliResult>;
}

function collector(terminal: boolean): { stream: PassThrough & { isTTY?: boolean }; text: () => string } {
  const chunks: Buffer[] = [];
  const stream = Object.assign(new PassThrough(), terminal ? { isTTY: true, columns: 80 } : {});
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

/** Starts a run. */
export function startCli(argv: readonly string[], input: CliInput = {}): CliRun {
  const stdout = collector(input.stdoutIsTerminal === true);
  const stderr = collector(input.stderrIsTerminal === true);
  const output = () => ({ stdout: stdout.text(), stderr: stderr.text() });
  const done = run(argv, {
    stdout: stdout.stream,
    stderr: stderr.stream,
    stdin: input.stdin ?? new PassThrough(),
    env: input.env ?? {},
    cwd: input.cwd ?? '/',
    startedAtMs: performance.now(),
    interrupted: input.interrupted ?? new AbortController().signal,
  });
  return { output, result: done.then((code) => ({ code, ...output() })) };
}

/** Runs to the end. */
export function runCli(argv: readonly string[], input: CliInput = {}): Promise<CliResult> {
  return startCli(argv, input).result;
}

/** Waits until `condition` holds; the test's own timeout bounds it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
