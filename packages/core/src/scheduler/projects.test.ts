import t from 'tap';
import { applyConfState } from '../machine/apply.ts';
import { checkInvariants, checkStep } from '../machine/invariants.ts';
import { SampleCluster } from '../machine/sample.ts';
import type { VmSpecInput } from '../model/vm.ts';
import { explainPlacement } from './explain.ts';
import { schedule } from './schedule.ts';

/** Applies what a pass decides; the invariants hold after each. */
function pass(cluster: SampleCluster): string[] {
  return schedule(cluster.state, 1).map((command) => {
    const result = cluster.apply(command);
    t.same([...checkInvariants(cluster.state), ...checkStep(cluster.state, cluster.last.objectChanges)], []);
    t.ok(result.ok, JSON.stringify(result));
    return `${command.type} ${command.name}`;
  });
}

function cluster(hosts = 1): SampleCluster {
  const made = new SampleCluster();
  for (let n = 2; n <= hosts; n++) made.join(`n${n}`);
  const voters = [...made.state.hosts()].map(({ id }) => id);
  const confState = { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(made.state, made.state.index + 1, confState);
  for (const name of ['shop', 'blog']) made.apply({ type: 'projectCreate', name, quotas: {} });
  return made;
}

const hostOf = (made: SampleCluster, name: string) => made.state.vm(name)?.assignment?.hostId;

t.test('labels of other projects are no neighbours', async (t) => {
  const made = cluster(2);
  const only = (placement: VmSpecInput['placement']) => ({ labels: { app: 'web' }, placement });
  made.create('shop.a', only({ apart: ['app=web'], host: 'n1' }));
  made.create('blog.a', only({ limits: [{ label: 'app=web', per: 'host', max: 1 }], host: 'n1' }));
  made.create('web', only({ host: 'n1' }));
  pass(made);
  t.same(
    ['shop.a', 'blog.a', 'web'].map((name) => hostOf(made, name)),
    [1, 1, 1],
  );
  made.create('shop.b', only({ host: 'n1' }));
  made.create('blog.b', only({ host: 'n1' }));
  made.create('shop.c', only({ near: ['app=web'] }));
  pass(made);
  t.match(made.state.vm('shop.b')?.status.message, /n1 has a VM that keeps apart from app=web/);
  t.match(made.state.vm('blog.b')?.status.message, /n1 has 1 or more VMs with app=web already/);
  t.equal(hostOf(made, 'shop.c'), undefined, 'near its own project, which keeps it off');
  made.create('near', { placement: { near: ['app=web'] } });
  made.create('blog.near', { placement: { near: ['app=web'] } });
  pass(made);
  t.same([hostOf(made, 'near'), hostOf(made, 'blog.near')], [1, 1]);
});

t.test('the strategy of a project stands between that of the VM and that of the cluster', async (t) => {
  const made = cluster(3);
  made.apply({ type: 'projectSet', name: 'shop', quotas: {}, strategy: 'least-available' });
  for (const name of ['shop.a', 'shop.b', 'shop.c']) made.create(name);
  pass(made);
  t.same(
    ['shop.a', 'shop.b', 'shop.c'].map((name) => hostOf(made, name)),
    [1, 1, 1],
  );
  for (const name of ['b', 'c', 'shop.d']) made.create(name, { placement: { strategy: 'most-available' } });
  pass(made);
  t.same(new Set(['b', 'c'].map((name) => hostOf(made, name))), new Set([2, 3]));
  const vm = made.state.vm('shop.a');
  if (vm === undefined) throw new Error('it is there');
  t.equal(explainPlacement(made.state, vm).strategy, 'least-available');
  made.apply({ type: 'projectSet', name: 'shop', quotas: {}, strategy: null });
  t.equal(explainPlacement(made.state, vm).strategy, 'most-available');
});

t.test('who makes room is chosen with the guarantees in mind', async (t) => {
  const made = cluster();
  made.apply({ type: 'projectSet', name: 'shop', quotas: { vcpu: { guaranteed: 3 } } });
  const small = { source: { kind: 'inline' }, vcpu: 1 } as const;
  for (const name of ['shop.a', 'shop.b', 'shop.c', 'shop.d']) made.create(name, { ...small, priority: -5 });
  for (const name of ['blog.a', 'blog.b', 'c', 'd']) made.create(name, small);
  pass(made);
  made.create('big', { vcpu: 3, priority: 9 });
  t.same(pass(made), ['vmPreempt big']);
  const going = () =>
    [...made.state.vms()].filter(({ moving }) => moving?.cause === 'preempted').map(({ name }) => name);
  const shop = () => going().filter((name) => name.startsWith('shop.'));
  t.equal(going().length, 3);
  t.equal(shop().length, 1, 'one more than the guarantee covers, the least important of all');
  made.create('bigger', { vcpu: 4, priority: 9 });
  pass(made);
  t.equal(shop().length, 1);
  t.match(made.state.vm('bigger')?.status, { reason: 'NoHostFits' });
});
