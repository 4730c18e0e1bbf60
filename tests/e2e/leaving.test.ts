/** Hosts that leave their cluster: followers, the leader, by name, with a VM, the last one; and that come again. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Cluster, type Host, until } from './cluster.ts';

interface HostView {
  id: number;
  name: string;
  membership: string;
  settings: { role: string };
}

const cluster = await Cluster.formed(3);
t.teardown(() => cluster.destroy());
const [n1, n2, n3] = [cluster.host(0), cluster.host(1), cluster.host(2)];

const hosts = async (asked: Host): Promise<HostView[]> =>
  (await asked.json<{ items: HostView[] }>(['host', 'list'])).items;
const membership = async (asked: Host, name: string): Promise<string | undefined> =>
  (await hosts(asked)).find((host) => host.name === name)?.membership;
const token = async (asked: Host, ...args: string[]): Promise<string> =>
  (await asked.json<{ token: string }>(['token', 'create', ...args])).token;
const initialised = async (host: Host): Promise<boolean> =>
  (await host.ctl(['cluster', 'status', '--stale'])).code === 0;

/** Checks that a host has left, for those that stay and for itself. */
async function hasLeft(t: Test, host: Host, left: readonly Host[]): Promise<void> {
  const names = left.map((one) => one.name).sort();
  for (const other of left) {
    const seen = await until(`${other.name} answers`, 60_000, () => hosts(other));
    t.same(seen.map((one) => one.name).sort(), names, `${other.name} knows who is left`);
  }
  t.equal(await initialised(host), false, `${host.name} knows of no cluster`);
  const identity = await readFile(join(host.dataDirectory, 'identity.json'), 'utf8');
  t.notMatch(identity, /clusterId/, 'nor does its data directory');
  const write = await left[0]?.ctl(['vm', 'create', `after-${host.name}`, '--vcpu', '1', '--no-start']);
  t.equal(write?.code, 0, write?.stderr ?? '');
}

await t.test('an agent joins as learner and stays one', async (t) => {
  const agent = await cluster.add('n4');
  await agent.start();
  await agent.json(['cluster', 'join', await token(n2, '--role', 'agent')]);
  await until('it is a learner', 60_000, async () => (await membership(n1, 'n4')) === 'learner');
  t.match(
    (await hosts(n1)).find((host) => host.name === 'n4'),
    { settings: { role: 'agent' } },
    'as the token says, whatever its configuration',
  );
  await agent.kill('SIGKILL');
  await agent.start();
  await until('it is back', 60_000, async () => (await agent.ctl(['vm', 'list'])).code === 0);
  t.equal(await membership(agent, 'n4'), 'learner');
});

await t.test('a host with a VM is refused, with the name of the VM', async (t) => {
  await n1.json(['vm', 'create', 'kept', '--memory', '112M', '--host', 'n2', '--stop-timeout', '2s']);
  await until('it is on n2', 60_000, async () => {
    const vm = await n1.json<{ hostName: string | null }>(['vm', 'show', 'kept']);
    return vm.hostName === 'n2';
  });
  for (const asked of [n2, n3]) {
    const refused = await asked.ctl(['cluster', 'leave', 'n2']);
    t.equal(refused.code, 7);
    t.match(
      refused.stderr,
      /^n3xctl: host n2 still has the VMs kept: move them off with `n3xctl host drain n2`, or delete them, before it leaves\n$/,
    );
  }
  t.equal(await membership(n1, 'n2'), 'voter', 'it stays what it was');
  await n1.json(['vm', 'delete', 'kept', '--wait', '--timeout', '60s'], { timeoutMs: 80_000 });
  const unknown = await n1.ctl(['cluster', 'leave', 'n9']);
  t.equal(unknown.code, 3);
});

await t.test('a follower leaves, and joins again with a new token', async (t) => {
  const leader = await cluster.leader();
  const follower = leader === n3 ? n2 : n3;
  const others = cluster.hosts.filter((host) => host !== follower);
  const before = (await hosts(n1)).find((host) => host.name === follower.name);
  const left = await follower.ctl(['cluster', 'leave']);
  t.equal(left.code, 0, left.stderr);
  await hasLeft(t, follower, others);
  t.equal(await initialised(follower), false);
  await follower.json(['cluster', 'join', await token(n1)]);
  await until('it votes again', 60_000, async () => (await membership(follower, follower.name)) === 'voter');
  const after = (await hosts(n1)).find((host) => host.name === follower.name);
  t.ok((after?.id ?? 0) > (before?.id ?? 0), 'as a host of another id');
});

await t.test('the leader leaves', async (t) => {
  const leader = await cluster.leader();
  const left = await leader.ctl(['cluster', 'leave']);
  t.equal(left.code, 0, left.stderr);
  const others = cluster.hosts.filter((host) => host !== leader);
  await hasLeft(t, leader, others);
  await leader.kill('SIGTERM');
  await leader.start();
  t.equal(await initialised(leader), false, 'a restart changes nothing about that');
});

await t.test('a host is taken out by name, down or not, and the last one stays', async (t) => {
  const members = cluster.hosts.filter((host) => host.name !== 'n4');
  const inside: Host[] = [];
  for (const host of members) if (await initialised(host)) inside.push(host);
  const [first, second] = inside;
  const agent = cluster.host(3);
  if (first === undefined || second === undefined) throw new Error('two servers are left');
  await agent.kill('SIGKILL');
  const left = await first.ctl(['cluster', 'leave', 'n4']);
  t.equal(left.code, 0, left.stderr);
  t.same((await hosts(second)).map((host) => host.name).sort(), [first.name, second.name].sort());
  await second.json(['cluster', 'leave']);
  await hasLeft(t, second, [first]);
  const last = await first.ctl(['cluster', 'leave']);
  t.equal(last.code, 7);
  t.match(last.stderr, /^n3xctl: host n\d is the only host of the cluster and cannot leave it: /);
  t.equal((await first.ctl(['vm', 'list'])).code, 0);

  // It was down when it was taken out, so it still believes to be a member.
  await agent.start();
  t.equal(await initialised(agent), true);
  const forgets = await agent.ctl(['cluster', 'leave']);
  t.equal(forgets.code, 0, forgets.stderr);
  t.equal(await initialised(agent), false, 'it can be made to forget');
  await agent.json(['cluster', 'join', await token(first)]);
  // Of two servers one votes: it is a learner until a third is there.
  await until('it is in', 60_000, async () => (await membership(first, 'n4')) === 'learner');
});
