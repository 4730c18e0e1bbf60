import { N3xError } from '@n3x/core/base/errors';
import t from 'tap';
import { call, FLAKE_SPEC, serve, TestCluster } from './test-cluster.ts';

t.test('the host that answers', async (t) => {
  const { socket, cluster } = await serve(t);
  t.match((await call(socket, 'GET', '/v1/version')).json, { version: '0.1.0', api: 'v1', commandFormats: [2, 2] });
  t.match((await call(socket, 'GET', '/v1/health')).json, { status: 'ok' });
  t.match((await call(socket, 'GET', '/v1/local')).json, { name: 'n1', hostId: 1, role: 'leader' });
  cluster.quorum = false;
  t.match((await call(socket, 'GET', '/v1/health')).json, { status: 'noLeader' });
  t.match(await call(socket, 'GET', '/v1/health?deep=1'), { status: 400, json: { error: { code: 'N3X_INVALID' } } });
});

t.test('before there is a cluster', async (t) => {
  const { socket } = await serve(t, { init: false });
  t.match((await call(socket, 'GET', '/v1/health')).json, { status: 'notInitialised' });
  t.match((await call(socket, 'GET', '/v1/local')).json, { initialised: false, hostId: null });
  const needing = ['GET /v1/cluster', 'GET /v1/hosts', 'GET /v1/hosts/n1', 'GET /v1/vms?consistency=stale'];
  needing.push('GET /v1/vms/web', 'GET /v1/events', 'GET /v1/tokens', 'GET /v1/watch', 'GET /v1/vms/web/logs');
  needing.push('DELETE /v1/vms/web', 'POST /v1/vms/web/start', 'POST /v1/tokens', 'POST /v1/cluster/leave');
  for (const line of needing) {
    const [method = '', path = ''] = line.split(' ');
    t.match(await call(socket, method, path), { status: 412, json: { error: { code: 'N3X_NOT_INITIALISED' } } }, line);
  }
  const created = await call(socket, 'POST', '/v1/vms', { name: 'web', spec: FLAKE_SPEC });
  t.match(created, { status: 412, json: { error: { code: 'N3X_NOT_INITIALISED' } } });
});

t.test('init, join, leave', async (t) => {
  const { socket } = await serve(t, { init: false });
  t.match(await call(socket, 'POST', '/v1/cluster/join', {}), {
    status: 400,
    json: { error: { message: 'token: is missing' } },
  });
  t.match(await call(socket, 'POST', '/v1/cluster/join', { token: 'forged' }), {
    status: 403,
    json: { error: { code: 'N3X_TOKEN_INVALID' } },
  });
  t.match(await call(socket, 'POST', '/v1/cluster/init', { name: 'Lab' }), { status: 400 });
  t.match(await call(socket, 'POST', '/v1/cluster/init'), {
    status: 200,
    json: { clusterName: 'n3x', hostId: 1, name: 'n1' },
  });
  t.match(await call(socket, 'POST', '/v1/cluster/init', { name: 'lab' }), {
    status: 409,
    json: { error: { code: 'N3X_ALREADY_MEMBER' } },
  });
  t.match(await call(socket, 'POST', '/v1/cluster/leave'), { status: 422, json: { error: { code: 'N3X_REFUSED' } } });
  t.match(await call(socket, 'POST', '/v1/cluster/leave', { host: 'n3' }), {
    status: 404,
    json: { error: { details: { suggestion: 'n1' } } },
  });
  const joining = await serve(t, { init: false });
  t.match(await call(joining.socket, 'POST', '/v1/cluster/join', { token: 'good' }), {
    status: 200,
    json: { clusterName: 'joined' },
  });
});

t.test('the cluster, its hosts and its history', async (t) => {
  const { socket, cluster } = await serve(t);
  cluster.addHost('n2', 'peer-2');
  const status = await call(socket, 'GET', '/v1/cluster');
  t.match(status.json, {
    cluster: { name: 'lab' },
    leader: { id: 1, name: 'n1' },
    quorum: { voters: 2, needed: 2, reachable: 2 },
    vmsByPhase: {},
    stale: false,
  });
  t.equal(status.at('hosts.length'), 2);
  const hosts = await call(socket, 'GET', '/v1/hosts');
  t.match(hosts.at('items.0'), { name: 'n1', leader: true, capacity: { vcpu: 7, memoryMib: 7680 }, free: { vcpu: 7 } });
  t.equal(hosts.at('index'), cluster.state?.index);
  t.match((await call(socket, 'GET', '/v1/hosts/n2')).json, { name: 'n2', leader: false, vms: 0 });
  t.match(await call(socket, 'GET', '/v1/hosts/n3'), {
    status: 404,
    json: { error: { code: 'N3X_NOT_FOUND', message: 'host n3 does not exist: did you mean n1?' } },
  });
  const events = await call(socket, 'GET', '/v1/events?limit=1');
  t.equal(events.at('items.length'), 1, 'the newest only');
  t.equal(events.at('items.0.about.name'), 'n2');
  t.equal((await call(socket, 'GET', '/v1/events?kind=cluster')).at('items.0.reason'), 'ClusterCreated');
  t.equal((await call(socket, 'GET', '/v1/events?name=nobody')).at('items.length'), 0);
  t.match(await call(socket, 'GET', '/v1/events?limit=0'), {
    status: 400,
    json: { error: { message: 'limit: must be at least 1 (got 0)' } },
  });
});

t.test('tokens never show their secret', async (t) => {
  const { socket, cluster } = await serve(t);
  const made = await call(socket, 'POST', '/v1/tokens', { role: 'agent', ttlSeconds: 60 });
  t.match(made, { status: 200, json: { token: 'n3x-secret', id: '00112233445566aa', expiresAtMs: 62_000 } });
  const list = await call(socket, 'GET', '/v1/tokens');
  t.match(list.at('items'), [{ id: '00112233445566aa', role: 'agent', state: 'expired' }]);
  t.notMatch(list.text, /secretHash|cccc/);
  cluster.addHost('n2', 'peer-2');
  t.match((await call(socket, 'GET', '/v1/tokens')).at('items.1'), {
    state: 'used',
    usedBy: { peerId: 'peer-2', hostName: 'n2' },
  });
  t.match(await call(socket, 'POST', '/v1/tokens', { ttlSeconds: 9 }), { status: 400 });
  t.match(await call(socket, 'DELETE', '/v1/tokens/zz'), {
    status: 400,
    json: { error: { message: /^id: a token id is 16 hex digits.*\(got "zz"\)$/ } },
  });
  t.match(await call(socket, 'DELETE', '/v1/tokens/00112233445566aa'), { status: 200, json: { changed: true } });
  t.match(await call(socket, 'DELETE', '/v1/tokens/00112233445566aa'), { status: 404 });
});

t.test('a VM from wish to end', async (t) => {
  const { socket, cluster, host } = await serve(t);
  const wish = { name: 'web', spec: FLAKE_SPEC };
  const made = await call(socket, 'POST', '/v1/vms', wish);
  t.match(made, { status: 201, json: { changed: true, vm: { name: 'web', phase: 'pending', hostName: null } } });
  t.equal(made.at('index'), cluster.state?.index);
  t.match(await call(socket, 'POST', '/v1/vms', wish), { status: 200, json: { changed: false } }, 'as it is');
  const other = await call(socket, 'POST', '/v1/vms', { ...wish, spec: { ...FLAKE_SPEC, vcpu: 2 } });
  t.match(other, { status: 409, json: { error: { code: 'N3X_CONFLICT', message: /vcpu/ } } });

  cluster.assign('web', 1);
  t.match((await call(socket, 'GET', '/v1/vms/web')).json, { name: 'web', hostName: 'n1' });
  t.match((await call(socket, 'GET', '/v1/vms')).json, { items: [{ name: 'web' }], stale: false });
  t.match((await call(socket, 'GET', '/v1/hosts/n1')).json, { vms: 1, used: { vcpu: 1, memoryMib: 512 } });

  t.match(await call(socket, 'POST', '/v1/vms/web/stop'), { status: 200, json: { vm: { power: 'stopped' } } });
  t.match(await call(socket, 'POST', '/v1/vms/web/stop', {}), { status: 200, json: { changed: false } });
  t.match(await call(socket, 'POST', '/v1/vms/web/start'), { json: { changed: true, vm: { power: 'running' } } });
  t.match(await call(socket, 'POST', '/v1/vms/web/restart'), { json: { vm: { restarts: 1 } } });
  t.match(await call(socket, 'POST', '/v1/vms/web/restart?ifModifiedIndex=1'), {
    status: 409,
    json: { error: { code: 'N3X_CONFLICT' } },
  });
  t.match(await call(socket, 'POST', '/v1/vms/web/restart', { hard: true }), {
    status: 400,
    json: { error: { message: 'this request takes no body' } },
  });
  t.match(await call(socket, 'DELETE', '/v1/vms/web'), { status: 200, json: { changed: true } });
  t.match((await call(socket, 'GET', '/v1/vms/web')).json, { deleting: true });
  t.equal(host.commands.at(-1)?.command.type, 'vmDelete');
});

t.test('a VM that does not exist gets the name that does', async (t) => {
  const { socket } = await serve(t);
  await call(socket, 'POST', '/v1/vms', { name: 'web', spec: FLAKE_SPEC });
  const lines = ['GET /v1/vms/wbe', 'DELETE /v1/vms/wbe', 'POST /v1/vms/wbe/start', 'POST /v1/vms/wbe/stop'];
  for (const line of [...lines, 'POST /v1/vms/wbe/restart', 'GET /v1/vms/wbe/logs']) {
    const [method = '', path = ''] = line.split(' ');
    const wanted = {
      status: 404,
      json: {
        error: {
          code: 'N3X_NOT_FOUND',
          message: 'VM wbe does not exist: did you mean web?',
          details: { kind: 'vm', name: 'wbe', suggestion: 'web' },
        },
      },
    };
    t.match(await call(socket, method, path), wanted, line);
  }
  t.match((await call(socket, 'GET', '/v1/vms/nothing')).at('error.message'), /`n3xctl vm list` shows/);
});

t.test('a wish that cannot be is refused in one line, and nothing changes', async (t) => {
  const { socket, cluster, host } = await serve(t);
  const before = cluster.state?.index;
  const cases: [spec: unknown, message: RegExp][] = [
    [{ ...FLAKE_SPEC, vcpu: 0 }, /^spec\.vcpu: must be at least 1 \(got 0\)$/],
    [{ source: { ...FLAKE_SPEC.source, ref: './vms' } }, /^spec\.source\.ref: the relative path \.\/vms means nothing/],
    [{ source: { ...FLAKE_SPEC.source, ref: 'path:../vms' } }, /relative path/],
    [{ source: { ...FLAKE_SPEC.source, ref: '.' } }, /relative path/],
    [{ source: { ...FLAKE_SPEC.source, ref: '~/vms' } }, /relative path/],
    [{ source: { ...FLAKE_SPEC.source, ref: 'git+file:vms' } }, /relative path/],
    [
      { source: { kind: 'inline', nixpkgs: './n', microvm: './m' } },
      /^spec\.source\.nixpkgs:.*; spec\.source\.microvm:/,
    ],
    [
      { source: { kind: 'inline', modules: [{ kind: 'flake', ref: './m', attribute: 'x' }] } },
      /^spec\.source\.modules\[0\]\.ref: /,
    ],
    [{ ...FLAKE_SPEC, readiness: { type: 'console', pattern: '(' } }, /^spec\.readiness\.pattern: Invalid regular/],
    [undefined, /^spec: is missing$/],
  ];
  for (const [spec, message] of cases) {
    const answer = await call(socket, 'POST', '/v1/vms', { name: 'web', spec });
    t.match(answer, { status: 400, json: { error: { code: 'N3X_INVALID', message } } }, String(message));
    t.ok(answer.at('error.details.issues.0') !== undefined);
    t.notMatch(answer.at('error.message'), /\n/);
  }
  for (const ref of ['github:me/vms', 'nixpkgs', '/srv/vms', 'path:/srv/vms', 'git+file:///srv/vms?ref=main', 'a/b']) {
    const source = { ...FLAKE_SPEC.source, ref };
    const name = `ok-${ref.replace(/[^a-z]/g, '-')}x`;
    t.equal((await call(socket, 'POST', '/v1/vms', { name, spec: { source } })).status, 201, ref);
  }
  const nowhere = { ...FLAKE_SPEC, placement: { host: 'n3' } };
  t.match(await call(socket, 'POST', '/v1/vms', { name: 'web', spec: nowhere }), {
    status: 404,
    json: { error: { message: /host n3.*did you mean n1\?$/ } },
  });
  t.equal(host.commands.length, 7);
  t.ok((cluster.state?.index ?? 0) > (before ?? 0));
  t.equal(cluster.state?.vm('web'), undefined);
});

t.test('without a quorum', async (t) => {
  const { socket, cluster } = await serve(t);
  await call(socket, 'POST', '/v1/vms', { name: 'web', spec: FLAKE_SPEC });
  cluster.quorum = false;
  t.match(await call(socket, 'GET', '/v1/vms'), { status: 503, json: { error: { code: 'N3X_NO_QUORUM' } } });
  t.match(await call(socket, 'POST', '/v1/vms/web/stop'), { status: 503 });
  const stale = await call(socket, 'GET', '/v1/vms?consistency=stale');
  t.match(stale, { status: 200, json: { stale: true, items: [{ name: 'web', power: 'running' }] } });
  for (const path of ['/v1/hosts', '/v1/tokens', '/v1/events', '/v1/cluster']) {
    t.match(await call(socket, 'GET', `${path}?consistency=stale`), { status: 200, json: { stale: true } }, path);
  }
  t.match((await call(socket, 'GET', '/v1/vms/web?consistency=stale')).json, { name: 'web' });
  t.match(await call(socket, 'GET', '/v1/vms?consistency=eventual'), {
    status: 400,
    json: { error: { message: 'consistency: must be one of linearizable, stale (got "eventual")' } },
  });
});

t.test('a retry with the same request id takes effect once', async (t) => {
  const { socket, host } = await serve(t);
  const id = { 'n3x-request-id': 'my-id:1' };
  await call(socket, 'POST', '/v1/vms', { name: 'web', spec: FLAKE_SPEC });
  const first = await call(socket, 'POST', '/v1/vms/web/restart', undefined, id);
  const second = await call(socket, 'POST', '/v1/vms/web/restart', undefined, id);
  t.equal(second.at('vm.restarts'), 1);
  t.equal(second.at('index'), first.at('index'));
  t.equal(first.headers['n3x-request-id'], 'my-id:1');
  const made = await call(socket, 'POST', '/v1/vms/web/restart');
  t.match(made.headers['n3x-request-id'], /^[A-Za-z0-9._:-]{1,64}$/, 'one is made when none is given');
  t.match(await call(socket, 'POST', '/v1/vms/web/restart', undefined, { 'n3x-request-id': 'a b' }), {
    status: 400,
    json: { error: { message: /^header n3x-request-id: / } },
  });
  await call(socket, 'POST', '/v1/vms/web/stop', undefined, { 'n3x-timeout-ms': '2500' });
  t.equal(host.commands.at(-1)?.options.timeoutMs, 2500);
  for (const wrong of ['99', '600001', 'soon', '-1']) {
    const headers = { 'n3x-timeout-ms': wrong };
    t.match(await call(socket, 'GET', '/v1/vms', undefined, headers), { status: 400 }, wrong);
  }
});

t.test('a host that lags behind its own change catches up, or says that it could not', async (t) => {
  const { socket, host, cluster } = await serve(t);
  host.afterCommand = (index) => index + 1;
  t.match(await call(socket, 'POST', '/v1/vms', { name: 'web', spec: FLAKE_SPEC }), { status: 201 });
  host.afterCommand = (index) => {
    cluster.quorum = false;
    return index + 1;
  };
  t.match(await call(socket, 'POST', '/v1/vms/web/stop'), {
    status: 503,
    json: { error: { code: 'N3X_NO_QUORUM', message: /^the change took effect/, details: { outcome: 'unknown' } } },
  });
  cluster.quorum = true;
  t.match(
    await call(socket, 'DELETE', '/v1/vms/web'),
    { status: 200 },
    'a deletion shows nothing, so it need not wait',
  );
});

t.test('errors of the daemon keep their code; defects are told apart and written down', async (t) => {
  const { socket, host, journal } = await serve(t);
  const stop = async () => await call(socket, 'POST', '/v1/vms/web/stop');
  host.failWith = new N3xError('N3X_OVERLOADED', 'too many requests wait', { details: { waiting: 9 } });
  const answer = await stop();
  t.match(answer, { status: 429, json: { error: { code: 'N3X_OVERLOADED', details: { waiting: 9 } } } });
  t.equal(answer.headers['retry-after'], '1');
  host.failWith = new N3xError('N3X_TIMEOUT', 'no answer in time', { details: { outcome: 'unknown' } });
  t.match(await stop(), { status: 504, json: { error: { details: { outcome: 'unknown' } } } });
  host.failWith = new TypeError('secret internals');
  const defect = await stop();
  t.match(defect, { status: 500, json: { error: { code: 'N3X_INTERNAL' } } });
  t.notMatch(defect.text, /secret/);
  t.match(journal.at(-1), { level: 'error', event: 'api.internal', fields: { error: 'secret internals' } });
});

t.test('a client that goes takes its request back', async (t) => {
  const { socket, host } = await serve(t, { cluster: new TestCluster() });
  let release = (): void => undefined;
  host.gate = new Promise((resolve) => {
    release = resolve;
  });
  const { request } = await import('node:http');
  const sent = request({ socketPath: socket, method: 'POST', path: '/v1/vms/web/stop', agent: false });
  sent.on('error', () => undefined);
  sent.end();
  while (host.commands.length === 0) await new Promise(setImmediate);
  const { signal } = host.commands[0]?.options ?? {};
  sent.destroy();
  while (signal?.aborted !== true) await new Promise(setImmediate);
  t.pass('aborted');
  release();
});

t.test('annotations are kept, read back and taken away', async (t) => {
  const { socket } = await serve(t);
  await call(socket, 'POST', '/v1/vms', { name: 'web', spec: { source: { kind: 'inline' } }, power: 'stopped' });
  const path = '/v1/vms/web/annotations';
  t.match(await call(socket, 'GET', path), { status: 200, json: { annotations: {}, stale: false } });
  t.match(await call(socket, 'POST', path, { set: { owner: 'kim', note: 'x' } }), {
    status: 200,
    json: { changed: true },
  });
  t.match(await call(socket, 'POST', path, { set: { note: null } }), { json: { changed: true } });
  const read = await call(socket, 'GET', path);
  t.same(read.at('annotations'), { owner: 'kim' });
  const stale = `${path}?ifModifiedIndex=${Number(read.at('modifiedIndex')) - 1}`;
  t.match(await call(socket, 'POST', stale, { set: { note: 'y' } }), { status: 409 });
  t.match(await call(socket, 'POST', path, { set: {} }), { status: 400 });
  const wrong = await call(socket, 'POST', path, { set: { 'a b': 'x' } });
  t.match(wrong.at('error.message'), /^set\."a b": an annotation key is 1 to 63 of /);
  t.match(await call(socket, 'POST', '/v1/vms/wbe/annotations', { set: { a: 'b' } }), { status: 404 });
  t.match(await call(socket, 'GET', '/v1/vms/wbe/annotations'), { status: 404, json: { error: { message: /web/ } } });
});
