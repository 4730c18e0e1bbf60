import t from 'tap';
import { AUTO_PORTS, allocate, SLOT_COUNT } from './allocation.ts';
import { SampleCluster, sampleSpec } from './sample.ts';

const taps = (count: number) => ({
  source: { kind: 'inline' as const, interfaces: Array.from({ length: count }, () => ({ type: 'tap' as const })) },
});

t.test('names and addresses have their form', (t) => {
  const cluster = new SampleCluster();
  cluster.create('web', taps(8));
  const allocation = cluster.state.vm('web')?.allocation;
  t.equal(allocation?.cid, 1001);
  t.equal(allocation?.macs[7], '02:6e:00:00:01:07');
  t.equal(allocation?.interfaceNames[7], 'n3x1x7');
  const last = allocate(cluster.state, SLOT_COUNT - 1, sampleSpec(taps(8)));
  if (!last.ok) throw new Error(last.message);
  t.equal(last.allocation.macs[7], '02:6e:ff:ff:ff:07');
  t.ok(last.allocation.interfaceNames.every((name) => name.length <= 15));
  t.end();
});

t.test('after the last slot the first free one comes', (t) => {
  const cluster = new SampleCluster();
  cluster.create('a');
  cluster.create('b');
  const wrapped = allocate(cluster.state, SLOT_COUNT + 1, sampleSpec());
  t.match(wrapped, { ok: true, allocation: { cid: 1003 }, nextVmOrdinal: SLOT_COUNT + 4 });
  t.end();
});

t.test('ports go out once, past those that users took', (t) => {
  const cluster = new SampleCluster();
  const forwards = (ports: (number | undefined)[]) => ({
    source: {
      kind: 'inline' as const,
      interfaces: [{ type: 'user' as const }],
      forwards: ports.map((hostPort, i) =>
        hostPort === undefined ? { guestPort: i + 1 } : { guestPort: i + 1, hostPort },
      ),
    },
  });
  cluster.create('a', forwards([20_002, 20_003]));
  cluster.create('b', forwards([undefined, undefined, 20_005]));
  t.same(cluster.state.vm('b')?.allocation.hostPorts, [20_004, 20_006, 20_005]);
  cluster.apply({ type: 'vmDelete', name: 'b' });
  t.equal(cluster.state.indexes.portTaken(20_004), false);
  t.end();
});

t.test('without a free port the refusal says so, and nothing is taken', (t) => {
  const cluster = new SampleCluster();
  const [first, last] = AUTO_PORTS;
  const all = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  for (let i = 0; i * 32 < all.length; i++) {
    const forwards = all.slice(i * 32, i * 32 + 32).map((hostPort) => ({ guestPort: 80, hostPort }));
    cluster.create(`v${i}`, { source: { kind: 'inline', interfaces: [{ type: 'user' }], forwards } });
  }
  const ordinal = cluster.state.cluster?.nextVmOrdinal;
  t.match(cluster.create('web'), { ok: false, error: { code: 'N3X_REFUSED', message: /20000 to 29999 is allocated/ } });
  t.equal(cluster.state.cluster?.nextVmOrdinal, ordinal);
  t.end();
});
