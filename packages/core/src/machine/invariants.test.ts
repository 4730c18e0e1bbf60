import t from 'tap';
import { applyConfState } from './apply.ts';
import { checkInvariants, checkStep, firstDifference } from './invariants.ts';
import { SampleCluster } from './sample.ts';
import { ClusterState } from './state.ts';

/** `web` on n1 and `db` without a host. */
function lab(): SampleCluster {
  const cluster = new SampleCluster();
  cluster.create('web');
  cluster.assign('web');
  cluster.create('db');
  return cluster;
}

function vm(state: ClusterState, name: string) {
  const found = state.vm(name);
  if (found === undefined) throw new Error(`${name} is missing`);
  return found;
}

t.test('a sound state has no findings', (t) => {
  t.same(checkInvariants(lab().state), []);
  t.end();
});

t.test('planted: two VMs with one allocation', (t) => {
  const { state } = lab();
  state.put({ ...vm(state, 'db'), allocation: vm(state, 'web').allocation });
  t.match(checkInvariants(state).join('\n'), /vsock CID 1001 belongs to db and web/);
  t.match(checkInvariants(state).join('\n'), /allocated port \d+ belongs to/);
  t.match(checkInvariants(state).join('\n'), /MAC 02:6e:00:00:01:00 belongs to/);
  t.match(checkInvariants(state).join('\n'), /interface name n3x1x0 belongs to/);
  t.end();
});

t.test('planted: an object changed in place, so that the indexes and the hash know nothing of it', (t) => {
  const { state } = lab();
  // Hashed as it was: from here on only a change that is announced is looked at.
  state.hash();
  vm(state, 'web').status.evaluated = { vcpu: 3, memoryMib: 4 };
  const found = checkInvariants(state).join('\n');
  t.match(found, /n1: \[3,.* is taken, \[1,.* is indexed/);
  t.match(found, /the hash is/);
  t.end();
});

t.test('planted: a record that is not written', (t) => {
  const { state } = lab();
  // Only who asks from the start on can be told of what was not announced.
  state.hash();
  state.put({ ...vm(state, 'db'), restarts: 1 });
  t.match(checkInvariants(state), [/the hash is/]);
  t.end();
});

t.test('planted: an assignment to a host that is not there, and a VM deleted without one', (t) => {
  const { state } = lab();
  state.put({ ...vm(state, 'web'), assignment: { hostId: 7, epoch: 99 } });
  state.put({ ...vm(state, 'db'), deleting: true });
  const found = checkInvariants(state).join('\n');
  t.match(found, /web is on host 7, unknown/);
  t.match(found, /web has the epoch 99 of the future/);
  t.match(found, /db is being deleted and has no host/);
  t.end();
});

t.test('planted: two VMs with one port on one host', (t) => {
  const cluster = new SampleCluster();
  const port = {
    source: { kind: 'inline', interfaces: [{ type: 'user' }], forwards: [{ hostPort: 8080, guestPort: 80 }] },
  } as const;
  const spec = {
    source: { ...port.source, interfaces: [...port.source.interfaces], forwards: [...port.source.forwards] },
  };
  cluster.create('a', spec);
  cluster.assign('a');
  cluster.create('b', spec);
  t.same(checkInvariants(cluster.state), []);
  cluster.state.put({ ...vm(cluster.state, 'b'), assignment: { hostId: 1, epoch: 2 } });
  t.match(checkInvariants(cluster.state).join('\n'), /port 1:tcp\/8080 belongs to a and b/);
  t.end();
});

t.test('planted: an apply that forgets capacity', (t) => {
  const cluster = new SampleCluster();
  cluster.create('big', { memoryMib: 65_536 });
  const big = { ...vm(cluster.state, 'big'), assignment: { hostId: 1, epoch: 9 }, modifiedIndex: 9 };
  cluster.state.put(big);
  t.match(checkStep(cluster.state, [{ index: 9, kind: 'vm', name: 'big', object: big }]), [
    /n1 has 16384 MiB, not 65536/,
  ]);
  t.end();
});

t.test('planted: a host taken in that does not take VMs', (t) => {
  const cluster = new SampleCluster();
  cluster.create('web');
  const web = { ...vm(cluster.state, 'web'), assignment: { hostId: 1, epoch: 9 }, modifiedIndex: 8 };
  cluster.state.put(web);
  const none = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(cluster.state, cluster.state.index + 1, none);
  t.match(checkStep(cluster.state, [{ index: 9, kind: 'vm', name: 'web', object: web }]), [
    /was changed at 9 and says 8/,
    /assigned to n1, which takes none/,
  ]);
  t.end();
});

t.test('the first difference of two states is named', (t) => {
  const a = lab();
  const copy = ClusterState.fromRecords(a.state.index, a.state.records());
  t.equal(firstDifference(a.state, copy), undefined);
  a.create('web2');
  t.match(firstDifference(a.state, copy), /cluster differs/);
  const b = ClusterState.fromRecords(
    1,
    [...copy.records()].filter(([key]) => key !== 'vm/db'),
  );
  t.equal(firstDifference(copy, b), 'vm/db is only in the first');
  t.equal(firstDifference(b, copy), 'vm/db is only in the second');
  t.end();
});
