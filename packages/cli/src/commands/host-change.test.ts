import { PassThrough } from 'node:stream';
import { ERROR_CODES } from '@n3x/core/base/errors';
import t, { type Test } from 'tap';
import { ApiDouble, apiError } from '../testing/api-double.ts';
import { makeHost, makeStatus, makeVm } from '../testing/objects.ts';
import { runCli, startCli, until } from '../testing/run-cli.ts';

t.test('a host is given a role, a zone and labels', async (t) => {
  const api = await ApiDouble.start(t);
  let changed = true;
  api.on('setHost', () => ({ changed, index: 9 }));
  const set = (...args: string[]) => runCli(['host', 'set', 'n2', ...args, '--socket', api.socket]);
  const done = await set('--role', 'auto', '--zone', 'b', '--label', 'rack=4', '--label', 'old-');
  t.same(done, { code: 0, stdout: 'host n2: set\n', stderr: '' });
  changed = false;
  t.equal((await set('--zone', '')).stdout, 'host n2: unchanged\n');
  t.same(
    api.seen('setHost').map(({ params, body }) => [params['name'], body]),
    [
      ['n2', { role: 'auto', labels: { rack: '4', old: null, zone: 'b' } }],
      ['n2', { labels: { zone: null } }],
    ],
  );
  const wrong: [string[], RegExp][] = [
    [[], /^n3xctl: nothing to set: give --role, --zone or --label\n$/],
    [['--role', 'boss'], /argument 'boss' is invalid/],
    [
      ['--label', 'x'],
      /^n3xctl: --label: "x" is neither KEY=VALUE, which sets a label, nor KEY-, which takes it away\n$/,
    ],
    [['--label', 'zone=a', '--zone', 'b'], /^n3xctl: --label: label "zone" is given twice\n$/],
  ];
  for (const [args, answer] of wrong) {
    const result = await set(...args);
    t.equal(result.code, 2);
    t.match(result.stderr, answer);
  }
});

t.test('a host is cordoned and uncordoned', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('setHost', () => ({ changed: true, index: 9 }));
  api.on('listHosts', () => ({ items: [makeHost({ cordonedSinceMs: 1 })], index: 9, stale: false }));
  const host = (...args: string[]) => runCli(['host', ...args, '--socket', api.socket]);
  t.equal((await host('cordon', 'n1')).stdout, 'host n1: cordoned\n');
  t.equal((await host('uncordon', 'n1')).stdout, 'host n1: uncordoned\n');
  t.same(
    api.seen('setHost').map(({ body }) => body),
    [{ cordoned: true }, { cordoned: false }],
  );
  t.match((await host('list')).stdout, /FREE +RESERVED[\s\S]*n1 +cordoned .* 3\/7G +0\/512M/);
});

t.test('the cluster is told how VMs are placed', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('setCluster', () => ({ changed: true, index: 9 }));
  const set = (...args: string[]) => runCli(['cluster', 'set', ...args, '--socket', api.socket]);
  t.equal((await set('strategy=round-robin')).code, 0);
  t.match(api.seen('setCluster')[0]?.body, { strategy: 'round-robin' });
  t.match(await set('strategy=best'), { code: 2, stderr: /^n3xctl: strategy: "best" is none of most-available, / });
});

t.test('the cluster is told how many shall vote', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('setCluster', () => ({ changed: true, index: 9 }));
  const set = (...args: string[]) => runCli(['cluster', 'set', ...args, '--socket', api.socket]);
  t.same(await set('voters=5', 'replace-after=2m'), { code: 0, stdout: 'cluster: set\n', stderr: '' });
  t.same(await set('restart-lease=0'), { code: 0, stdout: 'cluster: set\n', stderr: '' });
  t.same(await set('restart-lease=90s'), { code: 0, stdout: 'cluster: set\n', stderr: '' });
  t.same(api.seen('setCluster')[0]?.body, { voters: 5, replaceAfterSeconds: 120 });
  t.same(api.seen('setCluster')[1]?.body, { restartLeaseSeconds: 0 });
  t.same(api.seen('setCluster')[2]?.body, { restartLeaseSeconds: 90 });
  const wrong: [string, RegExp][] = [
    ['voters=4', /^n3xctl: voters: "4" is not 1, 3, 5 or 7: /],
    ['voter=3', /^n3xctl: "voter" is no setting of a cluster: did you mean voters\?\n$/],
    ['voters', /^n3xctl: "voters" has no value: write voters=VALUE\n$/],
    ['restart-lease=2h', /^n3xctl: restart-lease: "2h" is out of range: up to 1h, or 0 for none\n$/],
    ['replace-after=soon', /^n3xctl: replace-after: "soon" is not a duration/],
    ['replace-after=1s', /^n3xctl: replace-after: "1s" is out of range: 5s to 7d\n$/],
    ['replace-after=8d', /^n3xctl: replace-after: "8d" is out of range: 5s to 7d\n$/],
  ];
  for (const [text, answer] of wrong) {
    const result = await set(text);
    t.equal(result.code, 2);
    t.match(result.stderr, answer);
  }
  t.match((await set('voters=3', 'voters=5')).stderr, /"voters" is given twice/);
  api.on('getCluster', () => {
    const quorum = { voters: 3, needed: 2, reachable: 2, note: 'n3 is not heard from: n4 can take over after 60 s' };
    return makeStatus({ quorum });
  });
  const status = await runCli(['cluster', 'status', '--socket', api.socket]);
  t.match(status.stdout, /Voters: +3 wanted, a dead one is replaced after /);
  t.match(status.stdout, /Note: +n3 is not heard from: n4 can take over after 60 s\n/);
});

async function lostHost(t: Test): Promise<ApiDouble> {
  const api = await ApiDouble.start(t);
  api.on('getHost', ({ params }) => makeHost({ name: params['name'] ?? '', reachable: params['name'] !== 'n3' }));
  api.on('listVms', () => ({
    items: [makeVm({ name: 'db', hostName: 'n3' }), makeVm({ name: 'web', hostName: 'n1' })],
    ...{ index: 8, stale: false },
  }));
  return api.on('removeHost', ({ params, query }) => {
    if (params['name'] !== 'n3' && query['force'] !== true) throw apiError(ERROR_CODES.refused, 'host n1 is up: ...');
    return { changed: true, index: 9, vms: 1 };
  });
}

t.test('removing a lost host is asked about, with what goes with it', async (t) => {
  const api = await lostHost(t);
  const ask = async (answer: string) => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    const going = startCli(['host', 'remove', 'n3', '--socket', api.socket], { stdin, stderrIsTerminal: true });
    await until(() => /Type n3 to go on: /.test(going.output().stderr));
    stdin.end(answer);
    return going.result;
  };
  const no = await ask('yes\n');
  t.equal(no.code, 2);
  t.match(no.stderr, /nothing was changed: that is not n3\n$/);
  t.equal((await ask('')).code, 2, 'an end of the input is a no');
  t.equal(api.seen('removeHost').length, 0);
  const yes = await ask('n3\n');
  t.equal(yes.code, 0, yes.stderr);
  t.match(
    yes.stderr,
    /^Removing host n3 for good\. It was last heard from .* ago\. Its VMs and their disks are lost with it: db\. If the/,
  );
  t.equal(yes.stdout, 'host n3: removed, and 1 VM lost with it\n');
});

t.test('without a terminal it takes --yes', async (t) => {
  const api = await lostHost(t);
  const remove = (...args: string[]) => runCli(['host', 'remove', ...args, '--socket', api.socket]);
  const refused = await remove('n3');
  t.equal(refused.code, 2);
  t.match(refused.stderr, /^n3xctl: nothing was changed: Removing host n3 for good\..*\nhint: .*--yes\n$/);
  t.equal((await remove('n3', '--yes')).code, 0);
  const up = await remove('n1');
  t.equal(up.code, 7);
  t.match(up.stderr, /^n3xctl: host n1 is up: .*\nhint: n3xctl cluster leave n1 lets it leave/);
  t.equal((await remove('n1', '--yes')).code, 7, 'the cluster refuses it as well');
  t.equal((await remove('n1', '--yes', '--force')).code, 0);
});
