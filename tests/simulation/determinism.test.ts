/** One seed decides everything: a run twice is the same run, also in another process. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { resolveRequest } from '@n3x/sim/commands/run-options';
import { simulate } from '@n3x/sim/simulator';
import t from 'tap';

const PROGRAM = join(import.meta.dirname, '../../packages/sim/bin/n3x-sim.mjs');
const REQUEST = { hosts: 5, durationMs: 10_000, profile: 'hostile', workload: 'mixed' } as const;

function traced(seed: number): { digest: string; lines: string[] } {
  const lines: string[] = [];
  const { digest } = simulate({ ...resolveRequest({ ...REQUEST, seed }), onLine: (line) => void lines.push(line) });
  return { digest, lines };
}

t.test('the same seed gives the same trace, line by line', async (t) => {
  const [first, second] = [traced(7), traced(7)];
  t.ok(first.lines.length > 1_000, `${first.lines.length} lines`);
  const differs = first.lines.findIndex((line, at) => line !== second.lines[at]);
  t.equal(differs, -1, `line ${differs}: ${first.lines[differs]} / ${second.lines[differs]}`);
  t.equal(first.lines.length, second.lines.length);
  t.equal(first.digest, second.digest);
});

t.test('whether a trace is printed changes nothing', async (t) => {
  t.equal(simulate(resolveRequest({ ...REQUEST, seed: 7 })).digest, traced(7).digest);
});

t.test('another process comes to the same digest', async (t) => {
  const flags = ['--hosts', '5', '--duration', '10s', '--profile', 'hostile', '--workload', 'mixed', '--json'];
  const output = execFileSync(process.execPath, [PROGRAM, 'run', '--seed', '7', ...flags], { encoding: 'utf8' });
  t.match(JSON.parse(output), { digest: simulate(resolveRequest({ ...REQUEST, seed: 7 })).digest, verdict: 'passed' });
});

t.test('another seed is another run', async (t) => {
  t.not(simulate(resolveRequest({ ...REQUEST, seed: 8 })).digest, traced(7).digest);
});
