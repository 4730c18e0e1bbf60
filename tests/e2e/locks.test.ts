/** Locks across real daemons: one at a time, through the loss of the leader, until broken, and gone with their holder. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Cluster, type Host, until } from './cluster.ts';

interface LockView {
  readonly holders: readonly { readonly holder: string; readonly token: number; readonly renewedIndex: number }[];
  readonly waiters: readonly { readonly holder: string }[];
}

/** For what runs through several waits of the test. */
const LONG = { timeoutMs: 300_000 };

function lockOf(host: Host): Promise<LockView> {
  return host.json<LockView>(['lock', 'show', 'deploy']);
}

t.test('a lock on three hosts', { timeout: 400_000 }, async (t) => {
  const cluster = await Cluster.formed(3);
  t.teardown(() => cluster.destroy());
  const leader = await cluster.leader();
  const [one, two] = cluster.hosts.filter((host) => host !== leader);
  if (one === undefined || two === undefined) throw new Error('there are three hosts');
  const file = (name: string): string => join(cluster.directory, name);
  const goOn = file('go-on');
  const work = (name: string): string =>
    `echo "$N3X_LOCK_TOKEN" > ${file(name)}; until [ -e ${goOn} ]; do sleep 0.05; done`;
  const token = (name: string): number => Number(readFileSync(file(name), 'utf8'));

  const flags = ['lock', 'run', 'deploy', '--ttl', '8s'];
  const first = one.ctl([...flags, '--', 'sh', '-c', work('first')], LONG);
  await until('the first command runs', 60_000, async () => existsSync(file('first')) && token('first') > 0);

  const excluded = await two.ctl([...flags, '--', 'touch', file('excluded')]);
  t.equal(excluded.code, 120, excluded.stderr);
  t.match(excluded.stderr, /lock deploy is held by \S+ \(sh\): wait for it, or break it/);
  t.notOk(existsSync(file('excluded')));

  const second = two.ctl([...flags, '--wait', '2m', '--', 'sh', '-c', work('second')], LONG);
  await until('the second one waits', 60_000, async () => (await lockOf(two)).waiters.length === 1);

  await leader.kill('SIGKILL');
  const before = await until('the lock is seen without its leader', 60_000, () => lockOf(two));
  await until('it is renewed under another leader', 60_000, async () => {
    const [now] = (await lockOf(two)).holders;
    return now !== undefined && now.renewedIndex > (before.holders[0]?.renewedIndex ?? 0);
  });
  t.equal((await lockOf(one)).holders[0]?.token, token('first'), 'nobody lost it');

  writeFileSync(goOn, '');
  t.match(await first, { code: 0, stderr: '' });
  t.equal((await second).code, 0, 'the second one had its turn');
  t.ok(token('second') > token('first'), 'with a larger token');

  const third = one.ctl([...flags, '--', 'sleep', '600'], LONG);
  await until('the third one holds it', 60_000, async () => (await lockOf(two)).holders.length === 1);
  const broken = await two.ctl(['lock', 'break', 'deploy', '--reason', 'made room by hand']);
  t.equal(broken.code, 0, broken.stderr);
  t.match(await third, { code: 121, stderr: /lock deploy is not held by/ }, 'and its command was ended');
  const events = await two.ctl(['events', '--kind', 'lock', '--name', 'deploy']);
  t.match(events.stdout, /LockBroken: the hold of \S+, token \d+, was broken: made room by hand/);

  const session = one.session([
    'lock',
    'run',
    'deploy',
    '--ttl',
    '4s',
    '--',
    'sh',
    '-c',
    `while [ -e ${goOn} ]; do sleep 0.05; done`,
  ]);
  await until('a fourth one holds it', 60_000, async () => (await lockOf(two)).holders.length === 1);
  session.kill();
  t.equal(
    (await two.ctl(['lock', 'run', 'deploy', '--wait', '1m', '--', 'true'], LONG)).code,
    0,
    'it went with its holder',
  );
});
