import t from 'tap';
import { ApiDouble } from '../testing/api-double.ts';
import { makeEvent } from '../testing/objects.ts';
import { runCli, startCli, until } from '../testing/run-cli.ts';

t.test('the history', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('listEvents', () => ({ items: [makeEvent()], index: 9, stale: false }));
  const text = await runCli(['events', '--kind', 'vm', '--name', 'web', '--lines', '5', '--socket', api.socket]);
  t.equal(text.stdout, '2026-01-02T03:04:05Z  info     vm/web                Assigned: assigned to n1\n');
  t.match(api.seen('listEvents')[0]?.query, { kind: 'vm', name: 'web', limit: 5, consistency: 'linearizable' });
  const json = await runCli(['events', '-o', 'json', '--socket', api.socket]);
  t.match(JSON.parse(json.stdout), { items: [{ reason: 'Assigned' }], index: 9 });
  const wrong = await runCli(['events', '--kind', 'vms', '--socket', api.socket]);
  t.equal(wrong.code, 2);
});

t.test('following goes on where the history ended, and filters', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('listEvents', () => ({ items: [makeEvent()], index: 9, stale: false }));
  const interrupt = new AbortController();
  const argv = ['events', '-f', '-o', 'json', '--name', 'web', '--socket', api.socket];
  const run = startCli(argv, { interrupted: interrupt.signal });
  await until(() => api.watchers === 1);
  t.match(api.seen('watch')[0]?.query, { from: 9, kinds: 'event' });
  const tell = (index: number, name: string) => {
    const event = makeEvent({ index, about: { kind: 'vm', name }, reason: 'Ready', message: 'booted' });
    api.tell({ type: 'changed', index, kind: 'event', name: `${index}.0`, object: event });
  };
  tell(10, 'db');
  tell(11, 'web');
  await until(() => run.output().stdout.split('\n').length === 3);
  api.endWatches();
  await until(() => api.seen('watch').length === 2);
  t.match(api.seen('watch')[1]?.query, { from: 11 });
  interrupt.abort();
  const result = await run.result;
  t.equal(result.code, 130);
  const lines = result.stdout.trimEnd().split('\n');
  t.match(
    lines.map((line): unknown => JSON.parse(line)),
    [{ index: 9 }, { index: 11, reason: 'Ready' }],
  );
});

t.test('what was missed is admitted', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('listEvents', () => ({ items: [], index: 9, stale: false }));
  const run = startCli(['events', '-f', '--timeout', '4s', '--socket', api.socket]);
  await until(() => api.watchers === 1);
  api.tell({ type: 'error', error: { code: 'N3X_COMPACTED', message: 'list again' } });
  await until(() => api.seen('watch').length === 2);
  const result = await run.result;
  t.equal(result.code, 6);
  t.match(result.stderr, /^n3xctl: some events were missed; going on from now\nn3xctl: followed for 4s/);
});
