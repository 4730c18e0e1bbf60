/**
 * For tests: recovers the data directory in its first argument, and kills itself before the file operation of the number in
 * its second, counted from the moment of agreement. Ends with 0 when there are not as many.
 */
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { PassThrough, Writable } from 'node:stream';

const [dataDir = '', at = '0'] = process.argv.slice(2);
let counting = false;
let count = 0;

function step(): void {
  if (!counting) return;
  count++;
  if (count === Number(at)) process.kill(process.pid, 'SIGKILL');
}

const { open, rename, mkdir } = fs;
fs.open = async (...args: Parameters<typeof open>) => {
  step();
  const file = await open(...args);
  const { sync } = file;
  file.sync = async () => {
    step();
    await sync.call(file);
  };
  return file;
};
fs.rename = async (...args: Parameters<typeof rename>) => {
  step();
  await rename(...args);
};
fs.mkdir = ((...args: Parameters<typeof mkdir>) => {
  step();
  return mkdir(...args);
}) as typeof mkdir;
syncBuiltinESMExports();

const stdout = new Writable({
  write(chunk, _encoding, done) {
    if (String(chunk).includes('becomes the only member')) counting = true;
    done();
  },
});
const { recover } = await import('./recover.ts');
const clusterId = '0123456789abcdef0123456789abcdef';
const agreed = { yes: true, clusterId } as const;
await recover({ dataDir, reports: [], ...agreed }, { stdin: new PassThrough(), stdout, stderr: process.stderr });
