import t from 'tap';
import type { ClusterSettings } from '../model/cluster.ts';
import { hostLabels, hostZone } from '../model/host.ts';
import { applyConfState, applyProposal } from './apply.ts';
import type { Command } from './command.ts';
import { checkInvariants } from './invariants.ts';
import { SAMPLE_START_MS, SampleCluster, sampleFacts, sampleSettings } from './sample.ts';
import { ClusterState } from './state.ts';

const TOKEN = { id: '00000000000000aa', secretHash: 'ab'.repeat(32) };

function join(changes: Partial<Extract<Command, { type: 'hostJoin' }>> = {}): Extract<Command, { type: 'hostJoin' }> {
  return {
    type: 'hostJoin',
    tokenId: TOKEN.id,
    secretHash: TOKEN.secretHash,
    peerId: 'peer-2',
    uid: 'host-2',
    name: 'n2',
    addresses: [],
    settings: sampleSettings(),
    facts: sampleFacts(),
    ...changes,
  };
}

function withToken(changes: { role?: 'server' | 'agent'; expiresAtMs?: number } = {}): SampleCluster {
  const cluster = new SampleCluster();
  cluster.apply({ type: 'tokenCreate', ...TOKEN, expiresAtMs: SAMPLE_START_MS + 1e6, ...changes });
  return cluster;
}

t.test('a token admits one host, and that one as often as it asks', (t) => {
  const cluster = withToken({ role: 'agent' });
  t.match(cluster.apply(join()), { ok: true, changed: true, values: { hostId: 2 } });
  t.match(cluster.state.host(2), { name: 'n2', membership: 'joining', settings: { role: 'agent' } });
  t.match(cluster.apply(join()), { ok: true, changed: false, values: { hostId: 2 } });
  t.match(cluster.apply(join({ peerId: 'peer-3', name: 'n3' })), {
    ok: false,
    error: { code: 'N3X_TOKEN_USED', message: /was used by n2/ },
  });
  t.equal(cluster.state.hostCount, 2);
  t.equal(cluster.state.cluster?.nextHostId, 3);
  t.end();
});

t.test('a token that is not good admits nobody', (t) => {
  const cluster = withToken({ expiresAtMs: SAMPLE_START_MS + 60_000 });
  const refused = (command: Command, code: string, atMs = SAMPLE_START_MS + 30_000) => {
    t.match(cluster.apply(command, { atMs }), { ok: false, error: { code } });
    t.equal(cluster.state.hostCount, 1);
  };
  refused(join({ tokenId: '00000000000000ab' }), 'N3X_TOKEN_INVALID');
  refused(join({ secretHash: `${'ab'.repeat(31)}ac` }), 'N3X_TOKEN_INVALID');
  refused(join({ secretHash: 'ab'.repeat(64) }), 'N3X_TOKEN_INVALID');
  refused(join({ secretHash: '' }), 'N3X_TOKEN_INVALID');
  refused(join(), 'N3X_TOKEN_EXPIRED', SAMPLE_START_MS + 60_000);
  refused(join({ name: 'n1' }), 'N3X_CONFLICT');
  t.match(cluster.apply(join(), { atMs: SAMPLE_START_MS + 59_999 }), { ok: true });
  t.end();
});

t.test('a revoked token admits nobody', (t) => {
  const cluster = withToken();
  t.match(cluster.apply({ type: 'tokenRevoke', id: TOKEN.id }), { ok: true });
  t.match(cluster.apply({ type: 'tokenRevoke', id: TOKEN.id }), { ok: false, error: { code: 'N3X_NOT_FOUND' } });
  t.match(cluster.apply(join()), { ok: false, error: { code: 'N3X_TOKEN_INVALID' } });
  t.end();
});

t.test('a host reports of itself; its role stays', (t) => {
  const cluster = withToken({ role: 'agent' });
  cluster.apply(join());
  const report = {
    type: 'hostReport' as const,
    hostId: 2,
    addresses: ['/ip4/192.0.2.2/tcp/1'],
    settings: sampleSettings(),
  };
  t.match(cluster.apply({ ...report, facts: sampleFacts() }), { ok: true, changed: true });
  t.match(cluster.state.host(2), { generation: 2, settings: { role: 'agent' }, addresses: ['/ip4/192.0.2.2/tcp/1'] });
  t.match(cluster.apply({ ...report, facts: sampleFacts() }), { ok: true, changed: false });
  t.match(cluster.apply({ ...report, facts: sampleFacts({ n3xVersion: '0.2.0' }) }), { changed: true });
  t.match(cluster.last.objectChanges[1]?.object, { reason: 'VersionChanged', message: '0.1.0 to 0.2.0' });
  t.equal(cluster.state.host(2)?.generation, 2);
  t.match(cluster.apply({ ...report, hostId: 9, facts: sampleFacts() }), { error: { code: 'N3X_NOT_FOUND' } });
  t.end();
});

t.test('being heard from', (t) => {
  const cluster = withToken();
  t.match(cluster.apply({ type: 'hostReachable', hostId: 1, reachable: true }), { changed: false });
  t.match(cluster.apply({ type: 'hostReachable', hostId: 1, reachable: false }), { changed: true });
  t.match(cluster.last.objectChanges[1]?.object, { reason: 'HostLost', severity: 'warning' });
  t.match(cluster.apply({ type: 'hostReachable', hostId: 1, reachable: true }), { changed: true });
  t.match(cluster.last.objectChanges[1]?.object, { reason: 'HostBack' });
  t.end();
});

t.test('leaving', (t) => {
  const cluster = withToken();
  const leave = (name: string) => cluster.apply({ type: 'hostLeave', name });
  t.match(leave('n1'), { ok: false, error: { code: 'N3X_REFUSED', message: /only host/ } });
  t.match(leave('n9'), { ok: false, error: { code: 'N3X_NOT_FOUND' } });
  cluster.apply(join({ settings: sampleSettings({ role: 'agent' }) }));
  t.match(leave('n1'), { ok: false, error: { code: 'N3X_REFUSED', message: /last that may vote/ } });
  cluster.join('n3');
  cluster.create('web');
  cluster.assign('web', 1);
  t.match(leave('n1'), { ok: false, error: { code: 'N3X_REFUSED', message: /still has the VMs web/ } });
  t.match(leave('n2'), { ok: true, changed: true });
  t.match(leave('n2'), { ok: true, changed: false });
  t.match(cluster.apply(join()), { ok: false, error: { code: 'N3X_REFUSED', message: /leaving/ } });
  t.match(cluster.apply({ type: 'hostRemoved', hostId: 3 }), { ok: false, error: { code: 'N3X_REFUSED' } });
  t.match(cluster.apply({ type: 'hostRemoved', hostId: 2 }), { ok: true, changed: true });
  t.match(cluster.apply({ type: 'hostRemoved', hostId: 2 }), { ok: true, changed: false });
  t.equal(cluster.state.host(2), undefined);
  // Its token is used up, also for itself, and its id is not used again.
  t.match(cluster.apply(join()), { ok: false, error: { code: 'N3X_TOKEN_USED' } });
  t.match(cluster.join('n4'), { ok: true, values: { hostId: 4 } });
  t.end();
});

/** n1 to n4 under a configuration in which the first three vote. */
function lab(): SampleCluster {
  const cluster = new SampleCluster();
  for (const name of ['n2', 'n3', 'n4']) cluster.join(name);
  applyConfState(cluster.state, cluster.state.index + 1, {
    ...{ voters: [1, 2, 3], votersOutgoing: [], learners: [4], learnersNext: [], autoLeave: false },
  });
  return cluster;
}
const lose = (cluster: SampleCluster, hostId: number) =>
  cluster.apply({ type: 'hostReachable', hostId, reachable: false });
const remove = (cluster: SampleCluster, name: string, force = false) =>
  cluster.apply({ type: 'hostRemove', name, force });

t.test('no voter goes whom the quorum needs', async (t) => {
  const cluster = lab();
  lose(cluster, 3);
  const message =
    'host n2 is needed: n3 is not heard from, and without n2 the other voters would be no quorum. Bring it back, or remove it with `n3xctl host remove` first';
  for (const refused of [cluster.apply({ type: 'hostLeave', name: 'n2' }), remove(cluster, 'n2', true)]) {
    t.match(refused, { ok: false, error: { code: 'N3X_REFUSED', message, details: { unreachable: ['n3'] } } });
  }
  t.match(cluster.apply({ type: 'hostLeave', name: 'n4' }), { ok: true }, 'one without a vote may');
  t.match(remove(cluster, 'n3'), { ok: true, changed: true });
  t.match(cluster.apply({ type: 'hostLeave', name: 'n2' }), { ok: true }, 'and now so may this one');
  t.match(cluster.apply({ type: 'hostLeave', name: 'n1' }), { ok: false, error: { message: /last that may vote/ } });
});

t.test('the only voter goes when another is there to take over', async (t) => {
  const cluster = new SampleCluster();
  cluster.join('n2');
  lose(cluster, 2);
  t.match(cluster.apply({ type: 'hostLeave', name: 'n1' }), { ok: false, error: { message: /n2 is not heard from/ } });
  cluster.apply({ type: 'hostReachable', hostId: 2, reachable: true });
  t.match(cluster.apply({ type: 'hostLeave', name: 'n1' }), { ok: true });
});

t.test('a lost host is removed, and its VMs say what became of them', async (t) => {
  const cluster = lab();
  cluster.create('web', { failover: 'stay' });
  cluster.assign('web', 3);
  cluster.create('going', { failover: 'stay' });
  cluster.assign('going', 3);
  cluster.apply({ type: 'vmDelete', name: 'going' });
  t.match(remove(cluster, 'n9'), { ok: false, error: { code: 'N3X_NOT_FOUND' } });
  t.match(remove(cluster, 'n3'), { ok: false, error: { message: /^host n3 is up: let it leave with/ } });
  lose(cluster, 3);
  t.match(cluster.apply({ type: 'hostLeave', name: 'n3' }), {
    error: { message: /or give it up with `n3xctl host remove n3`/ },
  });
  t.match(remove(cluster, 'n3'), { ok: true, changed: true, values: { hostId: 3, vms: 2 } });
  t.match(remove(cluster, 'n3'), { ok: true, changed: false, values: { hostId: 3, vms: 2 } });
  t.equal(cluster.state.vm('web')?.assignment?.hostId, 3, 'should it come back before it is out, it keeps them');
  cluster.apply({ type: 'hostRemoved', hostId: 3 });
  t.equal(cluster.state.vm('going'), undefined);
  t.match(cluster.state.vm('web'), {
    ...{ power: 'stopped', assignment: null },
    status: { phase: 'lost', reason: 'HostRemoved', message: /^host n3 was removed: start it to make it anew/ },
  });
  t.same(checkInvariants(cluster.state), []);
  cluster.apply({ type: 'vmSetPower', name: 'web', power: 'running' });
  t.match(cluster.state.vm('web')?.status, { phase: 'pending', reason: 'StartRequested' });
});

t.test('the VMs of a lost host go in the same order on a host that was restored', async (t) => {
  const cluster = lab();
  for (const name of ['b', 'c', 'a']) {
    cluster.create(name, { failover: 'stay' });
    cluster.assign(name, 3);
  }
  lose(cluster, 3);
  remove(cluster, 'n3');
  const { state } = cluster;
  const records = [...state.records()].sort(([one], [other]) => (one < other ? -1 : 1));
  const restored = ClusterState.fromRecords(state.index, records);
  const proposal = { format: 2, requestId: 'r', atMs: 1, command: { type: 'hostRemoved', hostId: 3 } } as const;
  for (const one of [restored, state]) applyProposal(one, { index: state.index + 1, term: 1 }, proposal);
  t.equal(restored.hash(), state.hash());
});

t.test('role and labels are set by hand, and a report leaves them', async (t) => {
  const cluster = lab();
  const set = (changes: { role?: 'server' | 'agent' | 'auto'; labels?: Record<string, string | null> }, name = 'n2') =>
    cluster.apply({ type: 'hostSet', name, ...changes });
  t.match(set({ labels: { zone: 'b', rack: '1' } }), { ok: true, changed: true });
  t.match(set({ labels: { zone: 'b' } }), { ok: true, changed: false });
  t.match(set({ role: 'auto' }), { ok: true, changed: true });
  t.match(cluster.last.objectChanges[1]?.object, { reason: 'RoleChanged', message: 'server to auto' });
  const settings = sampleSettings({ labels: { zone: 'a', disk: 'ssd' } });
  cluster.apply({ type: 'hostReport', hostId: 2, addresses: [], settings, facts: sampleFacts() });
  const host = () => {
    const found = cluster.state.host(2);
    if (found === undefined) throw new Error('n2 is not there');
    return found;
  };
  t.match(host(), { settings: { role: 'auto', labels: { zone: 'a', disk: 'ssd' } } });
  t.same(hostLabels(host()), { zone: 'b', disk: 'ssd', rack: '1' });
  t.equal(hostZone(host()), 'b');
  set({ labels: { zone: null } });
  t.match(cluster.last.objectChanges[1]?.object, { message: 'has the labels disk=ssd, rack=1, zone=a' });
  set({ labels: { rack: null } });
  t.notOk('ownLabels' in host());
  const many = Object.fromEntries(Array.from({ length: 31 }, (_, at) => [`l${at}`, 'x']));
  t.match(set({ labels: many }), { ok: false, error: { code: 'N3X_REFUSED', message: /more than 32 labels/ } });
  t.match(set({}, 'n9'), { ok: false, error: { code: 'N3X_NOT_FOUND' } });
  for (const name of ['n2', 'n3', 'n4']) t.match(set({ role: 'agent' }, name), { ok: true });
  t.match(set({ role: 'agent' }, 'n1'), { ok: false, error: { message: /n1 is the last that may vote/ } });
});

t.test('what is wanted of the cluster', async (t) => {
  const cluster = new SampleCluster();
  const set = (settings: Partial<ClusterSettings>) => cluster.apply({ type: 'clusterSet', settings });
  t.match(cluster.state.cluster?.settings, { voters: 3, replaceAfterSeconds: 60 });
  t.match(set({ voters: 5 }), { ok: true, changed: true });
  t.match(cluster.last.objectChanges[1]?.object, { reason: 'VotersWanted', message: '5 hosts shall vote, 3 before' });
  t.match(set({ voters: 5 }), { ok: true, changed: false });
  t.match(set({ replaceAfterSeconds: 10 }), { ok: true, changed: true });
  t.match(cluster.state.cluster?.settings, { voters: 5, replaceAfterSeconds: 10 });
});

t.test('the configuration shows on the hosts', (t) => {
  const cluster = new SampleCluster();
  for (const name of ['n2', 'n3', 'n4', 'n5']) cluster.join(name);
  cluster.apply({ type: 'hostLeave', name: 'n5' });
  const { state } = cluster;
  const changes = applyConfState(state, state.index + 1, {
    voters: [1, 2],
    votersOutgoing: [1, 3],
    learners: [5],
    learnersNext: [],
    autoLeave: true,
  });
  t.same(
    [...state.hosts()].map((host) => host.membership),
    ['voter', 'voter', 'voter', 'joining', 'leaving'],
  );
  t.same(
    changes.objectChanges.filter((change) => change.kind === 'host').map((change) => change.name),
    ['n2', 'n3'],
  );
  const next = { voters: [2], votersOutgoing: [], learners: [3], learnersNext: [], autoLeave: false };
  applyConfState(state, state.index + 1, next);
  t.same(
    [...state.hosts()].map((host) => host.membership),
    ['joining', 'voter', 'learner', 'joining', 'leaving'],
  );
  t.same(applyConfState(state, state.index + 1, next), { changes: [], objectChanges: [] });
  t.end();
});

t.test('a refusal names VMs in the same order whatever order they came in', (t) => {
  const cluster = new SampleCluster();
  cluster.join('n2');
  const confState = { voters: [1, 2], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(cluster.state, cluster.state.index + 1, confState);
  for (const name of ['z', 'm', 'a']) {
    cluster.create(name);
    cluster.assign(name, 2);
  }
  cluster.apply({ type: 'hostReachable', hostId: 2, reachable: false });
  cluster.apply({ type: 'hostRemove', name: 'n2', force: true });
  const host = cluster.state.host(2);
  if (host === undefined) throw new Error('a host');
  cluster.state.put({ ...host, membership: 'leaving' });
  const refused = cluster.apply({ type: 'hostRemoved', hostId: 2 });
  t.match(refused, { ok: false, error: { details: { vms: ['a', 'm', 'z'] } } });
  t.end();
});
