/**
 * Every check and every test: lint, import directions, types, then all test files, the heavy ones last.
 * Ends with the line `N passed, N failed`; exits with 1 when something failed. Arguments name test files to run
 * instead of everything. Nothing that a test started or wrote outside this clone is left behind.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { globSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { endMarked, waitForMarked } from './processes/marked.ts';
import { TapReader } from './reporting/tap-reader.ts';

const ROOT = resolve(import.meta.dirname, '..');
const MARK = 'N3X_TEST_RUN';
/** The whole run, in minutes: what hangs is ended before a caller's own limit ends us without a word. */
const LIMIT_MINUTES = 24;
/** How many test files run at once, and how long one may take, in seconds. */
const LIGHT = { jobs: 2, timeout: 600 };
const HEAVY = { jobs: 2, timeout: 600 };
/** Folders whose tests start several daemons or VMs: they come last, when nothing else runs. */
const HEAVY_FOLDERS = /^tests\/(e2e|integration|bench|lab)\//;

const total = { passed: 0, failed: 0 };
const failures: string[] = [];
const run = randomUUID();
let finishing: Promise<never> | undefined;
const scratch = mkdtempSync(join(tmpdir(), 'n3x-t-'));
const environment: NodeJS.ProcessEnv = {
  ...process.env,
  [MARK]: run,
  TMPDIR: scratch,
  XDG_CACHE_HOME: join(scratch, 'cache'),
};

function fail(what: string): void {
  total.failed += 1;
  failures.push(what);
  console.log(`FAIL ${what}`);
}

/** Runs a check that has one verdict; its output is shown when the verdict is bad. */
async function check(name: string, command: string, args: readonly string[]): Promise<void> {
  if (finishing !== undefined) return;
  const child = spawn(command, args, { cwd: ROOT, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (output += part.toString()));
  const code = await ended(child);
  if (code === 0) {
    total.passed += 1;
    console.log(`ok   ${name}`);
  } else {
    console.log(output.trimEnd());
    fail(`${name} (${code})`);
  }
}

function ended(child: ReturnType<typeof spawn>): Promise<number | string> {
  return new Promise((done) => {
    child.once('error', (error) => done(error.message));
    child.once('close', (code, signal) => done(code ?? signal ?? 'ended'));
  });
}

/** Runs test files through tap, printing a line per file and all of a file that failed. */
async function tap(files: readonly string[], { jobs, timeout }: { jobs: number; timeout: number }): Promise<void> {
  if (files.length === 0 || finishing !== undefined) return;
  const args = ['--disable-coverage', '--reporter=tap', '--no-color', `--jobs=${jobs}`, `--timeout=${timeout}`];
  const child = spawn('tap', [...args, ...files], { cwd: ROOT, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const reader = new TapReader((file) => {
    if (file.failed > 0) console.log(file.text);
    const name = file.name || 'a test file without a name';
    const line = `${name}: ${file.passed} passed${file.failed > 0 ? `, ${file.failed} failed` : ''}, ${file.time}`;
    if (file.failed > 0) failures.push(name);
    console.log(`${file.failed > 0 ? 'FAIL' : 'ok  '} ${line}`);
  });
  let errors = '';
  child.stderr.on('data', (part: Buffer) => (errors = `${errors}${part}`.slice(-20_000)));
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => reader.line(line));
  const code = await ended(child);
  total.passed += reader.passed;
  total.failed += reader.failed;
  if (code !== 0 && errors !== '') console.log(errors.trimEnd());
  if (code !== 0 && reader.failed === 0) fail(`tap ended with ${code}, though no test failed`);
}

/** Ends what tests left running; that is a failure of theirs. */
async function endLeftovers(): Promise<void> {
  // What ends by itself may take a moment, and on a busy machine a longer one.
  for (const found of await waitForMarked(MARK, run, 15_000)) fail(`left running: ${found.pid} ${found.command}`);
  await endMarked(MARK, run, 500);
}

/** Cleans up, sums up, exits; once, whoever asks first. */
function finish(): Promise<never> {
  finishing ??= cleanUpAndExit();
  return finishing;
}

async function cleanUpAndExit(): Promise<never> {
  await endLeftovers();
  const left = readdirSync(scratch).filter((name) => name !== 'cache');
  if (left.length > 0) console.log(`removing ${left.length} temporary entries of tests: ${left.slice(0, 5).join(' ')}`);
  rmSync(scratch, { recursive: true, force: true });
  if (failures.length > 0) console.log(`\nfailed:\n${failures.map((name) => `  ${name}`).join('\n')}`);
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  process.exit(total.failed > 0 ? 1 : 0);
}

setTimeout(() => {
  fail(`not done after ${LIMIT_MINUTES} minutes`);
  void finish();
}, LIMIT_MINUTES * 60_000).unref();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => {
    fail(`ended by ${name}`);
    void finish();
  });
}

const named = process.argv.slice(2);
const files =
  named.length > 0
    ? named
    : globSync('{packages,tests,scripts}/**/*.test.ts', { cwd: ROOT, exclude: ['**/node_modules/**'] }).sort();
if (named.length === 0) {
  await check('biome: format and lint', 'biome', ['check', '.']);
  await check('dependency-cruiser: import directions', 'depcruise', [
    ...['--config', '.dependency-cruiser.json', '--output-type', 'err', 'packages', 'tests', 'scripts'],
  ]);
  await check('tsc: types', 'tsc', ['--noEmit', '-p', 'tsconfig.json']);
  await check('tsc: types of the page', 'tsc', ['--noEmit', '-p', 'packages/sim/src/viewer/page/tsconfig.json']);
}
await tap(
  files.filter((file) => !HEAVY_FOLDERS.test(file)),
  LIGHT,
);
await tap(
  files.filter((file) => HEAVY_FOLDERS.test(file)),
  HEAVY,
);
if (files.length === 0) fail('no test file was found');
await finish();
