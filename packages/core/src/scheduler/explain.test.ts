import t from 'tap';
import { applyConfState } from '../machine/apply.ts';
import { SampleCluster } from '../machine/sample.ts';
import { explainPlacement } from './explain.ts';
import { schedule } from './schedule.ts';

/** n1 and n2, 8 CPUs and 16 GiB each. */
function pair(): SampleCluster {
  const cluster = new SampleCluster();
  cluster.join('n2', { settings: { labels: { ssd: 'yes' } } });
  const confState = { voters: [1, 2], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(cluster.state, cluster.state.index + 1, confState);
  return cluster;
}

function pass(cluster: SampleCluster): void {
  for (const command of schedule(cluster.state, 1)) cluster.apply(command);
}

function explain(cluster: SampleCluster, name: string) {
  const vm = cluster.state.vm(name);
  if (vm === undefined) throw new Error(`no VM ${name}`);
  return explainPlacement(cluster.state, vm);
}

t.test('the score is the sum of its parts, and the best is what the scheduler chooses', (t) => {
  const cluster = pair();
  cluster.create('a', { vcpu: 2, placement: { prefer: [{ label: 'ssd=yes', weight: 40 }], costWeight: 10 } });
  const before = explain(cluster, 'a');
  t.match(before, {
    choice: 'n2',
    summary: 'goes to n2',
    hosts: [
      {
        host: 'n1',
        score: 85,
        parts: [{ part: 'most-available', points: 75 }, { part: 'prefer ssd=yes', points: 0 }, {}],
      },
      { host: 'n2', score: 125, parts: [{}, { points: 40 }, { part: 'cost', points: 10 }] },
    ],
  });
  pass(cluster);
  t.match(explain(cluster, 'a'), {
    host: 'n2',
    summary: 'is on n2, which would be chosen again',
    hosts: before.hosts.map(({ score }) => ({ score })),
  });
  t.end();
});

t.test('who would make room, and who makes it, is told', (t) => {
  const cluster = pair();
  for (const name of ['a', 'b']) cluster.create(name, { memoryMib: 12_288 });
  pass(cluster);
  cluster.create('king', { memoryMib: 8192, priority: 7 });
  t.match(explain(cluster, 'king'), {
    ...{ priority: 7, choice: 'n2', displaces: ['b'], summary: 'goes to n2, once b made room' },
    hosts: [{ fits: false }, { fits: false, score: null }],
  });
  pass(cluster);
  t.equal(explain(cluster, 'king').summary, 'waits for room on n2');
  t.equal(explain(cluster, 'b').summary, 'is on n2, where it makes room for king');
  t.end();
});

t.test('what fits nowhere says what would make it fit; what is placed by hand says how', (t) => {
  const cluster = pair();
  cluster.create('big', { memoryMib: 20_480 });
  cluster.create('hand', { placement: { strategy: 'manual' } });
  t.match(explain(cluster, 'big').summary, /To make it fit: ask for 4G of memory less, or add a host as large$/);
  t.match(explain(cluster, 'hand'), {
    choice: null,
    summary: /by hand: n3xctl vm place hand/,
    hosts: [{ fits: true }, {}],
  });
  cluster.apply({ type: 'vmSetPower', name: 'hand', power: 'stopped' });
  cluster.create('later', { placement: { host: 'n2' } });
  cluster.apply({ type: 'vmSetPower', name: 'later', power: 'stopped' });
  t.equal(explain(cluster, 'later').summary, 'would go to n2, if it were started');
  t.end();
});
