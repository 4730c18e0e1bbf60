/** From a seed that fails to a case that a person can read: shrunk, kept as data, run again and told by other processes. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCase } from '@n3x/sim/commands/case-file';
import t from 'tap';

const PROGRAM = join(import.meta.dirname, '../../packages/sim/bin/n3x-sim.mjs');
// A loaded machine may take several times as long.
t.setTimeout(500_000);

const SEEDS = '1..40';

function sim(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });
}

/** One planted where a loop meets its world, and one in the source of the core. */
const BUGS = [
  { planted: 'tail-lost-at-restart', profile: 'hostile', workload: 'writes' },
  { planted: 'own-vote-not-kept', profile: 'elections', workload: 'idle' },
];

for (const { planted, profile, workload } of BUGS) {
  t.test(planted, async (t) => {
    const dir = t.testdir({});
    const flags = ['--hosts', '5', '--duration', '15s', '--profile', profile, '--workload', workload];
    const soaked = sim('soak', '--seeds', SEEDS, '--violations', '1', '--planted', planted, ...flags, '--json');
    t.equal(soaked.status, 1, 'a soak that found something ends with 1');
    const [found] = JSON.parse(soaked.stdout).violated;
    const { rule } = found.violation;

    const file = join(dir, 'small.json');
    const seed = ['--seed', String(found.seed), '--planted', planted, ...flags];
    const shrunk = sim('shrink', ...seed, '--write', file, '--runs', '600');
    t.equal(shrunk.status, 1, shrunk.stderr);
    t.match(shrunk.stderr, /^[\w ]+: \d+ to \d+ \(\d+ runs\)$/m, 'steps are told');
    const { request, violation } = parseCase(readFileSync(file, 'utf8'), file);
    t.equal(violation?.rule, rule, 'the same rule is broken');
    const { faults = [], operations = [] } = request;
    t.ok(faults.length <= 3, `${faults.length} faults are left`);
    t.ok(operations.length <= 12, `${operations.length} operations are left`);

    const trace = join(dir, 'trace');
    const html = join(dir, 'page.html');
    const again = sim('run', '--case', file, '--json', '--trace', trace, '--html', html);
    t.equal(again.status, 1, again.stderr);
    t.match(JSON.parse(again.stdout), { verdict: 'violated', violation });
    t.match(
      readFileSync(html, 'utf8'),
      /<title>n3x-sim seed \d+: [^<]* violated S\d /,
      'its page tells what is violated',
    );
    const held = sim('replay', trace);
    t.equal(held.status, 1, 'a trace that is the same ends as its run did');
    t.match(held.stdout, /^# the same trace, all \d+ lines of it$/m);
    const told = sim('explain', file);
    t.equal(told.status, 1);
    t.match(told.stdout, rule);
    t.match(told.stdout, /^Message chart$/m);

    const lines = readFileSync(trace, 'utf8').split('\n');
    lines[5] = `${lines[5]} and more`;
    writeFileSync(trace, lines.join('\n'));
    const other = sim('replay', trace);
    t.equal(other.status, 3, 'a trace that is another is a defect of the simulator');
    t.match(other.stderr, /^the trace differs at line 6 /);
  });
}

t.test('a run that passes has nothing to shrink and nothing to explain', async (t) => {
  const calm = ['--seed', '1', '--hosts', '3', '--duration', '2s', '--profile', 'calm', '--workload', 'idle'];
  for (const verb of ['run', 'shrink', 'explain']) t.match(sim(verb, ...calm), { status: 0, stdout: /passe[sd]/ });
  t.same(JSON.parse(sim('explain', ...calm, '--json').stdout), { verdict: 'passed' });
});

t.test('what is wrong is told in one line', async (t) => {
  const dir = t.testdir({
    'no.json': '{',
    'a.json': '{"n3xSimCase": 2}',
    faults: 'at 1s nonsense',
    stranger: 'at 1s crash n4',
  });
  const wrong: string[][] = [
    ['replay', join(dir, 'missing')],
    ['replay', join(dir, 'no.json')],
    ['shrink', join(dir, 'a.json')],
    ['explain', join(dir, 'a.json'), '--seed', '1'],
    ['run', '--case', dir],
    ['run', '--faults', join(dir, 'faults')],
    ['run', '--faults', join(dir, 'stranger'), '--hosts', '3', '--workload', 'idle'],
    ['run', '--seed', '-1'],
    ['run', '--hosts', '0'],
    ['run', '--duration', '5'],
    ['run', '--profile', 'sunny'],
    ['run', '--workload', 'none'],
    ['run', '--planted', 'none'],
    ['run', '--html', join(dir, 'no/such/page.html'), '--hosts', '1', '--duration', '10ms', '--profile', 'calm'],
    ['shrink', '--runs', '0'],
    ['shrink', '--time', 'soon'],
    ['soak', '--seeds', '9..1'],
    ['soak', '--jobs', '0'],
    ['soak', '--profile', 'sunny'],
    ['soak', '--jobs', '1000'],
    ['explore', '--depth', 'far'],
    ['explore', '--scenario', 'elections', '--script', join(dir, 'no/such.txt')],
    ['mutants', '--only', 'none'],
    ['mutants', '--write', join(dir, 'a.json')],
    ['dance'],
    ['run', '--dance'],
  ];
  for (const args of wrong) {
    const { status, stderr, stdout } = sim(...args);
    t.equal(status, 2, `${args.join(' ')}: ${stderr}`);
    t.equal(stderr.trim().split('\n').length, 1, stderr);
    t.equal(stdout, '');
  }
});
