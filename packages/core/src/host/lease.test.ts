import t from 'tap';
import type { LeaseGrantMessage } from '../wire/peer-message.ts';
import { HostLease } from './lease.ts';

function grant(sequence: number, changes: Partial<LeaseGrantMessage> = {}): LeaseGrantMessage {
  return { type: 'leaseGrant', bootId: 'b1', sequence, index: 10, holdMs: 5_000, renewMs: 1_500, ...changes };
}

t.test('a lease lasts from the sending of the renewal, not from its answer', (t) => {
  const lease = new HostLease('b1');
  t.match(lease.renew(1_000), { type: 'leaseRenew', bootId: 'b1', sequence: 1 });
  lease.granted(grant(1));
  t.equal(lease.wantsArmed(10, 3_000), 6_000);
  t.equal(lease.untilMs, Number.NEGATIVE_INFINITY, 'not before the switch is armed');
  t.equal(lease.wantsArmed(10, 3_000), undefined, 'one order at a time');
  lease.armed(6_000, null);
  t.equal(lease.untilMs, 6_000);
  t.end();
});

t.test('a lease counts once the state is as new as the leader was', (t) => {
  const lease = new HostLease('b1');
  lease.renew(1_000);
  lease.granted(grant(1, { index: 11 }));
  t.equal(lease.wantsArmed(10, 1_100), undefined);
  t.equal(lease.wantsArmed(11, 1_200), 6_000);
  t.end();
});

t.test('an answer to an earlier run of the daemon, to an older request or twice counts for nothing', (t) => {
  const lease = new HostLease('b1');
  lease.renew(1_000);
  lease.granted(grant(1, { bootId: 'b0' }));
  t.equal(lease.wantsArmed(10, 1_100), undefined);
  lease.renew(2_500);
  lease.granted(grant(2));
  lease.granted(grant(1));
  t.equal(lease.wantsArmed(10, 2_600), 7_500);
  lease.armed(7_500, null);
  lease.granted(grant(2, { holdMs: 50_000 }));
  t.equal(lease.wantsArmed(10, 2_700), undefined);
  t.end();
});

t.test('it asks each renewal interval, more often without a lease, at once when there is another leader', (t) => {
  const lease = new HostLease('b1');
  t.ok(lease.renew(0));
  t.notOk(lease.renew(499));
  t.ok(lease.renew(500));
  lease.granted(grant(2));
  lease.wantsArmed(10, 600);
  lease.armed(5_500, null);
  t.notOk(lease.renew(1_999));
  t.ok(lease.renew(2_000));
  lease.hurry();
  t.ok(lease.renew(2_001));
  t.end();
});

t.test('it asks no more often for a grant that nothing here needs to be armed for', (t) => {
  const lease = new HostLease('b1');
  lease.renew(0);
  lease.granted(grant(1));
  t.notOk(lease.renew(1_499));
  t.ok(lease.renew(1_500));
  t.notOk(lease.renew(2_999));
  t.ok(lease.renew(5_000), 'the grant is over');
  t.ok(lease.renew(5_500), 'and is asked for again soon');
  t.end();
});

t.test('a switch that does not arm leaves the lease as it was, and says why', (t) => {
  const lease = new HostLease('b1');
  lease.renew(0);
  lease.granted(grant(1));
  lease.wantsArmed(10, 10);
  lease.armed(5_000, null);
  lease.renew(1_500);
  lease.granted(grant(2));
  t.equal(lease.wantsArmed(10, 1_510), 6_500);
  lease.armed(6_500, 'no timer');
  t.equal(lease.untilMs, 5_000);
  t.equal(lease.problem, 'no timer');
  t.equal(lease.wantsArmed(10, 1_600), undefined, 'the next grant tries again');
  lease.renew(3_000);
  lease.granted(grant(3));
  t.equal(lease.wantsArmed(10, 3_010), 8_000);
  lease.armed(8_000, null);
  t.equal(lease.problem, null);
  t.end();
});

t.test('a grant that comes too late is not armed for', (t) => {
  const lease = new HostLease('b1');
  lease.renew(0);
  lease.granted(grant(1));
  t.equal(lease.wantsArmed(10, 5_000), undefined);
  t.end();
});
