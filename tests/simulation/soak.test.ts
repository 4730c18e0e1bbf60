/** Fixed seeds over all profiles, within about a minute on one core. `docs/simulation.md` says how to soak for longer. */
import { describeResult, replayCommand } from '@n3x/sim/commands/report';
import { resolveRequest } from '@n3x/sim/commands/run-options';
import { PROFILES } from '@n3x/sim/profiles/profile';
import { simulate } from '@n3x/sim/simulator';
import { WORKLOADS } from '@n3x/sim/workloads/workloads';
import t from 'tap';

const SEEDS = 12;
const WORKLOAD_NAMES = Object.keys(WORKLOADS);
const DURATION_MS = 20_000;

// A loaded machine may take several times as long.
t.setTimeout(500_000);

for (const profile of Object.keys(PROFILES)) {
  t.test(`profile ${profile}`, async (t) => {
    let virtualMs = 0;
    const began = performance.now();
    for (let seed = 1; seed <= SEEDS; seed++) {
      // Every workload has its turn.
      const workload = WORKLOAD_NAMES[seed % WORKLOAD_NAMES.length] ?? 'mixed';
      const options = resolveRequest({ seed, hosts: 'auto', durationMs: DURATION_MS, profile, workload });
      const result = simulate(options);
      virtualMs += result.virtualMs;
      const passed = t.equal(result.verdict, 'passed', replayCommand(options));
      if (!passed) t.comment(describeResult(options, result, 0));
    }
    const realMs = performance.now() - began;
    t.comment(
      `${Math.round(virtualMs / 1_000)} virtual s in ${(realMs / 1_000).toFixed(1)} s: ${Math.round(virtualMs / realMs)} times real time`,
    );
  });
}
