/** Voters that die for good, and whoever takes their place. */
import { PROFILES } from '@n3x/sim/profiles/profile';
import { simulate } from '@n3x/sim/simulator';
import { WORKLOADS } from '@n3x/sim/workloads/workloads';
import t from 'tap';

const [profile, workload] = [PROFILES['upgrade'], WORKLOADS['healing']];
if (profile === undefined || workload === undefined) throw new Error('a profile or workload is missing');

t.test('where agents are among the hosts, those that die are replaced by others than them', async (t) => {
  const { violation, counts } = simulate({ seed: 6108, hosts: 3, durationMs: 10_000, profile, workload });
  t.equal(violation, undefined, `${violation?.message}`);
  t.ok(counts['dead'], 'somebody died');
});
