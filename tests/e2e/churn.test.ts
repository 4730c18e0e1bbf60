/**
 * Creates and deletes of VMs while a random n3xd is killed and started again every few seconds: what was
 * acknowledged holds, nothing is there twice, everything else failed with a clear code.
 */
import { SeededRandom } from '@n3x/core/base/random';
import t from 'tap';
import { Cluster, until } from './cluster.ts';

const OPERATIONS = 200;
const SEED = Number(process.env['N3X_SEED'] ?? 1);
/** Exit codes that a request may fail with when hosts come and go: no quorum, timed out, cannot reach n3xd. */
const EXPECTED_FAILURES = new Set([5, 6, 8]);

t.test(`${OPERATIONS} creates and deletes under kills, seed ${SEED}`, { timeout: 240_000 }, async (t) => {
  const cluster = await Cluster.formed(3);
  t.teardown(() => cluster.destroy());
  const random = new SeededRandom(SEED);
  /** What the cluster has acknowledged: true for there, false for gone; undefined while an answer is missing. */
  const known = new Map<string, boolean | undefined>();
  const failures: string[] = [];
  let done = 0;
  let kills = 0;

  const worker = async (number: number): Promise<void> => {
    for (;;) {
      const operation = done++;
      if (operation >= OPERATIONS) return;
      const host = cluster.host(random.below(3));
      const mine = [...known].filter(([name, there]) => there === true && name.startsWith(`w${number}-`));
      const victim = mine[random.below(Math.max(1, mine.length))];
      const deleting = victim !== undefined && random.below(2) === 0;
      const name = deleting ? victim[0] : `w${number}-${operation}`;
      const before = known.get(name);
      known.set(name, undefined);
      const args = deleting ? ['vm', 'delete', name] : ['vm', 'create', name, '--vcpu', '1', '--no-start'];
      const result = await host.ctl([...args, '--timeout', '10s']);
      if (result.code === 0) known.set(name, !deleting);
      else if (EXPECTED_FAILURES.has(result.code)) {
        // It may or may not have taken effect; a name not acknowledged yet is not asked for again.
        if (before === true && result.code !== 6) failures.push(`${name}: ${result.stderr.trim()}`);
      } else t.fail(`${args.join(' ')}: unexpected exit ${result.code}: ${result.stderr}`);
    }
  };

  const killer = async (): Promise<void> => {
    while (done < OPERATIONS) {
      const host = cluster.host(random.below(3));
      await host.kill('SIGKILL');
      kills++;
      const at = done;
      // Down for a while: until the others have got something done, or the time is up.
      await until('progress', 1_500, async () => done >= at + 6 || done >= OPERATIONS).catch(() => undefined);
      await host.start();
      const up = done;
      await until('progress', 3_000, async () => done >= up + 12 || done >= OPERATIONS).catch(() => undefined);
    }
  };

  await Promise.all([killer(), ...[1, 2, 3, 4].map(worker)]);
  t.ok(kills >= 3, `${kills} kills`);

  const lists = await Promise.all(
    cluster.hosts.map((host) =>
      until(`${host.name} answers`, 20_000, () =>
        host.json<{ items: { name: string; uid: string }[] }>(['vm', 'list']),
      ),
    ),
  );
  for (const { items } of lists) {
    const names = items.map((vm) => vm.name);
    t.equal(new Set(names).size, names.length, 'none twice');
    const there = new Set(names);
    const wrong = [...known].filter(([name, expected]) => expected !== undefined && expected !== there.has(name));
    t.same(wrong, [], 'every acknowledged change holds');
    t.same(
      names.filter((name) => !known.has(name)),
      [],
      'nothing is there that nobody asked for',
    );
  }
  const acknowledged = [...known.values()].filter((value) => value !== undefined).length;
  t.ok(acknowledged > OPERATIONS / 3, `${acknowledged} names with a known outcome, ${failures.length} failed requests`);
});
