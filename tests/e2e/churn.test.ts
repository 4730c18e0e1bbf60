/**
 * Creates and deletes of VMs while a random n3xd is killed and started again every few seconds: what was
 * acknowledged holds, nothing is there twice, everything else failed with a clear code.
 */
import { SeededRandom } from '@n3x/core/base/random';
import t from 'tap';
import { Cluster, until } from './cluster.ts';

/** What has to have happened before it ends: this many acknowledged operations, through this many kills. */
const [OPERATIONS, KILLS] = [200, 5];
const SEED = Number(process.env['N3X_SEED'] ?? 1);
/** Exit codes that a request may fail with when hosts come and go: no quorum, timed out, cannot reach n3xd. */
const EXPECTED_FAILURES = new Set([5, 6, 8]);

t.test(`${OPERATIONS} creates and deletes under kills, seed ${SEED}`, { timeout: 400_000 }, async (t) => {
  const cluster = await Cluster.formed(3);
  t.teardown(() => cluster.destroy());
  const random = new SeededRandom(SEED);
  /** What the cluster has acknowledged: true for there, false for gone; undefined while an answer is missing. */
  const known = new Map<string, boolean | undefined>();
  let done = 0;
  let acknowledged = 0;
  let kills = 0;
  let failed = false;
  /** What was answered last, at most as many as are of use. */
  const answers: string[] = [];
  const isOver = (): boolean => failed || (acknowledged >= OPERATIONS && kills >= KILLS);

  const worker = async (number: number): Promise<void> => {
    while (!isOver()) {
      const operation = done++;
      const host = cluster.host(random.below(3));
      const mine = [...known].filter(([name, there]) => there === true && name.startsWith(`w${number}-`));
      const victim = mine[random.below(Math.max(1, mine.length))];
      const deleting = victim !== undefined && random.below(2) === 0;
      const name = deleting ? victim[0] : `w${number}-${operation}`;
      known.set(name, undefined);
      const args = deleting ? ['vm', 'delete', name] : ['vm', 'create', name, '--vcpu', '1', '--no-start'];
      const result = await host.call([...args, '--timeout', '10s']);
      answers.push(`${host.name} ${args[1]}: ${result.code} ${result.stderr.trim()}`);
      if (answers.length > 16) answers.shift();
      if (result.code === 0) {
        acknowledged++;
        known.set(name, !deleting);
      } else if (EXPECTED_FAILURES.has(result.code)) {
        // It may or may not have taken effect: that name is not asked for again.
      } else t.fail(`${args.join(' ')}: unexpected exit ${result.code}: ${result.stderr}`);
      // What comes back has to get a turn of the processor too.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  const killer = async (): Promise<void> => {
    while (!isOver()) {
      const host = cluster.host(random.below(3));
      await host.kill('SIGKILL');
      kills++;
      const at = acknowledged;
      // Down until the others have got something done.
      await until('progress without it', 60_000, async () => acknowledged >= at + 10 || isOver()).catch(
        (error: unknown) => {
          t.comment(`the last answers: ${answers.join('; ')}`);
          throw error;
        },
      );
      await host.start();
      const up = acknowledged;
      await until('progress with it', 60_000, async () => acknowledged >= up + 20 || isOver());
    }
  };

  // Until the others know that the change to three voters is through, they cannot do without the one that voted before.
  const created = ['vm', 'create', 'first', '--vcpu', '1', '--no-start'];
  const { vm: first } = await cluster.host(0).json<{ vm: { uid: string } }>(created);
  known.set('first', true);
  for (const host of cluster.hosts) {
    await until(`${host.name} has applied it`, 60_000, async () => {
      const { items } = await host.json<{ items: { uid: string }[] }>(['vm', 'list', '--stale']);
      return items.some((vm) => vm.uid === first.uid);
    });
  }
  const all = [killer(), ...[1, 2, 3, 4].map(worker)].map((one) =>
    one.catch((error: unknown) => {
      // The others end too, so that nothing goes on after the test.
      failed = true;
      throw error;
    }),
  );
  await Promise.all(all);
  t.comment(`${kills} kills, ${acknowledged} of ${done} operations acknowledged`);

  const lists = await Promise.all(
    cluster.hosts.map((host) =>
      until(`${host.name} answers`, 60_000, () =>
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
});
