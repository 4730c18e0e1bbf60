/** Room in the pools of hosts, as placement counts it. */
import t from 'tap';
import { applyConfState } from '../machine/apply.ts';
import { checkInvariants, checkStep } from '../machine/invariants.ts';
import { SampleCluster } from '../machine/sample.ts';
import type { PoolSettings } from '../model/pool.ts';
import type { VmSpecInput } from '../model/vm.ts';
import { explainPlacement } from './explain.ts';
import { schedule } from './schedule.ts';

const pool = (name: string, changes: Partial<PoolSettings> = {}): PoolSettings => ({
  ...{ name, path: `/pools/${name}`, reserveMib: 0 },
  ...changes,
});

/** n1 and n2 with these pools. */
function hosts(...pools: readonly (readonly PoolSettings[])[]): SampleCluster {
  const cluster = new SampleCluster();
  cluster.join('n2');
  for (const [at, own] of pools.entries()) {
    const host = cluster.state.host(at + 1);
    if (host?.facts === undefined) throw new Error('a host is missing');
    const { facts, addresses } = host;
    const settings = { ...host.settings, pools: [...own] };
    const sized = { ...facts, pools: [{ name: 'default', sizeMib: 1000 }] };
    cluster.apply({ type: 'hostReport', hostId: host.id, addresses, settings, facts: sized });
  }
  const confState = { voters: [1, 2], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(cluster.state, cluster.state.index + 1, confState);
  return cluster;
}

const disk = (sizeMib: number, more: { pool?: string; keep?: true } = {}): Partial<VmSpecInput> => ({
  source: { kind: 'inline', volumes: [{ name: 'data', sizeMib, ...more }] },
});

function pass(cluster: SampleCluster): void {
  for (const command of schedule(cluster.state, 1)) {
    const result = cluster.apply(command);
    const wrong = [...checkStep(cluster.state, cluster.last.objectChanges), ...checkInvariants(cluster.state)];
    if (!result.ok || wrong.length > 0) throw new Error(wrong.join('; '));
  }
}

function hostOf(cluster: SampleCluster, name: string): string | undefined {
  return cluster.state.host(cluster.state.vm(name)?.assignment?.hostId ?? 0)?.name;
}

/** The host of a VM has made its volumes. */
function made(cluster: SampleCluster, name: string): void {
  const { uid = '', assignment, volumes = [] } = cluster.state.vm(name) ?? {};
  const { hostId = 0, epoch = 0 } = assignment ?? {};
  const uids = volumes.map((volume) => volume.uid);
  cluster.apply({ type: 'volumesCreated', hostId, name, uid, epoch, volumes: uids });
}

t.test('volumes go where their pool is and has room, counted within one pass too', (t) => {
  const cluster = hosts([pool('default', { capacityMib: 100 })], [pool('default', { capacityMib: 150 })]);
  for (const name of ['a', 'b', 'c', 'd']) cluster.create(name, disk(70));
  pass(cluster);
  t.same(['a', 'b', 'c', 'd'].map((name) => hostOf(cluster, name)).sort(), ['n1', 'n2', 'n2', undefined]);
  const left = ['a', 'b', 'c', 'd'].find((name) => hostOf(cluster, name) === undefined) ?? '';
  t.equal(
    cluster.state.vm(left)?.status.message,
    'n1 has 30M free of 100M in its pool default; n2 has 10M free of 150M in its pool default. ' +
      'To make it fit: free 40M of the pool default on n1',
  );
  t.end();
});

t.test('what a pool may give: its size less what is kept free, times what is overcommitted', (t) => {
  const own = pool('default', { reserveMib: 500, overcommit: 2 });
  const cluster = hosts([own], [pool('other', { capacityMib: 9000 })]);
  cluster.create('big', disk(1001));
  pass(cluster);
  t.equal(
    cluster.state.vm('big')?.status.message,
    'n1 has 1000M free of 1000M in its pool default; n2 has no pool default, but other. ' +
      'To make it fit: ask for volumes 1M smaller, or give the pool default more',
  );
  cluster.create('fits', disk(1000));
  cluster.create('elsewhere', disk(1000, { pool: 'other' }));
  pass(cluster);
  t.same([hostOf(cluster, 'fits'), hostOf(cluster, 'elsewhere')], ['n1', 'n2']);
  t.end();
});

t.test('a volume that was made counts for as long as it is there, whoever it belongs to', (t) => {
  const cluster = hosts([pool('default', { capacityMib: 100 })], [pool('none')]);
  cluster.create('first', disk(60, { keep: true }));
  pass(cluster);
  made(cluster, 'first');
  const { uid = '', assignment } = cluster.state.vm('first') ?? {};
  const gone = { type: 'vmRemoved', hostId: 1, name: 'first', uid, epoch: assignment?.epoch ?? 0 } as const;
  cluster.apply({ type: 'vmDelete', name: 'first' });
  cluster.apply(gone);
  t.equal(cluster.state.vm('first'), undefined);
  t.equal(cluster.state.stored.size, 1, 'kept');
  cluster.create('second', disk(60));
  pass(cluster);
  t.equal(hostOf(cluster, 'second'), undefined);
  const vm = cluster.state.vm('second');
  t.match(vm && explainPlacement(cluster.state, vm).hosts, [
    { host: 'n1', fits: false, rules: [{ rule: 'disk', remedy: 'free 20M of the pool default on n1' }] },
    { host: 'n2', fits: false, rules: [{ rule: 'pool', remedy: 'give n2 a pool default' }] },
  ]);
  const kept = [...cluster.state.stored.all()].map((volume) => volume.uid);
  cluster.apply({ type: 'vmDelete', name: 'second' });
  cluster.create('heir', {
    source: { kind: 'inline', volumes: [{ name: 'data', sizeMib: 60, from: kept[0] ?? '' }] },
  });
  pass(cluster);
  t.equal(hostOf(cluster, 'heir'), 'n1', 'who takes it over needs no more room');
  t.end();
});
