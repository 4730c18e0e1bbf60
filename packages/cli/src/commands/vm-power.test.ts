import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { ApiDouble, apiError } from '../testing/api-double.ts';
import { makeSet, makeVm } from '../testing/objects.ts';
import { runCli } from '../testing/run-cli.ts';

t.test('start, stop, restart and delete without waiting', async (t) => {
  const api = await ApiDouble.start(t);
  const answer = { vm: makeVm(), changed: true, index: 12 };
  api.on('startVm', () => ({ ...answer, changed: false }));
  api.on('stopVm', () => ({ ...answer, vm: makeVm({ power: 'stopped', phase: 'stopping' }) }));
  api.on('restartVm', () => answer);
  api.on('deleteVm', () => ({ changed: true, index: 12 }));
  const outputs = [];
  for (const verb of ['start', 'stop', 'restart', 'delete']) {
    const result = await runCli(['vm', verb, 'web', '--socket', api.socket]);
    t.equal(result.code, 0, result.stderr);
    outputs.push(result.stdout);
  }
  t.same(outputs, [
    'vm web: unchanged (running on n1)\n',
    'vm web: stop requested (stopping on n1)\n',
    'vm web: restart requested (running on n1)\n',
    'vm web: delete requested\n',
  ]);
  t.ok(api.requests.every((request) => request.params['name'] === 'web' && request.requestId !== undefined));
  const json = await runCli(['vm', 'delete', 'web', '-o', 'json', '--socket', api.socket]);
  t.same(JSON.parse(json.stdout), { name: 'web', changed: true, index: 12 });
  const quiet = await runCli(['vm', 'start', 'web', '-q', '--socket', api.socket]);
  t.equal(quiet.stdout, 'web\n');
});

t.test('a VM that is not there', async (t) => {
  const api = await ApiDouble.start(t);
  const none = ['startVm', 'stopVm', 'restartVm', 'deleteVm', 'getVm'] as const;
  for (const operation of [...none, 'startSet', 'stopSet', 'restartSet', 'getSet'] as const) {
    api.on(operation, () => {
      throw apiError(ERROR_CODES.notFound, 'VM nope does not exist');
    });
  }
  for (const verb of ['start', 'stop', 'restart', 'delete']) {
    for (const flags of [[], ['--wait']]) {
      const result = await runCli(['vm', verb, 'nope', ...flags, '--socket', api.socket]);
      t.same(result, { code: 3, stdout: '', stderr: 'n3xctl: VM nope does not exist\n' }, verb);
    }
  }
});

t.test('the same verbs of a set', async (t) => {
  const api = await ApiDouble.start(t);
  for (const operation of ['startVm', 'stopVm', 'restartVm', 'deleteVm', 'getVm'] as const) {
    api.on(operation, () => {
      throw apiError(ERROR_CODES.notFound, 'VM web does not exist');
    });
  }
  const stopped = makeSet({ power: 'stopped', state: 'stopped', ready: 0, waitsFor: '' });
  api.on('startSet', () => ({ set: makeSet(), changed: true, index: 12 }));
  api.on('stopSet', () => ({ set: makeSet({ power: 'stopped' }), changed: true, index: 12 }));
  api.on('restartSet', () => {
    throw apiError(ERROR_CODES.refused, 'the set web is stopped: start it with `n3xctl vm start web`');
  });
  api.on('getSet', () => stopped);
  api.on('deleteSet', () => ({ changed: true, index: 12 }));
  const run = (...args: string[]) => runCli(['vm', ...args, '--socket', api.socket]);
  t.match((await run('start', 'web')).stdout, /^set web: start requested \(1 of 2 ready, /);
  t.match((await run('stop', 'web', '--wait')).stdout, /^set web: stop requested \(0 of 2 ready, [^:]*\)\n$/);
  t.match(await run('restart', 'web'), {
    code: 7,
    stderr: /^n3xctl: the set web is stopped: start it with `n3xctl vm start web`\n/,
  });
  t.equal((await run('delete', 'web', '--keep-volumes')).stdout, 'set web: delete requested\n');
  t.same(api.requests.at(-1)?.query, { keepVolumes: 'true' });
});
