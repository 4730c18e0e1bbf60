import t from 'tap';
import { ApiDouble } from '../testing/api-double.ts';
import { makeHost } from '../testing/objects.ts';
import { runCli } from '../testing/run-cli.ts';

const OURS = { kind: 'interface' as const, what: 'n3x4x0', why: 'no microVM of this host has it', ours: true };
const OTHERS = { kind: 'image' as const, what: '/var/lib/microvms/old/data.img', why: 'nothing uses it', ours: false };
const OWN = {
  ...{ name: 'own', kind: 'declarative' as const, pid: 8, flake: null, adoptable: false },
  reason: "it belongs to the host's own NixOS configuration",
};

t.test('what is left is shown, and cleaned only as far as is agreed', async (t) => {
  const api = await ApiDouble.start(t);
  let items = [OURS, OTHERS];
  api.on('listHosts', () => ({
    items: [makeHost(), makeHost({ id: 2, name: 'n2', reachable: false })],
    index: 1,
    stale: false,
  }));
  api.on('listOrphans', ({ params }) => ({ host: params['name'] ?? '', items }));
  api.on('listFound', ({ params }) => ({ host: params['name'] ?? '', items: [OWN] }));
  api.on('cleanOrphans', ({ params, body }) => {
    const { all } = body as { all: boolean };
    const cleaned = items.filter(({ ours }) => ours || all);
    items = items.filter(({ ours }) => !ours && !all);
    return { host: params['name'] ?? '', cleaned, failed: all ? [{ orphan: OTHERS, message: 'EBUSY' }] : [] };
  });
  const orphans = (...args: string[]) => runCli(['host', 'orphans', ...args, '--socket', api.socket]);
  const listed = await orphans();
  t.match(listed.stdout, /^HOST +KIND +WHAT +MADE BY +WHY\nn1 +interface +n3x4x0 +n3x +no microVM/);
  t.match(listed.stdout, /n1 +image +\/var\/lib\/microvms\/old\/data.img +unknown/);
  t.match(listed.stdout, /\n\nHOST +MICROVM +PID +NOT MANAGED BY N3X\nn1 +own +8 +it belongs to the host's own/);
  t.equal(listed.stderr, 'host n2 cannot be reached: what is on it is not known\n');
  t.match(JSON.parse((await orphans('n1', '-o', 'json')).stdout), {
    hosts: [{ host: 'n1', orphans: [OURS, OTHERS], unmanaged: [OWN] }],
  });
  const dry = await orphans('clean', 'n1', '--dry-run');
  t.match(dry.stdout, /n3x4x0/);
  t.notMatch(dry.stdout, /data.img/);
  t.match(dry.stderr, /^1 stay, since n3x did not make them as far as it can tell: --confirm cleans them too\n$/);
  t.same(api.seen('cleanOrphans'), [], 'nothing is cleaned');
  t.match(await orphans('clean', 'n1'), { code: 2, stderr: /nothing was changed[\s\S]*agree with --yes/ });
  t.equal((await orphans('clean', 'n1', '--yes')).stdout, 'interface n3x4x0: cleaned\n');
  t.equal((await orphans('clean', 'n1', '--yes')).stdout, 'host n1: nothing to clean\n');
  const all = await orphans('clean', 'n1', '--yes', '--confirm');
  t.match(all.stdout, /^image .*data.img: cleaned\n$/);
  t.match(all.stderr, /data.img: not cleaned: EBUSY/);
  t.match((await orphans('n1')).stdout, /^nothing is left of microVMs that are gone\n/);
});
