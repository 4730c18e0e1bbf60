import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { ApiDouble, apiError, scratchDirectory } from '../testing/api-double.ts';
import { EPOCH_MS, makeSet, makeVm } from '../testing/objects.ts';
import { runCli } from '../testing/run-cli.ts';

const template = { source: { kind: 'inline' } } as const;

const inline = makeVm({
  generation: 3,
  spec: {
    source: { kind: 'inline', interfaces: [{ type: 'user' }], forwards: [{ guestPort: 80 }] },
    vcpu: 2,
    labels: { a: 'b' },
  },
});

t.test('vm update changes what is named and leaves the rest', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('getVm', () => inline);
  api.on('updateVm', () => ({ vm: inline, changed: true, index: 12 }));
  const run = (...flags: string[]) => runCli(['vm', 'update', 'web', ...flags, '--socket', api.socket]);
  const { stdout } = await run('--memory', '2G', '--forward', '81', '--zone', 'b');
  t.equal(stdout, 'vm web: update requested (running on n1)\n');
  t.match(api.requests.at(-1)?.body, {
    ifGeneration: 3,
    rebuild: false,
    spec: {
      ...{ vcpu: 2, memoryMib: 2048, labels: { a: 'b' }, placement: { requireLabels: { zone: 'b' } } },
      source: { interfaces: [{ type: 'user' }], forwards: [{ guestPort: 81 }] },
    },
  });
  const cared = { health: { failures: 5, successes: 1 }, restart: { policy: 'on-failure', maxRestarts: 3 } };
  api.on('getVm', () => makeVm({ generation: 3, spec: { ...template, ...cared } }));
  await run('--restart-unhealthy', '1s', '--health-successes', '2');
  t.match(api.requests.at(-1)?.body, {
    spec: {
      health: { failures: 5, successes: 2 },
      restart: { policy: 'on-failure', maxRestarts: 3, unhealthySeconds: 1 },
    },
  });
  api.on('getVm', () => inline);
  await run('--rebuild');
  t.match(api.requests.at(-1)?.body, { rebuild: true });
  t.match(await run('--max-unavailable', '2'), { code: 2, stderr: /are for sets, and web is a VM/ });
  t.match(await run('--memory', '1M'), { code: 2, stderr: /--memory.* at least 16/ });
});

t.test('a change is made again on what somebody else has changed meanwhile', async (t) => {
  const api = await ApiDouble.start(t);
  let reads = 0;
  api.on('getVm', () => ({ ...inline, generation: 3 + reads++ }));
  api.on('updateVm', ({ body }) => {
    if (JSON.stringify(body).includes('"ifGeneration":4')) return { vm: inline, changed: true, index: 12 };
    throw apiError(ERROR_CODES.conflict, 'VM web has changed', { ifGeneration: 3 });
  });
  t.equal((await runCli(['vm', 'update', 'web', '--memory', '2G', '--socket', api.socket])).code, 0);
  t.equal(reads, 2);
});

t.test('vm edit takes what comes back from the editor, and keeps what is no spec', async (t) => {
  const api = await ApiDouble.start(t);
  const editor = join(scratchDirectory(t), 'editor.sh');
  const edit = (script: string) => {
    writeFileSync(editor, `#!/bin/sh\n${script}\n`);
    chmodSync(editor, 0o755);
    return runCli(['vm', 'edit', 'web', '--socket', api.socket], { env: { EDITOR: editor } });
  };
  api.on('getVm', () => inline);
  api.on('updateVm', () => ({ vm: inline, changed: true, index: 12 }));
  t.equal((await edit('sed -i "s/^vcpu: 2/vcpu: 4/" "$1"')).code, 0);
  t.match(api.requests.at(-1)?.body, { ifGeneration: 3, spec: { vcpu: 4 } });
  t.match(await edit('echo "vcpu: many" > "$1"'), {
    code: 2,
    stderr: /what you wrote is no spec: .*your text is in \//,
  });
  t.match(await edit('exit 3'), { stderr: /the editor ended with code 3: nothing was changed/ });
  const without = await runCli(['vm', 'edit', 'web', '--socket', api.socket]);
  t.match(without, { code: 2, stderr: /needs an editor: set EDITOR/ });
});

t.test('the verbs take sets where there is no such VM', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('getVm', () => {
    throw apiError(ERROR_CODES.notFound, 'VM web does not exist');
  });
  api.on('getSet', () => makeSet());
  api.on('listSets', () => ({ items: [makeSet()], index: 9, stale: false }));
  for (const operation of ['updateSet', 'scaleSet', 'rollbackSet', 'createSet'] as const) {
    api.on(operation, () => ({ set: makeSet(), changed: true, index: 12 }));
  }
  const run = (...args: string[]) => runCli(['vm', ...args, '--socket', api.socket]);
  const line = '(1 of 2 ready, 1 at revision 2): web-1 has to get ready first\n';
  t.equal(
    (await run('update', 'web', '--vcpu', '2', '--max-unavailable', '2')).stdout,
    `set web: update requested ${line}`,
  );
  t.match(api.requests.at(-1)?.body, { template: { vcpu: 2 }, maxUnavailable: 2, ifGeneration: 4 });
  t.equal((await run('scale', 'web', '--replicas', '5')).stdout, `set web: scale requested ${line}`);
  t.match(api.requests.at(-1)?.body, { replicas: 5 });
  await run('rollback', 'web', '--to', '1');
  t.match(api.requests.at(-1)?.body, { to: 1 });
  t.match(
    (await run('show', 'web')).stdout,
    /State: +working\nWaits for: +web-1 has(?:.|\n)*web-0 +running +n1 +1 \(old\) +yes/,
  );
  t.match((await run('sets')).stdout, /web +working +1\/2 +1\/2 +2/);
  t.match((await run('history', 'web')).stdout, /1 +\S+ +ready +inline \(qemu\)(?:.|\n)*2 \(current\) +\S+ +pending/);
  await run('create', 'web', '--memory', '1G', '--replicas', '2', '--on-failure', 'pause');
  t.match(api.requests.at(-1)?.body, {
    name: 'web',
    replicas: 2,
    maxUnavailable: 1,
    onFailure: 'pause',
    template: { memoryMib: 1024 },
  });
  await run('create', 'web', '--memory', '1G', '--replicas', '2', '--no-start');
  t.match(api.requests.at(-1)?.body, { power: 'stopped' });
  t.match(await run('create', 'web', '--memory', '1G', '--max-unavailable', '2'), {
    code: 2,
    stderr: /give --replicas too/,
  });
});

t.test('--wait tells of a set whose update has failed, and of a VM that went back', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('getVm', () => {
    throw apiError(ERROR_CODES.notFound, 'VM web does not exist');
  });
  const failed = { number: 2, atMs: EPOCH_MS, template, outcome: 'failed', message: 'web-1: not ready' };
  api.on('getSet', () => makeSet({ current: 1, revisions: [{ ...failed, number: 1, outcome: 'ready' }, failed] }));
  api.on('updateSet', () => ({ set: makeSet(), changed: true, index: 12 }));
  const wait = ['--wait', '--timeout', '20s', '--socket', api.socket];
  const result = await runCli(['vm', 'update', 'web', '--vcpu', '2', ...wait]);
  t.match(result, { code: 1, stderr: /set web: revision 2 failed: web-1: not ready; all go back to revision 1/ });
});
