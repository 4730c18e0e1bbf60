/** Hosts that are killed and come back: together, alone, gracefully, with a damaged or foreign data directory. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testPort } from '@n3x/agent/transport/test-port';
import t from 'tap';
import { Cluster, Host, until } from './cluster.ts';

interface List {
  items: { name: string }[];
}

const names = async (host: Host): Promise<string[]> =>
  (await host.json<List>(['vm', 'list'])).items.map((vm) => vm.name);

t.test('kill -9 of all three loses nothing that was acknowledged', { timeout: 240_000 }, async (t) => {
  const cluster = await Cluster.formed(3);
  t.teardown(() => cluster.destroy());
  const wanted: string[] = [];
  for (let i = 0; i < 10; i++) {
    await cluster.host(i % 3).json(['vm', 'create', `vm${i}`, '--vcpu', '1', '--no-start']);
    wanted.push(`vm${i}`);
  }
  await Promise.all(cluster.hosts.map((host) => host.kill('SIGKILL')));
  await Promise.all(cluster.hosts.map((host) => host.start()));
  for (const host of cluster.hosts) {
    t.same(await until('answers', 60_000, () => names(host)), wanted, host.name);
  }
});

t.test('kill -9 of any one: the other two answer', { timeout: 240_000 }, async (t) => {
  const cluster = await Cluster.formed(3);
  t.teardown(() => cluster.destroy());
  await cluster.host(0).json(['vm', 'create', 'kept', '--vcpu', '1', '--no-start']);
  const leader = await cluster.leader();
  const follower = cluster.hosts.find((host) => host !== leader);
  for (const victim of [leader, follower]) {
    if (victim === undefined) throw new Error('no follower');
    await victim.kill('SIGKILL');
    const others = cluster.hosts.filter((host) => host !== victim);
    const lists = await Promise.all(
      others.map((host) => until('answers', 60_000, async () => (await names(host)).includes('kept'))),
    );
    t.same(lists, [true, true], `without ${victim.name}`);
    await victim.start();
    await until('it is back', 60_000, async () => (await names(victim)).includes('kept'));
  }
});

t.test('SIGTERM hands over leadership and exits 0', { timeout: 240_000 }, async (t) => {
  const cluster = await Cluster.formed(3);
  t.teardown(() => cluster.destroy());
  const leader = await cluster.leader();
  t.equal(await leader.kill('SIGTERM'), 0);
  t.match(await leader.log(), /raft.following/, 'it stepped down before it ended');
  const next = await cluster.leader();
  t.not(next.name, leader.name);
});

t.test('one data directory is one host', { timeout: 240_000 }, async (t) => {
  const cluster = await Cluster.formed(1);
  t.teardown(() => cluster.destroy());
  const host = cluster.host(0);
  const twin = new Host('n1', join(cluster.directory, 'twin'), await testPort());
  await twin.configure();
  await writeFile(twin.config, (await readFile(twin.config, 'utf8')).replace(twin.dataDirectory, host.dataDirectory));
  twin.spawn();
  t.not(await twin.exited(60_000), 0, 'a second n3xd refuses');
  t.match(await twin.log(), new RegExp(`${host.dataDirectory}.*${host.pid}`), 'naming the directory and the holder');
  t.ok(host.running);
});

t.test('a data directory of a newer format is refused and left alone', { timeout: 240_000 }, async (t) => {
  const cluster = await Cluster.formed(1);
  t.teardown(() => cluster.destroy());
  const host = cluster.host(0);
  await host.kill('SIGTERM');
  const path = join(host.dataDirectory, 'FORMAT');
  const format = await readFile(path, 'utf8');
  await writeFile(path, format.replace(/\d+/, '99'));
  host.spawn();
  t.not(await host.exited(60_000), 0);
  t.match(await host.log(), /newer|version/i);
  await writeFile(path, format);
  await host.start();
  t.pass('and starts again once the format fits');
});

t.test('a damaged log record on disk is refused with a way out', { timeout: 240_000 }, async (t) => {
  const cluster = await Cluster.formed(1);
  t.teardown(() => cluster.destroy());
  const host = cluster.host(0);
  for (let i = 0; i < 20; i++) await host.json(['vm', 'create', `vm${i}`, '--vcpu', '1', '--no-start']);
  await host.kill('SIGKILL');
  const database = join(host.dataDirectory, 'db');
  const logs = (await readdir(database)).filter((file) => file.endsWith('.log'));
  const file = join(database, logs[0] ?? '');
  const bytes = await readFile(file);
  const middle = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 0xff, middle);
  await writeFile(file, bytes);
  host.spawn();
  t.not(await host.exited(60_000), 0);
  t.match(await host.log(), /damaged|corrupt/i);
});
