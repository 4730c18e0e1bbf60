/** The program's entry: joins {@link run} to this process. */
import { run } from './program.ts';

const interrupt = new AbortController();
const interrupted = (): void => {
  interrupt.abort();
  // Whatever still holds the process after an interrupt is not worth waiting for.
  setTimeout(() => process.exit(130), 500).unref();
};
process.once('SIGINT', interrupted);
/** Signals that a command which runs another one passes on. */
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

function takeSignals(handler: (signal: NodeJS.Signals) => void): () => void {
  process.removeListener('SIGINT', interrupted);
  for (const signal of PASSED_ON) process.on(signal, handler);
  return () => {
    for (const signal of PASSED_ON) process.removeListener(signal, handler);
    process.once('SIGINT', interrupted);
  };
}

// A reader that goes early, like `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

process.exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  cwd: process.cwd(),
  startedAtMs: 0,
  interrupted: interrupt.signal,
  takeSignals,
});
