/** Leases in the simulator: nothing runs twice while clocks are as right as they are said to be, and what happens when they are not. */
import { PROFILES } from '@n3x/sim/profiles/profile';
import { simulate } from '@n3x/sim/simulator';
import { WORKLOADS } from '@n3x/sim/workloads/workloads';
import t from 'tap';

const [leases, drifting, calm] = [PROFILES['leases'], PROFILES['leases-drift'], PROFILES['calm']];
const workload = WORKLOADS['failover'];
if (leases === undefined || drifting === undefined || calm === undefined || workload === undefined) {
  throw new Error('a profile or workload is missing');
}
const base = { hosts: 5, durationMs: 40_000, workload };

t.test('hosts are lost and come back, and no VM ever runs twice', async (t) => {
  let moves = 0;
  for (const profile of [leases, drifting]) {
    for (let seed = 1; seed <= 6; seed++) {
      const { violation, counts } = simulate({ ...base, seed, profile });
      t.equal(violation, undefined, `${profile.name}, seed ${seed}: ${violation?.message}`);
      t.equal(counts['vmCopiesAtOnce'], 0);
      moves += counts['vmMoves'] ?? 0;
    }
  }
  t.ok(moves > 0, `${moves} times a VM began on another host`);
});

t.test('with clocks that are wrong by more than leases bear, a VM runs twice, and the checker sees it', async (t) => {
  // The lost host counts slow, and whoever leads counts fast.
  const wrong = (ppm: number) => [
    { atMs: 14_000, fault: { type: 'drift', host: 'n1', ppm: ppm } as const },
    { atMs: 14_000, fault: { type: 'drift', host: 'n2', ppm: -ppm } as const },
    { atMs: 14_000, fault: { type: 'drift', host: 'n3', ppm: ppm } as const },
    { atMs: 20_000, fault: { type: 'isolate', host: 'n2', forMs: 15_000 } as const },
  ];
  const run = (seed: number, ppm: number) =>
    simulate({ ...base, seed, hosts: 3, profile: calm, faults: wrong(ppm), enforceVmOnce: true });
  let twice = 0;
  for (let seed = 1; seed <= 4; seed++) {
    t.equal(run(seed, 49_000).violation, undefined, `seed ${seed} within the bound`);
    const { violation } = run(seed, 400_000);
    if (violation?.rule === 'S3 vm-once') twice++;
    t.comment(`seed ${seed} beyond the bound: ${violation?.message ?? 'nothing'}`);
  }
  t.ok(twice > 0, `${twice} of 4 runs`);
});
