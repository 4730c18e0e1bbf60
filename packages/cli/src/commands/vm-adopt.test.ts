import t from 'tap';
import { ApiDouble } from '../testing/api-double.ts';
import { makeVm } from '../testing/objects.ts';
import { runCli } from '../testing/run-cli.ts';

t.test('microVMs are adopted by name or all at once, and one is released', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('getLocal', () => ({
    ...{ version: '0.1.0', initialised: true, name: 'n1', hostId: 1, peerId: 'p', addresses: [] },
    ...{ role: 'leader' as const, leaderId: 1, term: 1, commitIndex: 1, appliedIndex: 1 },
    ...{ supervisor: 'direct' as const, reads: 'quorum' as const, uptimeSeconds: 1 },
  }));
  api.on('listFound', () => ({
    host: 'n2',
    items: [
      { name: 'web', kind: 'foreign' as const, pid: 7, flake: 'github:me/vms', adoptable: true, reason: '' },
      {
        name: 'own',
        kind: 'declarative' as const,
        pid: 8,
        flake: null,
        adoptable: false,
        reason: 'it is the host’s own',
      },
    ],
  }));
  api.on('adoptVm', ({ body }) => ({
    vm: makeVm({ name: (body as { vm: string }).vm }),
    changed: true,
    index: 9,
  }));
  api.on('releaseVm', () => ({ changed: true, index: 10 }));
  const vm = (...args: string[]) => runCli(['vm', ...args, '--socket', api.socket]);
  t.match(await vm('adopt', 'web'), { code: 0, stdout: /^vm web: adopted on n1/ });
  const all = await vm('adopt', '--all', '--host', 'n2', '--failover', 'restart');
  t.match(all, { code: 0, stdout: /^vm web: adopted on n2/, stderr: 'own: left alone: it is the host’s own\n' });
  t.same(
    api.seen('adoptVm').map(({ params, body }) => [params['name'], body]),
    [
      ['n1', { vm: 'web' }],
      ['n2', { vm: 'web', failover: 'restart' }],
    ],
  );
  t.match(JSON.parse((await vm('adopt', '--all', '--host', 'n2', '-o', 'json')).stdout), {
    host: 'n2',
    adopted: [{ vm: { name: 'web' } }],
    left: [{ name: 'own' }],
  });
  for (const args of [[], ['web', '--all']]) {
    t.match(await vm('adopt', ...args), { code: 2, stderr: /name one microVM, or all of the host with --all/ });
  }
  t.match(await vm('release', 'web'), { code: 0, stdout: 'vm web: released, it runs on as it was\n' });
});
