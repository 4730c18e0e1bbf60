import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { ApiDouble, apiError, scratchDirectory } from '../testing/api-double.ts';
import { makeHost, makeStatus } from '../testing/objects.ts';
import { runCli } from '../testing/run-cli.ts';

const membership = { clusterId: '0123456789abcdef0123456789abcdef', clusterName: 'home', hostId: 1, name: 'n1' };

t.test('init and join', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('initCluster', () => membership).on('joinCluster', () => membership);
  const made = await runCli(['cluster', 'init', '--name', 'home', '--socket', api.socket]);
  t.same(made, { code: 0, stdout: `host n1 made cluster home (${membership.clusterId})\n`, stderr: '' });
  t.same(api.seen('initCluster')[0]?.body, { name: 'home' });
  const joined = await runCli(['cluster', 'join', 'n3x1.token', '--socket', api.socket, '-o', 'json']);
  t.same(JSON.parse(joined.stdout), membership);
  const stdin = new PassThrough();
  stdin.end('n3x1.piped\n');
  t.equal((await runCli(['cluster', 'join', '-', '--socket', api.socket], { stdin })).code, 0);
  t.same(
    api.seen('joinCluster').map((request) => request.body),
    [
      { token: 'n3x1.token', abandon: false },
      { token: 'n3x1.piped', abandon: false },
    ],
  );
});

t.test('refused tokens', async (t) => {
  const api = await ApiDouble.start(t);
  for (const [code, exit] of [
    [ERROR_CODES.tokenInvalid, 7],
    [ERROR_CODES.tokenUsed, 7],
    [ERROR_CODES.tokenExpired, 7],
    [ERROR_CODES.identity, 7],
    [ERROR_CODES.alreadyMember, 4],
    [ERROR_CODES.unreachable, 1],
  ] as const) {
    api.on('joinCluster', () => {
      throw apiError(code, `because ${code}`);
    });
    const result = await runCli(['cluster', 'join', 'x', '--socket', api.socket]);
    t.equal(result.code, exit, code);
    t.match(result.stderr, new RegExp(`^n3xctl: because ${code}\n`));
  }
  const used = await runCli(['cluster', 'join', ' ', '--socket', api.socket]);
  t.same([used.code, used.stderr], [2, 'n3xctl: the token is empty\n']);
});

t.test('status says how the quorum is', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('getCluster', () => makeStatus());
  const healthy = await runCli(['cluster', 'status', '--socket', api.socket]);
  t.match(healthy.stdout, /Cluster: +home \(0123/);
  t.match(healthy.stdout, /Leader: +n1\n/);
  t.match(healthy.stdout, /Quorum: +held: 3 of 3 voters reachable, tolerates 1 more failure\n/);
  t.match(healthy.stdout, /VMs: +3: 2 running, 1 pending\n/);
  t.match(healthy.stdout, /NAME +STATE +ROLE(?:.|\n)*n1 +up +server +leader +1 +1\/4 +512M\/7\.5G/);
  api.on('getCluster', () =>
    makeStatus({
      leader: null,
      quorum: { voters: 3, needed: 2, reachable: 1, note: null },
      hosts: [makeHost({ leader: false, reachable: false })],
      stale: true,
    }),
  );
  const lost = await runCli(['cluster', 'status', '--stale', '--socket', api.socket]);
  t.match(lost.stdout, /Quorum: +none known: this host hears of no leader/);
  t.match(lost.stdout, /Leader: +none/);
  t.match(lost.stdout, /n1 +unreachable/);
  t.match(lost.stderr, /^stale: as of index 12/);
});

t.test('leave names its host, and refuses to guess among several', async (t) => {
  const api = await ApiDouble.start(t);
  const other = await ApiDouble.start(t);
  api.on('leaveCluster', () => ({ changed: true, index: 4 }));
  const one = await runCli(['cluster', 'leave', '--socket', api.socket]);
  t.same(one, { code: 0, stdout: 'this host: leaves the cluster\n', stderr: '' });
  const named = await runCli(['cluster', 'leave', 'n2', '--socket', api.socket]);
  t.same(named.stdout, 'host n2: leaves the cluster\n');
  t.same(
    api.seen('leaveCluster').map((request) => request.body),
    [{}, { host: 'n2' }],
  );
  const cwd = scratchDirectory(t);
  mkdirSync(join(cwd, '.n3x'));
  writeFileSync(join(cwd, '.n3x', 'dev-cluster.json'), JSON.stringify({ sockets: [api.socket, other.socket] }));
  const several = await runCli(['cluster', 'leave'], { cwd });
  t.equal(several.code, 2);
  t.match(several.stderr, /^n3xctl: several n3xd answer here: name the host that shall leave\nhint: /);
});
