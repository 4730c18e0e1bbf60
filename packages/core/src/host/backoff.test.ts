import t from 'tap';
import { SampleCluster } from '../machine/sample.ts';
import type { DriverAction, DriverOutcome } from '../ports/driver.ts';
import { Backoff, backoffDelay, purposeOf } from './backoff.ts';
import { driverVm } from './want.ts';

const FAILED: DriverOutcome = { ok: false, reason: 'BuildFailed', message: 'no', retriable: true };
const OK: DriverOutcome = { ok: true };

function start(restarts = 0): DriverAction {
  const cluster = new SampleCluster();
  cluster.create('web');
  const vm = cluster.state.vm('web');
  if (vm === undefined) throw new Error('created');
  return { type: 'start', vm: driverVm(vm, 5), restarts };
}

function wait(backoff: Backoff, action: DriverAction, nowMs: number): number | undefined {
  const attempt = backoff.attempt('web', action.type, purposeOf(action));
  return attempt === undefined ? undefined : attempt.notBeforeMs - nowMs;
}

t.test('the delay doubles from one second to a minute', (t) => {
  t.same([1, 2, 3, 6, 7, 1000].map(backoffDelay), [1000, 2000, 4000, 32_000, 60_000, 60_000]);
  t.end();
});

t.test('attempts in a row wait longer; for another purpose they count anew', (t) => {
  const backoff = new Backoff();
  t.equal(wait(backoff, start(), 0), undefined);
  backoff.ended(start(), FAILED, 0);
  t.equal(wait(backoff, start(), 0), 1000);
  backoff.ended(start(), FAILED, 5000);
  t.equal(wait(backoff, start(), 5000), 2000);
  t.equal(wait(backoff, start(1), 5000), undefined);
  t.end();
});

t.test('what cannot succeed is not tried again', (t) => {
  const backoff = new Backoff();
  backoff.ended(start(), { ...FAILED, retriable: false }, 0);
  t.equal(wait(backoff, start(), 0), Number.POSITIVE_INFINITY);
  t.end();
});

t.test('a minute of running makes the next start the first; a minute of waiting does not', (t) => {
  const backoff = new Backoff();
  const up = { name: 'web', ready: true, process: { pid: 1, startedAtMs: 0 } };
  for (const nowMs of [0, 1000, 3000]) backoff.ended(start(), OK, nowMs);
  t.equal(wait(backoff, start(), 3000), 4000);
  backoff.observed([{ name: 'web', ready: false }], 90_000);
  backoff.ended(start(), OK, 90_000);
  t.equal(wait(backoff, start(), 90_000), 8000);
  backoff.observed([up], 150_000);
  backoff.ended(start(), OK, 200_000);
  t.equal(wait(backoff, start(), 200_000), 1000);
  t.end();
});

t.test('what was seen before an action ended is out of date', (t) => {
  const backoff = new Backoff();
  backoff.ended(start(), OK, 0);
  t.ok(backoff.stale('web'));
  backoff.observed([], 1);
  t.notOk(backoff.stale('web'));
  t.end();
});

t.test('what went is forgotten', (t) => {
  const backoff = new Backoff();
  backoff.ended(start(), FAILED, 0);
  backoff.keep(new Set(['web']));
  t.equal(wait(backoff, start(), 0), 1000);
  backoff.keep(new Set());
  t.equal(wait(backoff, start(), 0), undefined);
  backoff.ended(start(), FAILED, 0);
  backoff.ended({ type: 'remove', name: 'web', uid: 'uid-web' }, OK, 1);
  t.equal(wait(backoff, start(), 1), undefined);
  t.end();
});
