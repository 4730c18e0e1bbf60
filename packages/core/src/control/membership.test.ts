import t from 'tap';
import { applyConfState } from '../machine/apply.ts';
import type { HostSettings } from '../model/host.ts';
import { conf, GRACE, MembershipLab, NOW, silent } from './test-lab.ts';

const zone = (name: string, role: HostSettings['role'] = 'auto'): Partial<HostSettings> => ({
  role,
  labels: { zone: name },
});
const auto = { role: 'auto' } as const;
const agent = { role: 'agent' } as const;
/** So many hosts whose role is auto. */
const some = (count: number): Partial<HostSettings>[] => Array.from({ length: count }, () => auto);

t.test('a host joins as a learner, one at a time', async (t) => {
  const lab = new MembershipLab(some(3), conf([1]));
  t.same(lab.plan(), ['addLearner 2']);
  t.same(lab.plan({}, { confChangePending: true }), []);
  t.same(lab.plan({}, { transferring: true }), []);
  lab.confState = { ...conf([1]), votersOutgoing: [1, 4] };
  t.same(lab.plan(), [], 'not in a joint configuration');
});

t.test('learners get votes together, once they make an odd number that is wanted', async (t) => {
  const two = new MembershipLab(some(2), conf([1], [2]));
  t.same(two.plan(), [], 'two voters bear no more than one');
  const lab = new MembershipLab(some(4), conf([1], [2, 3, 4]));
  t.same(lab.plan(), ['addVoter 2, addVoter 3']);
  t.same(lab.plan({ 2: { match: 743 } }), ['addVoter 3, addVoter 4'], 'one that lags is passed over');
  t.same(lab.plan({ 2: { match: 744 } }), ['addVoter 2, addVoter 3'], 'a little is no lag');
  t.same(lab.plan({ 2: silent(3000), 3: { lastHeardMs: null } }), [], 'as is one that is not heard from');
  lab.cluster.apply({ type: 'clusterSet', settings: { voters: 1 } });
  t.same(lab.plan(), []);
});

t.test('an agent never votes', async (t) => {
  t.same(new MembershipLab([auto, agent, agent], conf([1], [2, 3])).plan(), []);
  const lab = new MembershipLab([auto, auto, agent, auto], conf([1, 2, 3], [4]));
  t.same(lab.plan(), ['addVoter 4, addLearner 3'], 'also when it does');
});

t.test('servers vote before others, and zones decide among equals', async (t) => {
  const roles = new MembershipLab([auto, auto, auto, { role: 'server' }], conf([1], [2, 3, 4]));
  t.same(roles.plan(), ['addVoter 4, addVoter 2']);
  const zones = new MembershipLab([zone('a'), zone('a'), zone('a'), zone('b'), zone('c')], conf([1], [2, 3, 4, 5]));
  t.same(zones.plan(), ['addVoter 4, addVoter 5']);
});

t.test('a dead voter is replaced, by one of another zone where there is one', async (t) => {
  const lab = new MembershipLab([zone('a'), zone('b'), zone('c'), zone('a'), zone('c')], conf([1, 2, 3], [4, 5]));
  t.same(lab.plan({ 3: silent(GRACE) }), [], 'not before the grace is over');
  t.same(lab.plan({ 3: silent(GRACE + 1) }), ['addVoter 5, addLearner 3', 'membership/replaced/3']);
  t.same(lab.plan({ 3: silent(GRACE + 1), 5: silent(3000) }), ['addVoter 4, addLearner 3', 'membership/replaced/3']);
  t.same(lab.plan({ 3: silent(GRACE + 1) }, { leaderSinceMs: NOW - GRACE }), [], 'a new leader waits as long');
  t.same(lab.plan({ 3: { lastHeardMs: null } }), ['addVoter 5, addLearner 3', 'membership/replaced/3']);
});

t.test('a silence goes on from one leader to the next', async (t) => {
  const lab = new MembershipLab(some(4), conf([1, 2, 3], [4]));
  const young = { leaderSinceMs: NOW - 2001 };
  const gone = { lastHeardMs: null, unreachableSinceMs: NOW - GRACE - 1 };
  t.match(lab.plan({ 3: gone }, young)[0], 'addVoter 4, addLearner 3');
  t.same(lab.plan({ 3: { ...gone, unreachableSinceMs: NOW - GRACE } }, young), [], 'the grace is not over');
  t.same(lab.plan({ 3: gone }, { leaderSinceMs: NOW - 2000 }), [], 'this leader has to have listened');
  t.same(lab.plan({ 3: { ...gone, lastHeardMs: NOW - GRACE } }, young), [], 'it was heard since it was given up');
  t.same(lab.plan({ 3: { ...gone, unreachableSinceMs: null } }, young), []);
});

t.test('without anybody to replace it a dead voter stays, unless fewer bear more', async (t) => {
  const dead = silent(GRACE + 1);
  t.same(new MembershipLab(some(3), conf([1, 2, 3])).plan({ 3: dead }), []);
  const five = new MembershipLab(some(5), conf([1, 2, 3, 4, 5]), { voters: 5 });
  t.same(five.plan({ 4: dead }), []);
  t.match(five.plan({ 4: dead, 5: dead })[0], 'addLearner 4, addLearner 5', 'three bear one more failure');
  t.same(five.plan({ 3: dead, 4: dead, 5: dead }), [], 'without a quorum nothing is changed');
});

t.test('no change is begun that those who are heard from cannot carry', async (t) => {
  const five = new MembershipLab(some(7), conf([1, 2, 3, 4, 5], [6, 7]), { voters: 5 });
  const dead = silent(GRACE + 1);
  t.match(five.plan({ 5: dead, 4: silent(3000) })[0], 'addVoter 6, addLearner 5');
  t.same(five.plan({ 5: dead, 4: silent(3000), 3: silent(3000) }), [], 'the old voters have to be a majority');
  // The two that are left of the new voters besides the leader have yet to catch up: nothing could be committed.
  const lags = { match: 10 };
  const three = new MembershipLab(some(4), conf([1, 2, 3], [4]));
  three.cluster.apply({ type: 'hostLeave', name: 'n2' });
  t.same(three.plan({ 3: lags }), ['addVoter 4, remove 2']);
  t.same(three.plan({ 3: lags, 4: lags }), ['remove 2, addLearner 3'], 'one that has all is a quorum of its own');
});

t.test('a voter that is silent hinders no change that can do without it', async (t) => {
  const lab = new MembershipLab(some(5), conf([1, 2, 3], [4]));
  t.same(lab.plan({ 3: silent(10_000) }), ['addLearner 5']);
  lab.cluster.apply({ type: 'hostLeave', name: 'n4' });
  t.same(lab.plan({ 3: silent(10_000), 4: silent(10_000) }), ['remove 4']);
  const leaving = new MembershipLab(some(4), conf([1, 2, 3], [4]));
  leaving.cluster.apply({ type: 'hostLeave', name: 'n3' });
  t.same(leaving.plan({ 3: silent(10_000) }), ['addVoter 4, remove 3']);
});

t.test('a voter that was replaced and comes back gets its vote only when it is needed', async (t) => {
  const lab = new MembershipLab(some(4), conf([1, 2, 4], [3]));
  lab.flap(3);
  const long = { confSinceMs: 0 };
  t.same(lab.plan({}, long), [], 'also after a long time');
  t.match(lab.plan({ 4: silent(GRACE + 1) })[0], 'addVoter 3, addLearner 4');
});

t.test('a host that was lost is given a vote only after it has stayed', async (t) => {
  const lab = new MembershipLab(some(4), conf([1, 2, 3], [4]));
  const dead = { 3: silent(GRACE + 1) };
  t.match(lab.plan({ ...dead, 4: { heardSinceMs: NOW - 10 } })[0], 'addVoter 4', 'one that was never lost at once');
  lab.flap(4);
  t.same(lab.plan({ ...dead, 4: { heardSinceMs: NOW - GRACE + 1 } }), []);
  t.match(lab.plan({ ...dead, 4: { heardSinceMs: NOW - GRACE } })[0], 'addVoter 4');
  lab.cluster.apply({ type: 'hostSet', name: 'n2', role: 'agent' });
  t.match(
    lab.plan({ 3: silent(3000), 4: { heardSinceMs: NOW - 10 } })[0],
    'addVoter 4, addLearner 2',
    'or when there would be fewer voters without it',
  );
});

t.test('more or fewer voters when that is wanted, always an odd number', async (t) => {
  const lab = new MembershipLab([zone('a'), zone('a'), zone('b'), zone('b'), zone('c')], conf([1, 2, 3, 4, 5]), {
    voters: 5,
  });
  t.same(lab.plan(), []);
  lab.cluster.apply({ type: 'clusterSet', settings: { voters: 3 } });
  t.same(lab.plan(), ['addLearner 2, addLearner 4'], 'the fullest zones go first, the leader stays');
  t.match(lab.plan({ 5: silent(GRACE + 1) })[0], /addLearner 5/, 'and the dead before all');
  t.same(lab.plan({ 5: silent(3000) }), ['addLearner 4, addLearner 5'], 'and the silent');
  lab.cluster.apply({ type: 'clusterSet', settings: { voters: 7 } });
  t.same(lab.plan(), [], 'there are five');
});

t.test('zones are put in order slowly, one host at a time, and only when all is well', async (t) => {
  const lab = new MembershipLab([zone('a'), zone('a'), zone('a'), zone('b'), zone('c')], conf([1, 2, 3], [4, 5]));
  const forMs = 10 * GRACE;
  const quiet = { confSinceMs: NOW - forMs };
  t.same(lab.plan({}, quiet), ['addVoter 4, addLearner 3']);
  t.same(lab.plan({}, { confSinceMs: NOW - forMs + 1 }), []);
  t.same(lab.plan({}, { ...quiet, leaderSinceMs: NOW - forMs + 1 }), []);
  t.same(lab.plan({ 2: { heardSinceMs: NOW - forMs + 1 } }, quiet), [], 'a voter was away');
  t.same(lab.plan({ 4: { heardSinceMs: NOW - 1 } }, quiet), ['addVoter 5, addLearner 3'], 'one of the agents was');
  lab.confState = conf([1, 2, 4], [3, 5]);
  t.same(lab.plan({}, quiet), ['addVoter 5, addLearner 2']);
  lab.confState = conf([1, 4, 5], [2, 3]);
  t.same(lab.plan({}, quiet), [], 'done');
});

t.test('a server takes the place of another in the end', async (t) => {
  const lab = new MembershipLab([auto, auto, auto, { role: 'server' }], conf([1, 2, 3], [4]));
  t.same(lab.plan(), []);
  t.same(lab.plan({}, { confSinceMs: 0 }), ['addVoter 4, addLearner 3']);
});

t.test('a host that leaves is taken out, then its record goes', async (t) => {
  const lab = new MembershipLab(some(5), conf([1, 2, 3], [4, 5]));
  lab.cluster.apply({ type: 'hostLeave', name: 'n3' });
  t.same(lab.plan(), ['addVoter 4, remove 3']);
  lab.cluster.apply({ type: 'hostLeave', name: 'n5' });
  t.same(lab.plan(), ['addVoter 4, remove 3']);
  lab.confState = conf([1, 2, 4], [5]);
  applyConfState(lab.cluster.state, lab.cluster.state.index + 1, lab.confState);
  t.same(lab.plan({}, { confChangePending: true }), []);
  t.same(lab.plan(), ['removed/3', 'remove 5']);
});

t.test('a dead host that leaves is taken out as well, if the others are a majority', async (t) => {
  const lab = new MembershipLab(some(3), conf([1, 2, 3]));
  lab.cluster.apply({ type: 'hostLeave', name: 'n3' });
  t.same(lab.plan({ 3: { lastHeardMs: null } }), ['addLearner 2, remove 3'], 'one of two votes');
  t.same(lab.plan({ 2: silent(3000), 3: { lastHeardMs: null } }), []);
});

t.test('a leader that is to go hands over to the one that has most', async (t) => {
  const lab = new MembershipLab(some(4), conf([1, 2, 3], [4]));
  lab.cluster.apply({ type: 'hostLeave', name: 'n1' });
  t.same(lab.plan({ 2: { match: 999 } }), ['transfer 3']);
  t.same(lab.plan({ 2: { match: 999 }, 3: silent(3000) }), ['transfer 2']);
  t.same(lab.plan({}, { transferring: true }), []);
  t.same(lab.plan({}, { transferTriedMs: NOW - 4999 }), [], 'nothing can be written while it tries');
  t.same(lab.plan({}, { transferTriedMs: NOW - 5000 }), ['transfer 2']);
  t.same(lab.plan({}, { selfId: 2 }), ['addVoter 4, remove 1']);
});

t.test('the only voter goes once another votes beside it', async (t) => {
  const lab = new MembershipLab(some(2), conf([1], [2]));
  lab.cluster.apply({ type: 'hostLeave', name: 'n1' });
  t.same(lab.plan(), ['addVoter 2']);
  lab.confState = conf([1, 2]);
  t.same(lab.plan(), ['transfer 2']);
  t.same(lab.plan({}, { selfId: 2 }), ['remove 1']);
});

t.test('what is in the group and is no host is taken out', async (t) => {
  t.same(new MembershipLab(some(1), conf([1], [9])).plan(), ['remove 9']);
  t.same(new MembershipLab(some(4), conf([1, 2, 9], [3, 4])).plan(), ['addVoter 3, remove 9']);
});
