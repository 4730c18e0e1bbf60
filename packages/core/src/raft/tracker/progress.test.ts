import fc from 'fast-check';
import t from 'tap';
import { Inflights } from './inflights.ts';
import { Progress } from './progress.ts';

t.test('the window behaves like a list', (t) => {
  const command = fc.oneof(
    fc.record({ add: fc.nat(9) }),
    fc.record({ free: fc.nat(40) }),
    fc.constant('reset' as const),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 60 }),
      fc.array(command),
      (count, bytes, list) => {
        const window = new Inflights(count, bytes);
        let model: { index: number; size: number }[] = [];
        let next = 1;
        for (const c of list) {
          if (c === 'reset') {
            window.reset();
            model = [];
          } else if ('free' in c) {
            window.freeTo(c.free);
            model = model.filter(({ index }) => index > c.free);
          } else if (!window.full()) {
            window.add(next, c.add);
            model.push({ index: next++, size: c.add });
          }
          const sum = model.reduce((total, { size }) => total + size, 0);
          if (window.count !== model.length || window.bytes !== sum) return false;
          if (window.full() !== (model.length >= count || sum >= bytes)) return false;
        }
        return true;
      },
    ),
  );
  const full = new Inflights(1, 10);
  full.add(1, 1);
  t.throws(() => full.add(2, 1), { name: 'InvariantError' });
  t.end();
});

const follower = (match: number, next: number): Progress =>
  new Progress({ match, next, isLearner: false, maxInflightMsgs: 2, maxInflightBytes: 100 });

t.test('a probed follower gets one message with entries at a time', (t) => {
  const pr = follower(3, 6);
  pr.sentEntries(0, 0);
  t.notOk(pr.isPaused(), 'an empty one does not count');
  pr.sentEntries(2, 20);
  t.ok(pr.isPaused());
  t.equal(pr.next, 6, 'nothing is assumed to arrive');
  t.equal(pr.describe(), 'StateProbe match=3 next=6 paused inactive');
  t.end();
});

t.test('replication runs ahead until the window is full', (t) => {
  const pr = follower(3, 6);
  pr.becomeReplicate();
  t.equal(pr.next, 4);
  pr.sentEntries(2, 20);
  t.equal(pr.next, 6);
  pr.sentEntries(1, 10);
  t.ok(pr.isPaused());
  t.equal(pr.describe(), 'StateReplicate match=3 next=7 paused inactive inflight=2[full]');
  t.ok(pr.maybeUpdate(5));
  pr.inflights.freeTo(5);
  t.notOk(pr.isPaused());
  t.notOk(pr.maybeUpdate(5), 'old news');
  t.end();
});

t.test('a refusal sets the next probe, unless it is stale', (t) => {
  const probe = follower(3, 9);
  t.notOk(probe.maybeDecreaseTo(5, 4), 'not for the last probe');
  t.ok(probe.maybeDecreaseTo(8, 5));
  t.equal(probe.next, 6);
  t.ok(probe.maybeDecreaseTo(5, 1));
  t.equal(probe.next, 4, 'never below what matches');
  const stream = follower(3, 9);
  stream.becomeReplicate();
  stream.sentEntries(4, 1);
  t.notOk(stream.maybeDecreaseTo(3, 2));
  t.ok(stream.maybeDecreaseTo(7, 5));
  t.equal(stream.next, 4);
  t.end();
});

t.test('after a snapshot the probe starts behind it, after a failed one where it was', (t) => {
  const sent = follower(3, 4);
  sent.becomeSnapshot(10);
  t.ok(sent.isPaused());
  sent.becomeProbe();
  t.equal(sent.next, 11);
  const failed = follower(3, 4);
  failed.becomeSnapshot(10);
  failed.pendingSnapshot = 0;
  failed.becomeProbe();
  t.equal(failed.next, 4);
  t.end();
});

t.test('an empty message is worth sending only if it can move the commit index', (t) => {
  const pr = follower(5, 6);
  t.ok(pr.canBumpCommit(4));
  pr.sentCommit(4);
  t.notOk(pr.canBumpCommit(4));
  t.ok(pr.canBumpCommit(9));
  pr.sentCommit(9);
  t.notOk(pr.canBumpCommit(12), 'the follower can commit no further than it holds');
  pr.becomeProbe();
  t.notOk(pr.canBumpCommit(12));
  t.end();
});
