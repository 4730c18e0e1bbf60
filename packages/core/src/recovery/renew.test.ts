import fc from 'fast-check';
import t from 'tap';
import { applyConfState, applyProposal } from '../machine/apply.ts';
import type { Command, CommandResult } from '../machine/command.ts';
import { checkInvariants } from '../machine/invariants.ts';
import { encodeProposal } from '../machine/proposal-codec.ts';
import { SAMPLE_START_MS, SampleCluster, sampleFacts, sampleSettings } from '../machine/sample.ts';
import { ClusterState } from '../machine/state.ts';
import { arbitraryStep } from '../machine/test-arbitrary.ts';
import type { StoredState } from '../ports/storage.ts';
import type { ConfState, Entry } from '../raft/types.ts';
import { INDEX_GAP, type RenewOptions, renew, VM_ORDINAL_GAP } from './renew.ts';
import { replayLog } from './replay.ts';
import { recoveryReportSchema } from './report.ts';
import { survey } from './survey.ts';

const OLD_ID = '0123456789abcdef0123456789abcdef';
const NEW_ID = 'fe'.repeat(16);

function voters(...ids: number[]): ConfState {
  return { voters: ids, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
}

/** Hosts n1, n2 and n3, each with a VM of its own; n1 and n2 vote. */
function lab(): SampleCluster {
  const cluster = new SampleCluster();
  cluster.join('n2');
  cluster.join('n3');
  applyConfState(cluster.state, cluster.state.index + 1, voters(1, 2));
  for (const [name, id] of [
    ['one', 1],
    ['two', 2],
    ['three', 3],
  ] as const) {
    cluster.create(name);
    if (id !== 3) cluster.assign(name, id);
  }
  cluster.apply({
    type: 'tokenCreate',
    id: 'cc'.repeat(8),
    secretHash: 'ab'.repeat(32),
    expiresAtMs: SAMPLE_START_MS + 1e9,
  });
  return cluster;
}

function options(state: ClusterState, changes: Partial<RenewOptions> = {}): RenewOptions {
  return {
    clusterId: NEW_ID,
    cause: 'quorumLost',
    atMs: SAMPLE_START_MS + 1e6,
    lastIndex: state.index,
    term: 9,
    successor: { type: 'member', hostId: 2 },
    ...changes,
  };
}

/** The state as the successor's store gives it back. */
function reread(state: ClusterState, changes: Partial<RenewOptions> = {}): ClusterState {
  const { meta, records } = renew(state, options(state, changes));
  return ClusterState.fromRecords(meta.index, records);
}

function apply(state: ClusterState, command: Command, requestId: string): CommandResult {
  const index = state.index + 1;
  const proposal = { format: 2, requestId, atMs: SAMPLE_START_MS + 2e6, command };
  const outcome = applyProposal(state, { index, term: 9 }, proposal);
  if (outcome.type !== 'applied') throw new Error('a format of its own');
  return outcome.result;
}

t.test('the same objects under a new identity, with one voter', async (t) => {
  const { state } = lab();
  const lastIndex = state.index;
  const ordinal = state.cluster?.nextVmOrdinal ?? 0;
  const { hostId, meta, records } = renew(state, options(state));
  t.equal(hostId, 2);
  t.match(meta, { index: lastIndex + INDEX_GAP, term: 9, confState: { voters: [2], learners: [] } });
  const next = ClusterState.fromRecords(meta.index, records);
  t.same(checkInvariants(next), []);
  t.match(next.cluster, {
    id: NEW_ID,
    name: 'lab',
    nextVmOrdinal: ordinal + VM_ORDINAL_GAP,
    recoveries: [{ fromClusterId: OLD_ID, cause: 'quorumLost', lastIndex, index: meta.index }],
  });
  t.match(next.host(2), { membership: 'voter', reachable: true, settings: { role: 'server' } });
  t.match(next.host(1), { name: 'n1', membership: 'lost', reachable: false, peerId: 'peer-1' });
  t.match(next.host(3), { membership: 'lost' });
  t.same(next.tokens(), []);
  t.equal(next.vm('one')?.assignment?.hostId, 1, 'VMs stay where they are');
  t.ok((next.vm('one')?.assignment?.epoch ?? 0) <= lastIndex);
  t.match(next.lastEvent, {
    reason: 'ClusterRecovered',
    severity: 'warning',
    message: /lost until they join again: n1, n3/,
  });
});

t.test('a second recovery remembers the first', async (t) => {
  const first = reread(lab().state);
  const second = reread(first, { clusterId: 'aa'.repeat(16) });
  t.match(second.cluster?.recoveries, [{ fromClusterId: OLD_ID }, { fromClusterId: NEW_ID }]);
  t.same(checkInvariants(second), []);
});

t.test('an agent that goes on alone becomes a server; one that was on its way out stays so', async (t) => {
  const cluster = lab();
  cluster.join('n4', { settings: { role: 'agent' } });
  cluster.apply({ type: 'hostLeave', name: 'n3' });
  const next = reread(cluster.state, { successor: { type: 'member', hostId: 4 } });
  t.match(next.host(4), { membership: 'voter', settings: { role: 'server' } });
  t.match(next.host(3), { membership: 'leaving', reachable: false });
});

t.test('what cannot go on is refused', async (t) => {
  const { state } = lab();
  t.throws(() => renew(new ClusterState(), options(state)), { code: 'N3X_REFUSED' });
  t.throws(() => renew(lab().state, options(state, { successor: { type: 'member', hostId: 7 } })), {
    code: 'N3X_REFUSED',
    message: /taken out of the cluster/,
  });
});

t.test('a lost host that joins again keeps its id and its VMs', async (t) => {
  const next = reread(lab().state);
  const token = { id: 'dd'.repeat(8), secretHash: 'ab'.repeat(32) };
  t.match(apply(next, { type: 'tokenCreate', ...token, expiresAtMs: SAMPLE_START_MS + 1e9 }, 'again1'), { ok: true });
  const join: Extract<Command, { type: 'hostJoin' }> = {
    type: 'hostJoin',
    tokenId: token.id,
    secretHash: token.secretHash,
    peerId: 'peer-1',
    uid: 'drawn anew',
    name: 'n1',
    addresses: ['/ip4/192.0.2.77/tcp/1'],
    settings: sampleSettings(),
    facts: sampleFacts(),
  };
  t.match(apply(next, { ...join, secretHash: 'cd'.repeat(32) }, 'again2'), {
    ok: false,
    error: { code: 'N3X_TOKEN_INVALID' },
  });
  t.match(apply(next, { ...join, name: 'other' }, 'again3'), {
    ok: false,
    error: { code: 'N3X_CONFLICT', message: /known as n1: set name = "n1"/ },
  });
  t.match(apply(next, { ...join, peerId: 'peer-new' }, 'again4'), {
    ok: false,
    error: {
      code: 'N3X_CONFLICT',
      message: /lost and with another key than this one: give it up with `n3xctl host remove n1`/,
    },
  });
  t.match(apply(next, join, 'again5'), { ok: true, changed: true, values: { hostId: 1 } });
  t.match(next.host(1), { name: 'n1', uid: 'host-1', membership: 'joining', addresses: ['/ip4/192.0.2.77/tcp/1'] });
  t.equal(next.vm('one')?.assignment?.hostId, 1);
  t.match(apply(next, join, 'again6'), { ok: true, changed: false, values: { hostId: 1 } });
  t.match(apply(next, { ...join, peerId: 'peer-n3', name: 'n3' }, 'again7'), {
    ok: false,
    error: { code: 'N3X_TOKEN_USED' },
  });
  t.same(checkInvariants(next), []);
});

t.test('a lost host stays lost whatever becomes of the group, and can be given up', async (t) => {
  const next = reread(lab().state);
  applyConfState(next, next.index + 1, voters(2));
  t.equal(next.host(1)?.membership, 'lost');
  t.match(apply(next, { type: 'hostRemove', name: 'n1', force: false }, 'again1'), { ok: true });
  t.equal(next.host(1)?.membership, 'leaving');
  t.match(apply(next, { type: 'hostRemoved', hostId: 1 }, 'again2'), { ok: false }, 'its lease has yet to end');
  const { uid, assignment } = next.vm('one') ?? {};
  const lease = { name: 'one', uid: uid ?? '', hostId: 1, epoch: assignment?.epoch ?? 0, term: 9 };
  t.match(apply(next, { type: 'vmFailover', ...lease }, 'early'), { ok: false }, 'it may have been promised more');
  const index = next.host(1)?.restarting?.index ?? 0;
  t.match(apply(next, { type: 'hostRestartOver', hostId: 1, index, cause: 'overdue' }, 'over'), { ok: true });
  t.match(apply(next, { type: 'vmFailover', ...lease }, 'again3'), { ok: true });
  t.match(apply(next, { type: 'hostRemoved', hostId: 1 }, 'again4'), { ok: true });
  t.match(next.vm('one'), { assignment: null, power: 'running', status: { phase: 'pending', reason: 'HostLost' } });
});

t.test('a bare host takes the place of its name, or is a new one', async (t) => {
  const bare = {
    name: 'n1',
    uid: 'u',
    peerId: 'peer-bare',
    addresses: [],
    settings: sampleSettings({ role: 'agent' }),
  };
  const same = reread(lab().state, {
    cause: 'restored',
    successor: { type: 'new', host: bare },
    holdBack: new Map([['one', 'its files are not here']]),
  });
  t.match(same.host(1), { name: 'n1', peerId: 'peer-bare', membership: 'voter', settings: { role: 'server' } });
  t.equal(same.hostByPeer('peer-1'), undefined);
  t.match(same.vm('one'), { power: 'stopped', assignment: { hostId: 1 } });
  t.equal(same.vm('two')?.power, 'running');
  t.ok([...same.events()].some((event) => event.reason === 'HeldBack' && event.about.name === 'one'));
  t.same(checkInvariants(same), []);

  const other = reread(lab().state, { successor: { type: 'new', host: { ...bare, name: 'n9' } } });
  t.match(other.host(4), { name: 'n9', membership: 'voter' });
  t.equal(other.cluster?.nextHostId, 5);
  t.equal(other.host(1)?.membership, 'lost');
  t.same(checkInvariants(other), []);
});

t.test('whatever the state, its successor is sound and holds the same VMs', async () => {
  fc.assert(
    fc.property(fc.array(arbitraryStep, { maxLength: 60 }), (steps) => {
      const { state } = new SampleCluster();
      for (const [at, step] of steps.entries()) {
        if (step.type === 'conf') applyConfState(state, state.index + 1, step.confState);
        else apply(state, step.make(state), step.requestId ?? `r${at}`);
      }
      const names = [...state.vms()].map((vm) => vm.name);
      if (state.host(1) === undefined) return true;
      const next = reread(state, { successor: { type: 'member', hostId: 1 } });
      const problems = checkInvariants(next);
      const [lone] = [...next.hosts()].filter((host) => host.membership === 'voter');
      return problems.length === 0 && lone?.id === 1 && names.join() === [...next.vms()].map((vm) => vm.name).join();
    }),
    { numRuns: 300 },
  );
});

/** What a store holds whose log was applied up to `applied`, of entries that make VMs. */
function stored(count: number, applied: number): StoredState {
  const at = (until: number): SampleCluster => {
    const cluster = new SampleCluster();
    for (let i = 0; i < until; i++) cluster.create(`vm${i}`);
    return cluster;
  };
  const before = at(applied).state;
  const entries = Array.from({ length: count }, (_, i): Entry => {
    const whole = at(i + 1).state.vm(`vm${i}`);
    if (whole === undefined) throw new Error('a VM');
    const { name, uid, spec, power } = whole;
    const command: Command = { type: 'vmCreate', name, uid, spec, power };
    const index = i + 2;
    const data = encodeProposal({ format: 2, requestId: `r${index}`, atMs: SAMPLE_START_MS + index * 1000, command });
    return { type: 'normal', index, term: 1 + Math.floor(i / 3), data };
  });
  return {
    hardState: { term: 3, vote: 1, commit: applied + 1 },
    compacted: { index: 1, term: 1 },
    entries,
    applied: { index: before.index, term: 1, confState: voters(1) },
    records: new Map(before.records()),
  };
}

t.test('the log is replayed to its end, and described', async (t) => {
  const held = stored(6, 2);
  const change: Entry = {
    type: 'confChange',
    index: 8,
    term: 3,
    change: { transition: 'auto', changes: [{ type: 'addLearner', node: 2 }], context: new Uint8Array() },
  };
  const all: StoredState = {
    ...held,
    entries: [...held.entries, change, { type: 'normal', index: 9, term: 3, data: new Uint8Array() }],
  };
  const { state, confStates, last } = replayLog(all);
  t.equal(state.vmCount, 6);
  t.same(last, { index: 9, term: 3 });
  t.match(confStates, [
    { voters: [1], learners: [] },
    { voters: [1], learners: [2] },
  ]);
  t.equal(held.records.size, stored(6, 2).records.size, 'what was stored is as it was');

  const of = { clusterId: OLD_ID, hostId: 1, name: 'n1', peerId: 'peer-1', n3xVersion: '0.1.0', nowMs: 5 };
  const report = survey(all, of);
  t.same(recoveryReportSchema.parse(JSON.parse(JSON.stringify(report))), report);
  t.match(report, {
    clusterName: 'lab',
    last: { index: 9, term: 3 },
    commit: 3,
    applied: { index: 3 },
    counts: { hosts: 1, vms: 6 },
    terms: [
      { term: 1, from: 1 },
      { term: 2, from: 5 },
      { term: 3, from: 8 },
    ],
  });
  t.same(
    report.tail.map(({ index, text }) => `${index} ${text}`),
    [
      '4 create VM vm2',
      '5 create VM vm3',
      '6 create VM vm4',
      '7 create VM vm5',
      '8 Raft group: host with id 2 follows without a vote',
      '9 a new leader began',
    ],
  );
});

t.test('a log that a newer build wrote is refused', async (t) => {
  const held = stored(2, 0);
  const newer: Entry = { type: 'normal', index: 4, term: 1, data: Uint8Array.of(200, 1, 2) };
  t.throws(() => replayLog({ ...held, entries: [...held.entries, newer] }), {
    code: 'N3X_VERSION',
    message: /format 200/,
  });
});
