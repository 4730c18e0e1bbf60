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
    wallMs: 0,
    confState,
    confChangePending: false,
    transferring: false,
    committed: 1000,
    leaderSinceMs: 0,
    confSinceMs: 0,
    transferTriedMs: null,
    connected: new Set([1, 2, 3, 4, 5, 6, 7, 8, 9]),
    peers: new Map(
      ids
        .filter((id) => id !== 1)
        .map((id) => [
          id,
          { unreachableSinceMs: null, match: 1000, lastHeardMs: NOW - 10, heardSinceMs: 0, ...peers[id] },
        ]),
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

t.test("who is not heard from is unreachable, after its time and the new leader's", (t) => {
  const confState = conf([1, 2, 4], [3]);
  const cluster = lab(4, confState, ['n3']);
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

t.test('a host that was just taken in has yet to be heard from', async (t) => {
  const confState = conf([1], [2]);
  const { state } = lab(2, confState);
  const never = { 2: { lastHeardMs: null, heardSinceMs: null } };
  t.same(step(plan(state, view(confState, { confSinceMs: NOW - 4000 }, never), NOW)), []);
  t.same(step(plan(state, view(confState, { confSinceMs: NOW - 4001 }, never), NOW)), ['reachable/2']);
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
