/** What reads by lease rest on, and what becomes of them without it. */
import t from 'tap';
import { LINEARIZABILITY } from '../checkers/linearizability.ts';
import { parseSchedule } from '../faults/fault.ts';
import { type RunResult, simulate } from '../simulator.ts';
import { WORKLOADS } from '../workloads/workloads.ts';
import { PROFILES } from './profile.ts';

const SEEDS = [1, 2, 3];

/** The leader's clock gets another rate; then it is cut off from the others, who elect another leader. */
function cutOffAt(seed: number, ppm: number): RunResult {
  const [profile, workload] = [PROFILES['lease-reads'], WORKLOADS['reads']];
  if (profile === undefined || workload === undefined) throw new Error('there is no such profile or workload');
  const faults = parseSchedule(`
    at 2s drift leader ${ppm}ppm
    at 4s isolate leader for 3s
    at 9s drift leader ${ppm}ppm
    at 11s isolate leader for 3s
  `);
  const still = { ...profile, driftPpm: 0 };
  return simulate({ seed, hosts: 3, durationMs: 16_000, profile: still, workload, faults });
}

t.test('reads stay linearizable while clocks keep within the bound', async (t) => {
  for (const seed of SEEDS) t.equal(cutOffAt(seed, -90_000).verdict, 'passed', `seed ${seed}`);
});

t.test('a leader whose clock is far too slow reads what is no longer true, and is found out', async (t) => {
  const rules = SEEDS.map((seed) => cutOffAt(seed, -800_000).violation?.rule);
  t.ok(rules.includes(LINEARIZABILITY), rules.join());
});
