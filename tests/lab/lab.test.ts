/**
 * A few rounds of the fault test, always the same ones, and a VM that is started twice by hand, so that the watcher is
 * known to see that. Many rounds: `node tests/lab/run.ts --rounds 50 --seed 1`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../e2e/until.ts';
import type { Round } from './fault.ts';
import { Lab } from './lab.ts';
import { runRound } from './round.ts';

const lab = await Lab.start(2);
t.teardown(() => lab.destroy());

const ROUNDS: readonly { readonly name: string; readonly round: Round; readonly moves: boolean }[] = [
  {
    name: 'the leader is killed, and back at once',
    round: { faults: [{ afterMs: 0, fault: { kind: 'killDaemon', target: 'leader', forMs: 200 } }] },
    moves: false,
  },
  {
    name: 'a host is lost with its VMs',
    round: { faults: [{ afterMs: 0, fault: { kind: 'killHost', target: 'busiest', forMs: 'moved' } }] },
    moves: true,
  },
  {
    name: 'a daemon hangs: what it sent before, and its VMs, must not outlive its lease',
    round: { faults: [{ afterMs: 0, fault: { kind: 'stopDaemon', target: 'busiest', forMs: 'moved' } }] },
    moves: true,
  },
  {
    name: 'what a host sends is lost',
    round: { faults: [{ afterMs: 0, fault: { kind: 'cutOff', target: 'busiest', ways: 'out', forMs: 'moved' } }] },
    moves: true,
  },
];

for (const { name, round, moves } of ROUNDS) {
  await t.test(name, async (t) => {
    const result = await runRound(lab, round);
    t.same(result.twice, [], 'no VM was there twice');
    t.same(result.disturbed, [], 'no VM was disturbed without a reason');
    if (moves) t.ok(result.moves.length > 0, 'its VMs were started elsewhere');
  });
}

await t.test('a VM that is started a second time by hand is seen by both witnesses', async (t) => {
  const [seen] = lab.watch.running('vm1');
  if (seen === undefined) throw new Error('vm1 does not run');
  const home = lab.host(lab.hostOf(seen));
  const elsewhere = lab.cluster.hosts.find((host) => host !== home);
  const runner = await readlink(join(home.stateDirectory, 'vm1', 'current'));
  const directory = join(elsewhere?.stateDirectory ?? '', 'vm1');
  await mkdir(directory, { recursive: true });
  const second = spawn(join(runner, 'bin/microvm-run'), {
    cwd: directory,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, N3X_KVM: 'no' },
  });
  try {
    const twice = await until('two processes are seen', 30_000, async () => lab.watch.violations[0]);
    t.match(twice, { type: 'twice', vm: 'vm1' });
    const guestTwice = await until('two boots are heard', 120_000, async () =>
      lab.watch.violations.find(({ type }) => type === 'guestTwice'),
    );
    t.match(guestTwice, { vm: 'vm1' });
  } finally {
    const ended = once(second, 'exit');
    second.kill('SIGKILL');
    await ended;
  }
});
