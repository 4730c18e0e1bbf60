import t from 'tap';
import { SampleCluster } from '../machine/sample.ts';
import { ClusterState } from '../machine/state.ts';
import { LockExpiry } from './lock-expiry.ts';

const TTL_MS = 10_000;
/** A tenth longer than the session. */
const LIMIT_MS = 11_000;

function lab(): SampleCluster {
  const cluster = new SampleCluster();
  acquire(cluster, 'a');
  return cluster;
}

function acquire(cluster: SampleCluster, holder: string): void {
  cluster.apply({ type: 'lockAcquire', name: 'deploy', holder, reason: '', ttlMs: TTL_MS, wait: true });
}

/** Tickets of the claims that are to expire. */
function due(expiry: LockExpiry, state: ClusterState, nowMs: number): number[] {
  return expiry.plan(state, nowMs).map((decision) => {
    if (decision.type !== 'command' || decision.command.type !== 'lockExpire') throw new Error('another decision');
    return decision.command.ticket;
  });
}

t.test('a session is counted from the first tick after it was seen', (t) => {
  const { state } = lab();
  const expiry = new LockExpiry();
  t.same(due(expiry, state, 1_000), []);
  // The process stood still from 1,000 to 90,000: what it had seen at "1,000" may have come just now.
  t.same(due(expiry, state, 90_000), []);
  t.same(due(expiry, state, 90_000 + LIMIT_MS - 1), []);
  t.same(due(expiry, state, 90_000 + LIMIT_MS), [2]);
  t.end();
});

t.test('a renewal begins the count anew, as does a slot for one who waited', (t) => {
  const cluster = lab();
  const { state } = cluster;
  const expiry = new LockExpiry();
  due(expiry, state, 0);
  due(expiry, state, 50);
  acquire(cluster, 'b');
  cluster.apply({ type: 'lockRenew', name: 'deploy', holder: 'a', token: 2 });
  t.same(due(expiry, state, 10_000), []);
  t.same(due(expiry, state, 10_050), []);
  t.same(due(expiry, state, 50 + LIMIT_MS), []);
  const decisions = expiry.plan(state, 10_050 + LIMIT_MS);
  t.match(decisions, [
    { key: 'lock/3', command: { type: 'lockExpire', name: 'deploy', ticket: 3, renewedIndex: 3 } },
    { key: 'lock/2', command: { type: 'lockExpire', name: 'deploy', ticket: 2, renewedIndex: 4 } },
  ]);
  const [, holder] = decisions;
  if (holder?.type === 'command') cluster.apply(holder.command);
  t.match(state.lock('deploy'), { holders: [{ holder: 'b' }], waiters: [] });
  t.same(due(expiry, state, 10_050 + LIMIT_MS), []);
  t.end();
});

t.test('a new leader lets every session live as a whole', (t) => {
  const { state } = lab();
  const expiry = new LockExpiry();
  due(expiry, state, 0);
  due(expiry, state, 50);
  expiry.clear();
  t.same(due(expiry, state, 50_000), []);
  t.same(due(expiry, state, 50_050), []);
  t.same(due(expiry, state, 50_050 + LIMIT_MS - 1), []);
  t.same(due(expiry, state, 50_050 + LIMIT_MS), [2]);
  t.end();
});

t.test('what is counted outlives a snapshot, and ends with its claim', (t) => {
  const cluster = lab();
  const expiry = new LockExpiry();
  due(expiry, cluster.state, 0);
  due(expiry, cluster.state, 50);
  const copy = ClusterState.fromRecords(cluster.state.index, cluster.state.records());
  t.same(due(expiry, copy, 50 + LIMIT_MS), [2]);
  cluster.apply({ type: 'lockRelease', name: 'deploy', holder: 'a', token: 2 });
  t.same(due(expiry, cluster.state, 60 + LIMIT_MS), []);
  t.end();
});
