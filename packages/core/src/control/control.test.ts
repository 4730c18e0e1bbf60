import t from 'tap';
import { applyConfState } from '../machine/apply.ts';
import { SampleCluster } from '../machine/sample.ts';
import type { ConfState } from '../raft/types.ts';
import { type Decision, type LeaderView, type PeerView, plan } from './plan.ts';

const NOW = 100_000;

function conf(voters: number[], learners: number[] = [], votersOutgoing: number[] = []): ConfState {
  return { voters, votersOutgoing, learners, learnersNext: [], autoLeave: false };
}

/** Hosts n1 to n`count` under this configuration. */
function lab(count: number, confState: ConfState, agents: readonly string[] = []): SampleCluster {
  const cluster = new SampleCluster();
  for (let id = 2; id <= count; id++) {
    cluster.join(`n${id}`, { settings: { role: agents.includes(`n${id}`) ? 'agent' : 'server' } });
  }
  applyConfState(cluster.state, cluster.state.index + 1, confState);
  return cluster;
}

/** A leader that hears everybody and whose peers have everything, but for `changes`. */
function view(
  confState: ConfState,
  changes: Partial<LeaderView> = {},
  peers: Record<number, Partial<PeerView>> = {},
): LeaderView {
  const ids = [...confState.voters, ...confState.votersOutgoing, ...confState.learners];
  return {
    selfId: 1,
    confState,
    confChangePending: false,
    transferring: false,
    lastIndex: 1000,
    leaderSinceMs: 0,
    peers: new Map(
      ids.filter((id) => id !== 1).map((id) => [id, { match: 1000, lastHeardMs: NOW - 10, ...peers[id] }]),
    ),
    inFlight: new Set(),
    ...changes,
  };
}

function step(decisions: readonly Decision[]): string[] {
  return decisions.map((decision) => {
    if (decision.type === 'transferLeader') return `transfer ${decision.to}`;
    if (decision.type === 'command') return decision.key;
    return decision.change.changes.map((change) => `${change.type} ${change.node}`).join(' ');
  });
}

t.test('a host joins as a learner, one at a time', (t) => {
  const confState = conf([1]);
  const { state } = lab(3, confState);
  t.same(step(plan(state, view(confState), NOW)), ['addLearner 2']);
  t.same(step(plan(state, view(confState, { confChangePending: true }), NOW)), []);
  t.same(step(plan(state, view(confState, { inFlight: new Set(['membership']) }), NOW)), []);
  t.same(step(plan(state, view(conf([1], [], [1, 4])), NOW)), [], 'not in a joint configuration');
  t.end();
});

t.test('a server votes once it has caught up and is heard from', (t) => {
  const confState = conf([1], [2]);
  const { state } = lab(2, confState);
  t.same(step(plan(state, view(confState, {}, { 2: { match: 500 } }), NOW)), []);
  t.same(step(plan(state, view(confState, {}, { 2: { lastHeardMs: NOW - 3000 } }), NOW)), []);
  t.same(step(plan(state, view(confState, {}, { 2: { lastHeardMs: null } }), 1000)), []);
  t.same(step(plan(state, view(confState, {}, { 2: { match: 800 } }), NOW)), ['addVoter 2']);
  t.end();
});

t.test('an agent never votes, and no more than seven do', (t) => {
  const agent = conf([1], [2]);
  t.same(step(plan(lab(2, agent, ['n2']).state, view(agent), NOW)), []);
  const full = conf([1, 2, 3, 4, 5, 6, 7], [8]);
  t.same(step(plan(lab(8, full).state, view(full), NOW)), []);
  t.end();
});

t.test('a voter is not added when that would leave no majority that is heard from', (t) => {
  const confState = conf([1, 2, 3], [4]);
  const { state } = lab(4, confState);
  const old = { lastHeardMs: NOW - 3000 };
  t.same(step(plan(state, view(confState, {}, { 2: old }), NOW)), ['addVoter 4']);
  t.same(step(plan(state, view(confState, {}, { 2: old, 3: old }), NOW)), []);
  t.end();
});

t.test('a host that leaves is taken out, then its record goes', (t) => {
  const confState = conf([1, 2, 3]);
  const cluster = lab(3, confState);
  cluster.apply({ type: 'hostLeave', name: 'n3' });
  t.same(step(plan(cluster.state, view(confState), NOW)), ['remove 3']);
  const left = conf([1, 2]);
  applyConfState(cluster.state, cluster.state.index + 1, left);
  t.same(step(plan(cluster.state, view(left, { confChangePending: true }), NOW)), []);
  t.same(step(plan(cluster.state, view(left), NOW)), ['removed/3']);
  t.end();
});

t.test('a dead host that leaves is taken out as well, if the others are a majority', (t) => {
  const confState = conf([1, 2, 3]);
  const cluster = lab(3, confState);
  cluster.apply({ type: 'hostLeave', name: 'n3' });
  cluster.apply({ type: 'hostReachable', hostId: 3, reachable: false });
  const dead = { lastHeardMs: null };
  t.same(step(plan(cluster.state, view(confState, {}, { 3: dead }), NOW)), ['remove 3']);
  cluster.apply({ type: 'hostReachable', hostId: 2, reachable: false });
  t.same(step(plan(cluster.state, view(confState, {}, { 2: dead, 3: dead }), NOW)), []);
  t.end();
});

t.test('a leader that leaves hands over to the one that has most', (t) => {
  const confState = conf([1, 2, 3]);
  const cluster = lab(3, confState);
  cluster.apply({ type: 'hostLeave', name: 'n1' });
  t.same(step(plan(cluster.state, view(confState, {}, { 2: { match: 999 } }), NOW)), ['transfer 3']);
  t.same(step(plan(cluster.state, view(confState, { transferring: true }), NOW)), []);
  t.end();
});

t.test('what is in the group and is no host is taken out', (t) => {
  const confState = conf([1], [9]);
  t.same(step(plan(lab(1, conf([1])).state, view(confState), NOW)), ['remove 9']);
  t.end();
});

t.test("who is not heard from is unreachable, after its time and the new leader's", (t) => {
  const confState = conf([1, 2], [3]);
  const cluster = lab(3, confState, ['n3']);
  const { state } = cluster;
  const silent = { 2: { lastHeardMs: NOW - 4001 } };
  t.same(step(plan(state, view(confState, {}, silent), NOW)), ['reachable/2']);
  t.same(step(plan(state, view(confState, { leaderSinceMs: NOW - 3000 }, silent), NOW)), []);
  t.same(step(plan(state, view(confState, {}, { 2: { lastHeardMs: NOW - 3999 } }), NOW)), []);
  cluster.apply({ type: 'hostReachable', hostId: 2, reachable: false });
  t.same(step(plan(state, view(confState, {}, silent), NOW)), []);
  t.same(
    step(plan(state, view(confState, {}, { 2: { lastHeardMs: NOW - 3000 } }), NOW)),
    [],
    'not back for an old message',
  );
  t.same(step(plan(state, view(confState), NOW)), ['reachable/2']);
  t.end();
});

t.test('the leader always hears itself', (t) => {
  const confState = conf([1]);
  const cluster = lab(1, confState);
  cluster.apply({ type: 'hostReachable', hostId: 1, reachable: false });
  t.match(plan(cluster.state, view(confState), NOW), [
    { command: { type: 'hostReachable', hostId: 1, reachable: true } },
  ]);
  t.end();
});

t.test('VMs are placed, one pass at a time', (t) => {
  const confState = conf([1]);
  const cluster = lab(1, confState);
  cluster.create('web');
  t.same(step(plan(cluster.state, view(confState), NOW)), ['place/web']);
  t.same(step(plan(cluster.state, view(confState, { inFlight: new Set(['place/other']) }), NOW)), []);
  t.end();
});
