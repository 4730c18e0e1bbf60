import t from 'tap';
import type { ObservedVm } from '../ports/driver.ts';
import { FencedEnds } from './fenced-ends.ts';
import { Host } from './model-host.test-data.ts';

const HELD = { nowMs: 0, untilMs: 1, problem: null };
const LAPSED = { nowMs: 1, untilMs: 1, problem: null };

function gone(exit?: Partial<NonNullable<ObservedVm['lastExit']>>): ObservedVm {
  return { name: 'web', ready: false, lastExit: { code: null, signal: 'SIGKILL', atMs: 1, ...exit } };
}

t.test('what is killed while the host has no lease was ended by the switch, until it is started', async (t) => {
  const ends = new FencedEnds();
  ends.observed([gone()], HELD);
  t.notOk(ends.names.has('web'), 'not while there is a lease');
  ends.observed([gone({ signal: 'SIGTERM' })], LAPSED);
  t.notOk(ends.names.has('web'), 'the switch only kills');
  ends.observed([gone({ signal: null })], LAPSED);
  t.ok(ends.names.has('web'), 'nobody may have seen it');
  ends.observed([gone()], HELD);
  t.ok(ends.names.has('web'));
  ends.observed([{ name: 'web', ready: false, process: { pid: 7, startedAtMs: 1 } }], HELD);
  t.notOk(ends.names.has('web'));
  ends.observed([gone()], LAPSED);
  ends.observed([], LAPSED);
  t.same([...ends.names], []);
});

t.test('without a lease nothing is started that is fenced; with one it is, whatever the restart policy', async (t) => {
  const host = new Host();
  host.run('web', { restart: { policy: 'never' } });
  host.lease = { ...LAPSED, ended: new Set() };
  host.settle();
  t.match(host.vm().status, {
    phase: 'starting',
    reason: 'WaitsForLease',
    message: 'its host asks the leader for a lease',
  });
  host.lease = { ...LAPSED, problem: 'systemd-run failed', ended: new Set() };
  host.settle();
  t.match(host.vm().status, { phase: 'failed', reason: 'FenceFailed', message: /systemd-run failed$/ });
  host.lease = { ...HELD, ended: new Set() };
  t.ok(host.settle().includes('start web'));
});

t.test('a VM that stays needs no lease', async (t) => {
  const host = new Host();
  host.run('web', { failover: 'stay' });
  host.lease = { ...LAPSED, ended: new Set() };
  t.ok(host.settle().includes('start web'));
});
