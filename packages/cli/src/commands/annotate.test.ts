import t from 'tap';
import { ApiDouble } from '../testing/api-double.ts';
import { runCli } from '../testing/run-cli.ts';

t.test('sends what is to be set and taken away', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('annotateVm', () => ({ changed: true, index: 12 }));
  api.on('annotateHost', () => ({ changed: false, index: 12 }));
  const vm = await runCli(['vm', 'annotate', 'web', 'owner=kim', 'old-', '--socket', api.socket]);
  t.same(vm, { code: 0, stdout: 'vm web: annotated\n', stderr: '' });
  const host = await runCli(['host', 'annotate', 'n1', 'rack=7', '--socket', api.socket]);
  t.same(host, { code: 0, stdout: 'host n1: unchanged\n', stderr: '' });
  t.match(api.requests, [
    { operation: 'annotateVm', params: { name: 'web' }, body: { set: { owner: 'kim', old: null } } },
    { operation: 'annotateHost', params: { name: 'n1' }, body: { set: { rack: '7' } } },
  ]);
});

t.test('wrong input is one line', async (t) => {
  const api = await ApiDouble.start(t);
  const result = await runCli(['vm', 'annotate', 'web', 'owner', '--socket', api.socket]);
  t.equal(result.code, 2);
  t.match(result.stderr, /^n3xctl: "owner" is neither KEY=VALUE.*\n$/);
  t.same(api.requests, []);
});
