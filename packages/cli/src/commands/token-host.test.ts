import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { ApiDouble, apiError } from '../testing/api-double.ts';
import { EPOCH_MS, makeHost, makeStatus, makeToken } from '../testing/objects.ts';
import { runCli } from '../testing/run-cli.ts';

t.test('tokens', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('createToken', () => ({ token: 'n3x1.secret', id: '0123456789abcdef', expiresAtMs: EPOCH_MS }));
  api.on('listTokens', () => ({
    items: [
      makeToken(),
      makeToken({ state: 'used', role: 'agent', usedBy: { hostId: 2, peerId: 'p2', hostName: 'n2' } }),
      makeToken({ state: 'used', usedBy: { hostId: 3, peerId: 'p3' } }),
    ],
    index: 8,
    stale: false,
  }));
  api.on('revokeToken', ({ params }) => {
    if (params['id'] === '0123456789abcdef') return { changed: true, index: 9 };
    throw apiError(ERROR_CODES.notFound, 'no such token');
  });
  const socket = ['--socket', api.socket];
  const made = await runCli(['token', 'create', '--role', 'agent', '--ttl', '10m', ...socket]);
  t.equal(made.stdout, 'n3x1.secret\n', 'fit for a pipe');
  t.match(made.stderr, /^token 0123456789abcdef is for one host until 2026-01-02T03:04:05Z/);
  t.same(api.seen('createToken')[0]?.body, { role: 'agent', ttlSeconds: 600 });
  t.same(await runCli(['token', 'create', '-q', ...socket]), { code: 0, stdout: 'n3x1.secret\n', stderr: '' });
  for (const [flags, answer] of [
    ['--ttl 5s', /^n3xctl: --ttl: "5s" is out of range: 10s to 7d\n$/],
    ['--ttl 1500ms', /^n3xctl: --ttl: "1500ms" is not a whole number of seconds\n$/],
    ['--role boss', /^n3xctl: option '--role <role>' argument 'boss' is invalid/],
  ] as const) {
    const result = await runCli(['token', 'create', ...flags.split(' '), ...socket]);
    t.equal(result.code, 2);
    t.match(result.stderr, answer);
  }
  const table = await runCli(['token', 'list', ...socket]);
  t.match(
    table.stdout,
    /^ID +STATE +ROLE +EXPIRES +AGE +USED BY\n0123456789abcdef +open +any +in .*\n.* used +agent +- .* n2\n.* used .* host 3, gone\n$/,
  );
  t.equal(
    (await runCli(['token', 'revoke', '0123456789abcdef', ...socket])).stdout,
    'token 0123456789abcdef: revoked\n',
  );
  t.equal((await runCli(['token', 'revoke', 'fedcba9876543210', ...socket])).code, 3);
  t.equal((await runCli(['token', 'revoke', 'x', ...socket])).code, 2);
});

t.test('hosts', async (t) => {
  const api = await ApiDouble.start(t);
  const two = makeHost({ id: 2, name: 'n2', leader: false, reachable: false, membership: 'learner' });
  const { facts: _, ...unreported } = makeHost({ id: 3, name: 'n3', membership: 'joining', leader: false });
  api.on('listHosts', ({ query }) => ({
    items: [makeHost(), two, unreported],
    index: 8,
    stale: query['consistency'] === 'stale',
  }));
  api.on('getHost', ({ params }) => {
    if (params['name'] === 'n1') return makeHost();
    throw apiError(ERROR_CODES.notFound, `host ${params['name']} does not exist`);
  });
  const socket = ['--socket', api.socket];
  const lines = (await runCli(['host', 'list', ...socket])).stdout.split('\n');
  t.match(lines[0], /^NAME +STATE +ROLE +RAFT +VMS +VCPU +MEMORY +FREE +RESERVED +DISK +AGE$/);
  t.match(lines[1], /^n1 +up +server +leader +1 +1\/4 +512M\/7\.5G +\d/);
  t.match(lines[2], /^n2 +unreachable +server +learner/);
  t.match(lines[3], /^n3 +joining +server +joining/);
  t.match(
    (await runCli(['host', 'list', '-o', 'wide', ...socket])).stdout,
    /x86_64-linux +kvm, nix +works +0.1.0 +\/ip4/,
  );
  const shown = await runCli(['host', 'show', 'n1', ...socket]);
  t.match(shown.stdout, /Fence: +works: watchdog process\n/);
  t.match(shown.stdout, /Capacity: +4 vcpu, 7\.5G\nUsed: +1 vcpu, 512M\nFree: +3 vcpu, 7G\nReserved: +0 vcpu, 512M\n/);
  t.match(JSON.parse((await runCli(['host', 'show', 'n1', '-o', 'json', ...socket])).stdout), { name: 'n1', id: 1 });
  t.match(JSON.parse((await runCli(['host', 'show', 'n2', '--stale', '-o', 'json', ...socket])).stdout), {
    name: 'n2',
    stale: true,
  });
  t.equal((await runCli(['host', 'show', 'n9', ...socket])).code, 3);
});

t.test('a host that restarts its n3xd says until when its VMs wait for it', async (t) => {
  const api = await ApiDouble.start(t);
  const restarting = { index: 7, bootId: 'b1', sinceMs: Date.now() - 5_400_000, holdMs: 56_490, waitMs: 63_010 };
  const { bootId: _, ...unknown } = restarting;
  api.on('listHosts', () => ({ items: [makeHost({ restarting, reachable: false })], index: 8, stale: false }));
  api.on('getHost', ({ params }) =>
    params.name === 'n1'
      ? makeHost({ restarting, reachable: false })
      : makeHost({ name: 'n2', membership: 'lost', reachable: false, restarting: unknown }),
  );
  const ctl = async (...args: string[]) => (await runCli([...args, '--socket', api.socket])).stdout;
  t.match(await ctl('host', 'list'), /^n1 +restarting/m);
  t.match(
    await ctl('host', 'show', 'n1'),
    /Restart: +n3xd was stopped 90m ago; its fenced VMs may run on, and go elsewhere if it is not back by \d{4}-/,
  );
  t.match(
    await ctl('host', 'show', 'n2'),
    /Restart: +it may have been promised a longer lease before the cluster was recovered; its fenced VMs go elsewhere/,
  );
});

t.test('the cluster says how long a restart may take, and how its host reads', async (t) => {
  const api = await ApiDouble.start(t);
  let status = makeStatus();
  api.on('getCluster', () => status);
  const shown = async () => (await runCli(['cluster', 'status', '--socket', api.socket])).stdout;
  t.match(await shown(), /Restarts: +n3xd may be away for \S+ while fenced VMs run on\n/);
  t.match(await shown(), /Reads: +by quorum on n1: each is confirmed by a majority of the voters\n/);
  const settings = { ...status.cluster.settings, restartLeaseSeconds: 0 };
  status = { ...status, cluster: { ...status.cluster, settings }, local: { ...status.local, reads: 'lease' } };
  t.match(await shown(), /Restarts: +no lease for them: fenced VMs end when n3xd is away for a few seconds\n/);
  t.match(await shown(), /Reads: +by lease on n1: without a message/);
});
