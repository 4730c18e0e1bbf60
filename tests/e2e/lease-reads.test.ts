/** Reads by lease on real hosts: they see every write, also at a leader that was stopped while it was replaced. */
import t from 'tap';
import { Cluster, until } from './cluster.ts';

interface Vms {
  readonly items: readonly { readonly name: string }[];
}

t.test('reads by lease', { timeout: 400_000 }, async (t) => {
  const cluster = await Cluster.create(3);
  t.teardown(() => cluster.destroy());
  for (const host of cluster.hosts) await host.configure('raft = { reads = "lease" }');
  await cluster.form();

  t.match((await cluster.host(0).ctl(['cluster', 'status'])).stdout, /Reads: +by lease on n1/);
  await cluster.host(0).json(['vm', 'create', 'first', '--vcpu', '1', '--no-start']);
  for (const host of cluster.hosts) {
    const { items } = await host.json<Vms>(['vm', 'list']);
    t.same(
      items.map((vm) => vm.name),
      ['first'],
      `${host.name} sees it`,
    );
  }

  for (const name of ['second', 'third']) {
    const leader = await cluster.leader();
    const other = cluster.hosts.find((host) => host !== leader);
    if (other === undefined) throw new Error('no other host');
    await leader.kill('SIGSTOP');
    await until(`${name} is written without the leader`, 60_000, async () => {
      const { code } = await other.ctl(['vm', 'create', name, '--vcpu', '1', '--no-start', '--timeout', '20s']);
      return code === 0 || (await other.ctl(['vm', 'show', name, '--stale'])).code === 0;
    });
    // The request waits in the socket of the stopped leader, which finds it before any message or timer.
    const read = leader.json<Vms>(['vm', 'list', '--timeout', '30s']);
    await other.json(['version']);
    await leader.kill('SIGCONT');
    const { items } = await read;
    t.ok(
      items.some((vm) => vm.name === name),
      `the old leader sees ${name}`,
    );
  }
});
