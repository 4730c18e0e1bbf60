/** The program's entry: joins {@link run} to this process. */
import { run } from './program.ts';
import { enlargeYoungGeneration } from './young-generation.ts';

enlargeYoungGeneration();

// A reader that goes early, like `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 3);
});

process.exitCode = await run(process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
});
