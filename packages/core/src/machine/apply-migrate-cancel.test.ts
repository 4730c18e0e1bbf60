import t from 'tap';
import { applyConfState } from './apply.ts';
import { checkInvariants, checkStep } from './invariants.ts';
import { SampleCluster } from './sample.ts';

/** n1, n2 and n3 with `web` on n1. */
function lab(): SampleCluster {
  const cluster = new SampleCluster();
  for (const name of ['n2', 'n3']) cluster.join(name);
  const confState = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(cluster.state, cluster.state.index + 1, confState);
  cluster.create('web');
  cluster.assign('web', 1);
  return cluster;
}

function web(cluster: SampleCluster) {
  const vm = cluster.state.vm('web');
  if (vm === undefined) throw new Error('web is missing');
  return vm;
}

function move(cluster: SampleCluster, cause: 'migrate' | 'drain' = 'migrate'): number {
  const { uid, assignment } = web(cluster);
  cluster.apply({ type: 'vmMove', name: 'web', uid, epoch: assignment?.epoch ?? 0, cause, targetId: 2 });
  return cluster.state.index;
}

const cancel = { type: 'vmMigrateCancel', name: 'web' } as const;

t.test('a move is taken back before its host has let go, and not after', (t) => {
  const cluster = lab();
  const { uid, assignment } = web(cluster);
  t.match(cluster.apply(cancel), { ok: true, changed: false }, 'what does not move');
  move(cluster);
  t.ok(web(cluster).moving);
  t.match(cluster.apply(cancel), { ok: true, changed: true });
  t.equal(web(cluster).moving, undefined);
  t.match(cluster.state.lastEvent, { reason: 'MoveCancelled', message: 'stays on n1: its move was taken back' });
  t.equal(cluster.state.load(2).vcpu, 0, 'the room on its target is free again');

  const index = move(cluster);
  cluster.apply({ type: 'vmMoveBuilt', hostId: 2, name: 'web', uid, index });
  t.match(web(cluster).moving, { step: 'leave' });
  t.match(cluster.apply(cancel), { ok: true, changed: true }, 'also while it is stopped');
  t.same(web(cluster).assignment, assignment);
  const gone = {
    type: 'vmRemoved',
    hostId: 1,
    name: 'web',
    uid,
    epoch: assignment?.epoch ?? 0,
    moveIndex: index,
  } as const;
  t.match(cluster.apply(gone), { ok: false }, 'what its host says of that move counts no more');

  const again = move(cluster);
  cluster.apply({ type: 'vmMoveBuilt', hostId: 2, name: 'web', uid, index: again });
  cluster.apply({ ...gone, moveIndex: again });
  t.equal(web(cluster).assignment?.hostId, 2);
  t.match(cluster.apply(cancel), { ok: true, changed: false }, 'it has arrived');
  t.same([...checkInvariants(cluster.state), ...checkStep(cluster.state, cluster.last.objectChanges)], []);
  t.end();
});

t.test('what is refused, and what to do instead', (t) => {
  const cluster = lab();
  const refused = (message: string, code = 'N3X_REFUSED') => ({ ok: false, error: { code, message } });
  t.match(
    cluster.apply({ ...cancel, name: 'wbe' }),
    refused('VM wbe does not exist: `n3xctl vm list` shows those that do', 'N3X_NOT_FOUND'),
  );
  cluster.apply({ type: 'hostDrain', name: 'n1', mode: 'drain', parallel: 1 });
  move(cluster, 'drain');
  t.match(
    cluster.apply(cancel),
    refused('VM web moves because n1 is drained, and would be moved again: end that with `n3xctl host undrain n1`'),
  );
  t.match(cluster.apply({ ...cancel, ifModifiedIndex: 1 }), { error: { code: 'N3X_CONFLICT' } });
  const other = lab();
  other.create('db', { priority: 10 });
  const victims = [{ name: 'web', uid: web(other).uid, epoch: web(other).assignment?.epoch ?? 0 }];
  const db = other.state.vm('db');
  other.apply({
    type: 'vmPreempt',
    name: 'db',
    uid: db?.uid ?? '',
    baseIndex: db?.modifiedIndex ?? 0,
    hostId: 1,
    victims,
  });
  t.match(
    other.apply(cancel),
    refused('VM web makes room for db, which is more important: it gets another host once it has left'),
  );
  t.end();
});
