/** microVMs that were on hosts before n3x, taken over and handed back while hosts fail: none runs twice, and none is touched that is not n3x's. */
import { PROFILES } from '@n3x/sim/profiles/profile';
import { simulate } from '@n3x/sim/simulator';
import { WORKLOADS } from '@n3x/sim/workloads/workloads';
import t from 'tap';

t.test('what was adopted runs on, and what was handed back is left alone', async (t) => {
  const workload = WORKLOADS['adoption'];
  if (workload === undefined) throw new Error('there is no such workload');
  let [adoptions, releases] = [0, 0];
  for (const name of ['default', 'crashing', 'restarting']) {
    const profile = PROFILES[name];
    if (profile === undefined) throw new Error(`there is no profile ${name}`);
    for (let seed = 1; seed <= 3; seed++) {
      const { violation, counts } = simulate({ seed, hosts: 3, durationMs: 30_000, profile, workload });
      t.equal(violation, undefined, `${name}, seed ${seed}: ${violation?.message}`);
      t.equal(counts['vmCopiesAtOnce'], 0);
      adoptions += counts['adoptions'] ?? 0;
      releases += counts['releases'] ?? 0;
    }
  }
  t.ok(adoptions > 20 && releases > 20, `${adoptions} were taken over, ${releases} handed back`);
});
