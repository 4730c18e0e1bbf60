import t from 'tap';
import { Backoff } from './backoff.ts';
import { Host } from './model-host.test-data.ts';

/** A host whose VM has booted. */
function booted(changes: Parameters<Host['run']>[1] = {}): Host {
  const host = new Host();
  host.run('web', changes);
  host.settle();
  host.driver.boot();
  host.settle();
  return host;
}

/** Lets the process end, and time pass until it is started again. */
function crashAndWait(host: Host, waitMs = 61_000): string[] {
  host.driver.crash('web', host.nowMs);
  const at = host.settle();
  host.nowMs += waitMs;
  return [...at, ...host.settle()];
}

const limited = { policy: 'always', maxRestarts: 2, windowSeconds: 3600 } as const;

t.test('after so many restarts within the window n3x gives up, until a user starts it', (t) => {
  const host = booted({ restart: limited });
  t.same(crashAndWait(host), ['start web']);
  t.equal(host.vm().status.startedAgain, 1);
  t.same(crashAndWait(host), ['start web']);
  t.same(crashAndWait(host), []);
  t.match(host.vm().status, {
    phase: 'failed',
    reason: 'GaveUp',
    message:
      'started again 2 times within 1 h, and the process ended with code 1 once more; n3x has given up: see `n3xctl vm logs web`, then `n3xctl vm start web`',
  });
  t.ok([...host.cluster.state.events()].some((event) => event.reason === 'GaveUp' && event.severity === 'error'));
  host.nowMs += 1e8;
  t.same(host.settle(), [], 'however long it takes');
  host.backoff = new Backoff();
  t.same(host.settle(), [], 'and whatever the daemon forgets');
  host.cluster.apply({ type: 'vmSetPower', name: 'web', power: 'running' });
  t.same(host.settle(), ['start web']);
  host.driver.boot();
  host.settle();
  t.match(host.vm().status, { phase: 'running', reason: '' });
  t.equal(host.vm().status.halt, undefined);
  t.same(crashAndWait(host), ['start web'], 'and the count begins anew');
  t.equal(host.vm().status.startedAgain, 1);
  t.end();
});

t.test('restarted by a user it runs again too, and so does one that was stopped and started', (t) => {
  const host = booted({ restart: { ...limited, maxRestarts: 1 } });
  crashAndWait(host);
  crashAndWait(host);
  t.equal(host.vm().status.reason, 'GaveUp');
  host.cluster.apply({ type: 'vmRestart', name: 'web' });
  t.same(host.settle(), ['start web']);
  crashAndWait(host);
  crashAndWait(host);
  t.equal(host.vm().status.reason, 'GaveUp');
  host.cluster.apply({ type: 'vmSetPower', name: 'web', power: 'stopped' });
  t.same(host.settle(), ['stop web']);
  t.match(host.vm().status, { phase: 'stopped', reason: '' });
  host.cluster.apply({ type: 'vmSetPower', name: 'web', power: 'running' });
  t.same(host.settle(), ['start web']);
  t.end();
});

t.test('stopped and started before its host looks: that is a wish too', (t) => {
  const host = booted({ restart: { policy: 'never', maxRestarts: 10, windowSeconds: 600 } });
  host.driver.crash('web', host.nowMs);
  host.settle();
  t.equal(host.vm().status.reason, 'Exited');
  host.cluster.apply({ type: 'vmSetPower', name: 'web', power: 'stopped' });
  host.cluster.apply({ type: 'vmSetPower', name: 'web', power: 'running' });
  t.same(host.settle(), ['start web']);
  t.end();
});

t.test('a stable time makes the next restart the first', (t) => {
  const host = booted({ restart: limited });
  crashAndWait(host);
  crashAndWait(host);
  host.nowMs += 3_600_000;
  host.settle();
  t.equal(host.vm().status.startedAgain, undefined);
  t.same(crashAndWait(host), ['start web']);
  t.end();
});

t.test('the pause between restarts survives the daemon', (t) => {
  const host = booted({ restart: { ...limited, maxRestarts: 9 } });
  for (let i = 0; i < 3; i++) crashAndWait(host, 5000);
  host.driver.crash('web', host.nowMs);
  host.backoff = new Backoff();
  t.same(host.settle(), []);
  t.match(host.vm().status, { reason: 'Exited', message: /started again 8 s after its last start, restart 4 of 9/ });
  host.nowMs += 8000;
  t.same(host.settle(), ['start web']);
  host.driver.crash('web', host.nowMs);
  host.backoff = new Backoff();
  host.nowMs -= 1e6;
  t.same(host.settle(), ['start web'], 'a clock that was put back does not hold it up');
  t.end();
});

t.test('never: it is left as it ended', (t) => {
  for (const [code, phase] of [
    [0, 'stopped'],
    [1, 'failed'],
  ] as const) {
    const host = booted({ restart: { policy: 'never', maxRestarts: 10, windowSeconds: 600 } });
    host.driver.crash('web', host.nowMs, code);
    t.same(host.settle(), []);
    t.match(host.vm().status, {
      phase,
      reason: 'Exited',
      message: `the process ended with code ${code}, and its restart policy is never: \`n3xctl vm start web\` starts it again`,
    });
    host.backoff = new Backoff();
    host.nowMs += 1e7;
    t.same(host.settle(), []);
  }
  t.end();
});

t.test('on-failure: again after a failure, not after a clean end', (t) => {
  const host = booted({ restart: { policy: 'on-failure', maxRestarts: 10, windowSeconds: 600 } });
  t.same(crashAndWait(host), ['start web']);
  host.driver.crash('web', host.nowMs, 0);
  t.same(host.settle(), []);
  t.match(host.vm().status, { phase: 'stopped', reason: 'Exited', message: /policy is on-failure/ });
  t.end();
});

t.test('what is halted stays so on another host', (t) => {
  const host = booted({ restart: { policy: 'never', maxRestarts: 10, windowSeconds: 600 } });
  host.driver.crash('web', host.nowMs, 0);
  host.settle();
  host.driver.vms.clear();
  const vm = host.vm();
  host.cluster.state.put({ ...vm, assignment: { hostId: 1, epoch: (vm.assignment?.epoch ?? 0) + 1 } });
  t.same(host.settle(), [], 'nothing is built or started');
  t.match(host.vm().status, { phase: 'stopped', reason: 'Exited' });
  host.cluster.apply({ type: 'vmSetPower', name: 'web', power: 'running' });
  t.same(host.settle(), ['build web', 'start web']);
  t.end();
});

t.test('a guest that is not ready in time is unhealthy, and says what its probe said', (t) => {
  const host = new Host();
  host.run('web', { readyTimeoutSeconds: 10 });
  host.settle();
  host.nowMs += 9999;
  host.settle();
  t.match(host.vm().status, { phase: 'starting', reason: '' });
  host.driver.probe('web', 'tcp port 22: refused');
  host.settle();
  t.match(host.vm().status, { phase: 'starting', reason: 'NotReadyYet', message: 'tcp port 22: refused' });
  host.nowMs += 1;
  t.same(host.settle(), []);
  t.match(host.vm().status, {
    phase: 'unhealthy',
    reason: 'NotReadyInTime',
    message: 'not ready 10 s after its start: tcp port 22: refused',
  });
  host.driver.boot();
  host.driver.probe('web');
  host.settle();
  t.match(host.vm().status, { phase: 'running', reason: '' });
  t.end();
});

t.test('a guest whose probe fails is unhealthy and left alone, unless it is to be restarted', (t) => {
  const host = booted();
  host.driver.probe('web', 'http port 80: 503');
  host.nowMs += 1e6;
  t.same(host.settle(), []);
  t.match(host.vm().status, { phase: 'unhealthy', reason: 'ProbeFails', message: 'http port 80: 503' });
  host.nowMs += 1e6;
  t.same(host.settle(), []);
  host.driver.probe('web');
  host.settle();
  t.match(host.vm().status, { phase: 'running', reason: '' });
  t.end();
});

t.test('restarted for being unhealthy for long; that counts as a failure', (t) => {
  const host = booted({ restart: { ...limited, policy: 'on-failure', maxRestarts: 1, unhealthySeconds: 30 } });
  host.driver.probe('web', 'tcp port 22: refused');
  t.same(host.settle(), []);
  host.nowMs += 29_999;
  t.same(host.settle(), []);
  host.nowMs += 1;
  const [stop] = host.look().actions;
  if (stop === undefined) throw new Error('a stop');
  host.inFlight.set('web', stop);
  t.match(host.look().reports, [{ status: { phase: 'stopping', reason: 'Unhealthy' } }]);
  host.inFlight.clear();
  t.same(host.settle(), ['stop web', 'start web']);
  t.equal(host.vm().status.startedAgain, 1);
  host.driver.boot();
  host.settle();
  host.driver.probe('web', 'tcp port 22: refused');
  host.settle();
  host.nowMs += 30_000;
  t.same(host.settle(), ['stop web']);
  t.match(host.vm().status, {
    phase: 'failed',
    reason: 'GaveUp',
    message: /started again once .* was stopped for being unhealthy/,
  });
  t.end();
});
