/** A voter that dies and is replaced, a lost host that is removed, and one that comes back after it was. */
import t from 'tap';
import { Cluster, type Host, until } from './cluster.ts';

interface HostView {
  name: string;
  membership: string;
  reachable: boolean;
}
interface Status {
  local: { takenOut?: true };
  quorum: { voters: number; reachable: number; note: string | null };
}

const cluster = await Cluster.formed(3);
t.teardown(() => cluster.destroy());
const spare = await cluster.add('n4', 'labels = { zone = "b" }');
const first = await cluster.leader();
const lost = cluster.hosts.find((host) => host !== first && host !== spare);
if (lost === undefined) throw new Error('there are three hosts');

const membership = async (name: string): Promise<string | undefined> => {
  const { items } = await first.json<{ items: HostView[] }>(['host', 'list']);
  return items.find((host) => host.name === name)?.membership;
};
const join = async (host: Host): Promise<void> => {
  const { token } = await first.json<{ token: string }>(['token', 'create']);
  await host.json(['cluster', 'join', token]);
};

await t.test('a fourth host follows and does not vote', async (t) => {
  await spare.start();
  await join(spare);
  await until('it follows', 60_000, async () => (await membership('n4')) === 'learner');
  t.match((await spare.ctl(['host', 'set', 'n4', '--zone', 'c'])).stdout, /^host n4: set\n$/);
  t.match((await first.ctl(['cluster', 'set', 'replace-after=5s'])).stdout, /^cluster: set\n$/);
  t.match((await first.json<Status>(['cluster', 'status'])).quorum, { voters: 3, reachable: 3, note: null });
});

await t.test('a voter that is killed is replaced by it', async (t) => {
  await first.json(['vm', 'create', 'kept', '--memory', '112M', '--host', lost.name]);
  await until('the VM has its host', 60_000, async () => {
    return (await first.json<{ hostName: string | null }>(['vm', 'show', 'kept'])).hostName === lost.name;
  });
  await lost.kill('SIGKILL');
  await until('the other votes', 60_000, async () => (await membership('n4')) === 'voter');
  t.equal(await membership(lost.name), 'learner');
  const { quorum } = await first.json<Status>(['cluster', 'status']);
  t.match(quorum, { voters: 3, reachable: 3, note: null }, 'one more failure can be borne again');
  const events = await first.ctl(['events', '--name', lost.name]);
  t.match(events.stdout, /VoterReplaced.*not heard from for more than 5 s: n4 votes in its place/);
});

await t.test('a lost host is removed, with what that means for its VMs', async (t) => {
  const leave = await first.ctl(['cluster', 'leave', lost.name]);
  t.equal(leave.code, 7);
  t.match(leave.stderr, new RegExp(`still has the VMs kept: .*or give it up with .n3xctl host remove ${lost.name}.`));
  const unasked = await first.ctl(['host', 'remove', lost.name]);
  t.equal(unasked.code, 2);
  t.match(unasked.stderr, /Its VMs and their disks are lost with it: kept\..*\nhint: .*--yes\n$/);
  const up = await first.ctl(['host', 'remove', 'n4', '--yes']);
  t.equal(up.code, 7);
  t.match(up.stderr, /^n3xctl: host n4 is up: let it leave with/);
  const removed = await first.ctl(['host', 'remove', lost.name, '--yes']);
  t.same([removed.code, removed.stdout], [0, `host ${lost.name}: removed, and 1 VM lost with it\n`], removed.stderr);
  t.equal(await membership(lost.name), undefined);
  t.match(await first.json(['vm', 'show', 'kept']), {
    phase: 'lost',
    status: { reason: 'HostRemoved' },
    power: 'stopped',
  });
});

await t.test('a removed host that comes back is refused, says so, and can join anew', async (t) => {
  await lost.start();
  await until('it knows', 60_000, async () => (await lost.log()).includes('cluster.takenOut'));
  const refused = await lost.ctl(['vm', 'list']);
  t.equal(refused.code, 7);
  t.match(refused.stderr, /^n3xctl: this host was taken out of its cluster: "n3xctl cluster leave"/);
  t.match(await lost.json<Status>(['cluster', 'status', '--stale']), { local: { takenOut: true } });
  t.equal(await membership(lost.name), undefined, 'the cluster takes no notice');
  const forgot = await lost.ctl(['cluster', 'leave']);
  t.equal(forgot.code, 0, forgot.stderr);
  await join(lost);
  await until('it follows', 60_000, async () => (await membership(lost.name)) === 'learner');
  t.match((await lost.json<Status>(['cluster', 'status'])).quorum, { voters: 3, reachable: 3 });
});
