import t from 'tap';
import { applyConfState } from '../machine/apply.ts';
import { decodeRecord, encodeRecord } from '../machine/record-codec.ts';
import { SampleCluster } from '../machine/sample.ts';
import { ALL_KEPT_UP_TO, weighingSchema } from '../model/weighing.ts';
import { explainPlacement } from './explain.ts';
import { explainDecision } from './explain-decision.ts';
import { schedule } from './schedule.ts';

/** Hosts n1 to n`count`, 8 CPUs and 16 GiB each, in three zones; `n2` has the label `ssd=yes`. */
function fleet(count: number): SampleCluster {
  const cluster = new SampleCluster();
  const voters = [1];
  for (let id = 2; id <= count; id++) {
    const ssd = id === 2 ? { ssd: 'yes' } : {};
    cluster.join(`n${id}`, { settings: { labels: { zone: `z${id % 3}`, ...ssd } } });
    voters.push(id);
  }
  const confState = { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(cluster.state, cluster.state.index + 1, confState);
  return cluster;
}

function pass(cluster: SampleCluster): void {
  for (const command of schedule(cluster.state, 1)) cluster.apply(command);
}

function vmOf(cluster: SampleCluster, name: string) {
  const vm = cluster.state.vm(name);
  if (vm === undefined) throw new Error(`no VM ${name}`);
  return vm;
}

const then = (cluster: SampleCluster, name: string) => explainDecision(cluster.state, vmOf(cluster, name));

t.test('of few hosts each is kept as it was seen, whatever became of it since', (t) => {
  const cluster = fleet(4);
  cluster.apply({ type: 'hostSet', name: 'n3', cordoned: true });
  cluster.create('a', { vcpu: 2, placement: { prefer: [{ label: 'ssd=yes', weight: 40 }], costWeight: 10 } });
  const from = cluster.state.index;
  const before = explainPlacement(cluster.state, vmOf(cluster, 'a'));
  pass(cluster);
  for (let i = 0; i < 3; i++) cluster.create(`later-${i}`, { vcpu: 4 });
  pass(cluster);
  cluster.apply({ type: 'hostSet', name: 'n3', cordoned: false });
  cluster.apply({ type: 'hostSet', name: 'n1', cordoned: true });
  const found = then(cluster, 'a');
  t.match(found, {
    ...{ host: 'n2', choice: 'n2', strategy: 'most-available', summary: 'was put on n2' },
    decision: { index: from + 1, by: 'n1', from, considered: 4, excluded: [], others: 0, maker: 'scheduler' },
  });
  t.same(
    found.hosts.map(({ host }) => host),
    ['n2', 'n1', 'n4', 'n3'],
  );
  for (const { host, fits, score, parts, rules } of found.hosts) {
    const was = before.hosts.find((one) => one.host === host);
    t.same({ fits, score, parts }, { fits: was?.fits, score: was?.score, parts: was?.parts });
    t.same(
      rules.map(({ rule, text }) => [rule, text]),
      was?.rules.map(({ rule, text }) => [rule, text]),
    );
  }
  t.end();
});

t.test('of many hosts the best are kept, and how many each rule ruled out', (t) => {
  const count = 40;
  const cluster = fleet(count);
  for (const name of ['n5', 'n6', 'n7']) cluster.apply({ type: 'hostSet', name, cordoned: true });
  const spread = [{ label: 'app=web', per: 'zone' as const, weight: 50 }];
  const kinds = {
    plain: {},
    zones: { spread },
    turns: { strategy: 'round-robin' as const },
    company: { near: ['app=web'] },
    pinned: { host: 'n9' },
  };
  for (const [name, placement] of Object.entries(kinds)) {
    for (let i = 0; i < 3; i++) {
      const vm = `${name}-${i}`;
      cluster.create(vm, { labels: { app: 'web' }, placement });
      const now = explainPlacement(cluster.state, vmOf(cluster, vm));
      pass(cluster);
      const found = then(cluster, vm);
      t.equal(found.choice, now.choice, `${vm} went where it would`);
      t.equal(found.hosts[0]?.host, now.choice);
      t.ok(found.hosts.length <= 3);
      const scores = found.hosts.map(({ score }) => score ?? 0);
      t.same(
        scores,
        [...scores].sort((a, b) => b - a),
        'the best first',
      );
      for (const { host, score } of found.hosts) {
        t.equal(score, now.hosts.find((one) => one.host === host)?.score, `${vm}: ${host}`);
      }
      if (name === 'plain' || name === 'zones') {
        const best = now.hosts.map((one) => one.score ?? -1).sort((a, b) => b - a);
        t.same(scores, best.slice(0, 3), 'there are no better ones');
      }
      const { decision } = found;
      const out = decision?.excluded.reduce((sum, { hosts }) => sum + hosts, 0);
      t.equal(out, now.hosts.filter(({ fits }) => !fits).length, `${vm}: all that were ruled out are counted`);
      t.equal((decision?.others ?? 0) + (out ?? 0) + found.hosts.length, count);
      t.ok(JSON.stringify(vmOf(cluster, vm).decision).length < 600);
    }
  }
  t.match(then(cluster, 'plain-0').decision?.excluded, [{ rule: 'cordoned', hosts: 3 }]);
  t.end();
});

t.test('hosts that fill up in the same pass count as ruled out once that was met', (t) => {
  const cluster = fleet(20);
  for (let i = 0; i < 30; i++) cluster.create(`v${i}`, { vcpu: 6, placement: { strategy: 'least-available' } });
  pass(cluster);
  const last = then(cluster, 'v19');
  t.match(last, { decision: { excluded: [{ rule: 'vcpu', hosts: 19 }], others: 0 }, hosts: [{ fits: true }] });
  t.match(then(cluster, 'v29'), {
    ...{ choice: null, host: null, summary: /^was given no host: needs 6 vcpu; n1 has .* To make it fit:/ },
    ...{ hosts: [], decision: { excluded: [{ rule: 'vcpu', hosts: 20 }], others: 0 } },
  });
  t.end();
});

t.test('what waits says what was against each of few hosts', (t) => {
  const cluster = fleet(2);
  cluster.create('big', { memoryMib: 20_480 });
  pass(cluster);
  t.match(then(cluster, 'big'), {
    ...{ choice: null, summary: /^was given no host: needs 20G/ },
    hosts: [
      { host: 'n1', fits: false, score: null, rules: [{ rule: 'memory', text: /16G/ }] },
      { host: 'n2', fits: false },
    ],
  });
  t.end();
});

t.test('what was decided by others says so', (t) => {
  const cluster = fleet(2);
  cluster.create('hand', { placement: { strategy: 'manual' } });
  cluster.apply({ type: 'vmPlace', name: 'hand', host: 'n2' });
  const named = ': no other host was looked at';
  t.match(then(cluster, 'hand'), {
    ...{ summary: `was put on n2 by a user, who named it${named}`, choice: 'n2', hosts: [] },
    decision: { maker: 'user', by: null, from: null, considered: 0 },
  });
  const { uid, assignment } = vmOf(cluster, 'hand');
  const move = { type: 'vmMove', name: 'hand', uid, epoch: assignment?.epoch ?? 0, cause: 'migrate' } as const;
  cluster.apply({ ...move, targetId: 1 });
  const { index } = cluster.state;
  cluster.apply({ type: 'vmMoveBuilt', hostId: 1, name: 'hand', uid, index });
  cluster.apply({
    ...{ type: 'vmRemoved', hostId: 2, name: 'hand', uid },
    ...{ epoch: move.epoch, moveIndex: index },
  });
  t.match(then(cluster, 'hand'), { host: 'n1', summary: `was moved to n1 as a user asked${named}` });
  t.end();
});

t.test('without a record it says that there is none', (t) => {
  const cluster = fleet(2);
  cluster.create('new');
  t.match(then(cluster, 'new'), {
    ...{ decision: null, hosts: [], choice: null },
    summary: 'has had no decision about its host yet. `n3xctl vm explain new` shows it as of now',
  });
  cluster.assign('new', 2);
  const { decision, ...older } = vmOf(cluster, 'new');
  t.match(decision, { maker: 'scheduler', hostId: 2 });
  t.equal(then(cluster, 'new').summary, 'was put on n2: what was seen of the hosts was not kept');
  t.same(decodeRecord('vm/new', encodeRecord(older)), older, 'a record of before is read as it was');
  t.match(explainDecision(cluster.state, older), {
    decision: null,
    summary: /^is on n2, and nobody kept why: that was decided before n3x kept decisions\. `n3xctl vm explain new`/,
  });
  t.end();
});

t.test('the longest record there can be is bounded', (t) => {
  const cluster = fleet(ALL_KEPT_UP_TO);
  const rules = Array.from({ length: 16 }, (_, i) => ({ label: `l${i}=yes`, weight: 1000, per: 'zone' as const }));
  const placement = { spread: rules, pack: rules, prefer: rules.map(({ per: _, ...rest }) => rest), costWeight: 9 };
  cluster.create('wishful', { placement });
  pass(cluster);
  const { decision } = vmOf(cluster, 'wishful');
  t.ok(weighingSchema.safeParse(decision?.weighing).success);
  t.match(decision?.weighing, { parts: { length: 50 }, ranked: { length: 51 * ALL_KEPT_UP_TO } });
  t.ok(encodeRecord(vmOf(cluster, 'wishful')).length < 16_384);
  t.end();
});
