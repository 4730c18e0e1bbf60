import t from 'tap';
import { applyConfState } from './apply.ts';
import type { CommandResult } from './command.ts';
import { checkInvariants } from './invariants.ts';
import { SampleCluster } from './sample.ts';

function lab(): SampleCluster {
  const cluster = new SampleCluster();
  cluster.join('n2');
  const confState = { voters: [1, 2], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(cluster.state, cluster.state.index + 1, confState);
  for (const name of ['a', 'b', 'c']) {
    cluster.create(name);
    cluster.assign(name, 1);
  }
  return cluster;
}

const drain = (cluster: SampleCluster, parallel = 2, deadlineMs?: number): CommandResult =>
  cluster.apply({
    ...{ type: 'hostDrain', name: 'n1', mode: 'drain', parallel },
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  });

function move(cluster: SampleCluster, name: string): CommandResult {
  const vm = cluster.state.vm(name);
  const epoch = vm?.assignment?.epoch ?? 1;
  return cluster.apply({ type: 'vmMove', name, uid: `uid-${name}`, epoch, cause: 'drain', targetId: 2 });
}

t.test('a drain cordons, and lets only so many go at a time', (t) => {
  const cluster = lab();
  t.match(drain(cluster), { ok: true, changed: true });
  t.match(cluster.state.hostByName('n1'), { drain: { parallel: 2, total: 3 }, cordonedSinceMs: Number });
  t.match(cluster.state.lastEvent, {
    reason: 'Draining',
    message: 'takes no more VMs; 3 VMs to be moved off, 2 at a time',
  });
  t.match(drain(cluster), { ok: true, changed: false });
  t.match([move(cluster, 'a'), move(cluster, 'b')], [{ ok: true }, { ok: true }]);
  const third = { error: { message: 'VM c waits: 2 of host n1 are on their way already' } };
  t.match(move(cluster, 'c'), third);
  t.match(drain(cluster, 3), { ok: true, changed: true }, 'it may be asked for again with another limit');
  t.match(move(cluster, 'c'), { ok: true });
  t.match(cluster.state.hostByName('n1'), { drain: { total: 3, parallel: 3 } });
  t.same(checkInvariants(cluster.state), []);
  t.match(cluster.apply({ type: 'hostDrain', name: 'n9', mode: 'drain', parallel: 1 }), {
    error: { code: 'N3X_NOT_FOUND' },
  });
  t.end();
});

t.test('an end of a drain keeps what still runs, and lets what stops go on', (t) => {
  for (const end of ['undrain', 'uncordon', 'deadline'] as const) {
    const cluster = lab();
    const index = drain(cluster, 2, 5).index;
    move(cluster, 'a');
    move(cluster, 'b');
    const moving = cluster.state.vm('b')?.moving;
    const at = moving === undefined || moving.cause === 'preempted' ? 0 : moving.index;
    cluster.apply({ type: 'vmMoveBuilt', hostId: 2, name: 'b', uid: 'uid-b', index: at });
    if (end === 'undrain') cluster.apply({ type: 'hostUndrain', name: 'n1' });
    else if (end === 'uncordon') cluster.apply({ type: 'hostSet', name: 'n1', cordoned: false });
    else cluster.apply({ type: 'hostDrainNote', hostId: 1, index, outcome: 'expired', message: 'late' });
    t.notOk(cluster.state.vm('a')?.moving, end);
    t.match(cluster.state.vm('b')?.moving, { step: 'leave' });
    const host = cluster.state.hostByName('n1');
    if (end === 'deadline') t.match(host, { drain: { outcome: 'expired', message: 'late' }, cordonedSinceMs: Number });
    else t.notOk(host?.drain ?? host?.cordonedSinceMs);
    t.match(move(cluster, 'c'), { error: { message: /is not to be emptied any more/ } });
    t.same(checkInvariants(cluster.state), []);
  }
  t.end();
});

t.test('where a drain came to is noted once, and only of this drain', (t) => {
  const cluster = lab();
  const { index } = drain(cluster);
  const note = (outcome: 'drained' | 'stuck' | undefined, message: string, of = index) =>
    cluster.apply({
      ...{ type: 'hostDrainNote', hostId: 1, index: of, message },
      ...(outcome === undefined ? {} : { outcome }),
    });
  t.match(note('drained', ''), { ok: false, error: { code: 'N3X_CONFLICT', message: /not empty: 3 VMs left/ } });
  t.match(note('stuck', '1 VM stays: a'), { ok: true, changed: true });
  t.match(note('stuck', '1 VM stays: a'), { ok: true, changed: false });
  t.match(cluster.state.lastEvent, { reason: 'DrainStuck', severity: 'warning', message: '1 VM stays: a' });
  t.match(note('stuck', 'other', index - 1), { ok: true, changed: false });
  t.match(note(undefined, ''), { ok: true, changed: true });
  t.match(cluster.state.lastEvent, { reason: 'DrainGoesOn' });
  t.match(cluster.apply({ type: 'hostDrainNote', hostId: 9, index, message: '' }), { ok: false });
  for (const name of ['a', 'b', 'c']) {
    const epoch = cluster.state.vm(name)?.assignment?.epoch ?? 1;
    cluster.apply({ type: 'vmDelete', name });
    cluster.apply({ type: 'vmRemoved', hostId: 1, name, uid: `uid-${name}`, epoch });
  }
  t.match(note('drained', 'is empty'), { ok: true, changed: true });
  t.match(cluster.apply({ type: 'hostUndrain', name: 'n1' }), { ok: true, changed: true });
  t.match(cluster.apply({ type: 'hostUndrain', name: 'n1' }), { ok: true, changed: false });
  t.match(cluster.apply({ type: 'hostUndrain', name: 'n9' }), { error: { code: 'N3X_NOT_FOUND' } });
  cluster.apply({ type: 'hostLeave', name: 'n1' });
  t.match(drain(cluster), { error: { message: /is leaving the cluster/ } });
  t.end();
});
