/** One seed decides everything: a run twice is the same run, byte for byte, also in another process. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { traceHeader } from '@n3x/sim/commands/case-file';
import { fixRequest, resolveRequest } from '@n3x/sim/commands/run-options';
import { simulate } from '@n3x/sim/simulator';
import t from 'tap';

const PROGRAM = join(import.meta.dirname, '../../packages/sim/bin/n3x-sim.mjs');
/** Every workload once, and every kind of trouble: what draws at random, and what a run could share with another. */
const RUNS = [
  ['hostile', 'mixed'],
  ['lossy', 'writes'],
  ['upgrade', 'membership'],
  ['adversary', 'locks'],
  ['bitrot', 'vms'],
  ['satellite', 'conditional'],
  ['clocks', 'tokens'],
] as const;
const DURATION_MS = 8_000;

function requestOf(seed: number, [profile, workload]: (typeof RUNS)[number]) {
  return fixRequest({ seed, hosts: 5, durationMs: DURATION_MS, profile, workload });
}

function traced(request: ReturnType<typeof requestOf>): { digest: string; lines: string[] } {
  const lines: string[] = [];
  const { digest } = simulate({ ...resolveRequest(request), onLine: (line) => void lines.push(line) });
  return { digest, lines };
}

for (const run of RUNS) {
  t.test(`profile ${run[0]}, workload ${run[1]}`, async (t) => {
    const request = requestOf(7, run);
    const [first, second] = [traced(request), traced(request)];
    t.ok(first.lines.length > 500, `${first.lines.length} lines`);
    const differs = first.lines.findIndex((line, at) => line !== second.lines[at]);
    t.equal(differs, -1, `line ${differs}: ${first.lines[differs]} / ${second.lines[differs]}`);
    t.equal(first.lines.length, second.lines.length);
    t.equal(first.digest, second.digest);

    const path = join(t.testdir({}), 'trace');
    const flags = ['--seed', '7', '--hosts', '5', '--duration', `${DURATION_MS}ms`, '--profile', run[0]];
    const args = [PROGRAM, 'run', ...flags, '--workload', run[1], '--trace', path, '--json'];
    const output = execFileSync(process.execPath, args, { encoding: 'utf8' });
    t.match(JSON.parse(output), { digest: first.digest, verdict: 'passed' }, 'another process: the same digest');
    const expected = `${[traceHeader({ request }), ...first.lines].join('\n')}\n`;
    t.ok(readFileSync(path, 'utf8') === expected, 'another process: the same bytes');
  });
}

t.test('whether a run is watched changes nothing', async (t) => {
  const request = requestOf(7, RUNS[0]);
  const unwatched = simulate(resolveRequest(request));
  t.equal(unwatched.digest, traced(request).digest);
  const watched = { onEvent: () => undefined, onSecond: () => undefined };
  t.equal(simulate({ ...resolveRequest(request), ...watched }).digest, unwatched.digest);
});

t.test('another seed is another run', async (t) => {
  t.not(simulate(resolveRequest(requestOf(8, RUNS[0]))).digest, traced(requestOf(7, RUNS[0])).digest);
});
