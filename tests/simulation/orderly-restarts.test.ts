/** n3xd of one host after the other is stopped in good order: what runs there runs on if it is back in time, and goes elsewhere if not. */
import type { TimedFault } from '@n3x/sim/faults/fault';
import { PROFILES } from '@n3x/sim/profiles/profile';
import { simulate } from '@n3x/sim/simulator';
import { WORKLOADS } from '@n3x/sim/workloads/workloads';
import t from 'tap';

const [calm, restarting, workload] = [PROFILES['calm'], PROFILES['restarting'], WORKLOADS['failover']];
if (calm === undefined || restarting === undefined || workload === undefined) {
  throw new Error('a profile or workload is missing');
}
const base = { hosts: 3, workload, profile: calm };

/** All hosts in turn, the first at 15 s. */
function stops(everyMs: number, downMs: number): TimedFault[] {
  return ['n1', 'n2', 'n3'].map((host, turn) => ({
    atMs: 15_000 + turn * everyMs,
    fault: { type: 'stop', host, downMs },
  }));
}

t.test('a restart that is shorter than its lease, but longer than any other, moves and ends nothing', async (t) => {
  let held = 0;
  for (let seed = 1; seed <= 3; seed++) {
    const { violation, counts } = simulate({ ...base, seed, durationMs: 60_000, faults: stops(12_000, 7_000) });
    t.equal(violation, undefined, `seed ${seed}: ${violation?.message}`);
    t.equal(counts['vmMoves'], 0, `seed ${seed}: nothing moved`);
    held += counts['restartsHeld'] ?? 0;
  }
  t.ok(held > 0, `${held} restarts under a longer lease`);
});

t.test('a host that does not come back in time loses its VMs to others, once', async (t) => {
  let moves = 0;
  for (let seed = 1; seed <= 3; seed++) {
    const { violation, counts } = simulate({ ...base, seed, durationMs: 60_000, faults: stops(40_000, 30_000) });
    t.equal(violation, undefined, `seed ${seed}: ${violation?.message}`);
    t.equal(counts['vmCopiesAtOnce'], 0);
    moves += counts['vmMoves'] ?? 0;
  }
  t.ok(moves > 0, `${moves} times a VM began on another host`);
});

t.test('restarts of any length amid stalls, partitions and kills', async (t) => {
  let held = 0;
  for (let seed = 31; seed <= 36; seed++) {
    const { violation, counts } = simulate({ ...base, seed, hosts: 5, durationMs: 40_000, profile: restarting });
    t.equal(violation, undefined, `seed ${seed}: ${violation?.message}`);
    held += counts['restartsHeld'] ?? 0;
  }
  t.ok(held > 0, `${held} restarts under a longer lease`);
});
