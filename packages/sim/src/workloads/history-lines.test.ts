import t from 'tap';
import { History } from './history.ts';
import { historyLines } from './history-lines.ts';

const READ = { type: 'read', object: 'vm/web' } as const;
const DELETE = { type: 'write', object: 'vm/web', command: { type: 'vmDelete', name: 'web' } } as const;

t.test('every invocation and every end has a line, in order', (t) => {
  const history = new History();
  const write = history.invoke(1, DELETE, 'a', 5);
  const read = history.invoke(2, READ, 'b', 6);
  history.return(write, { type: 'written', result: { ok: true, index: 9, changed: true } }, 7);
  history.return(read, { type: 'read', found: { vm: null, token: null, modifiedIndex: 0 } }, 8);
  const refused = history.invoke(1, DELETE, 'c', 9);
  const error = { code: 'N3X_NOT_FOUND', message: 'no such VM' } as const;
  history.return(refused, { type: 'written', result: { ok: false, index: 10, error } }, 10);
  t.match(historyLines(history.objects), [
    { type: 'invoke', process: 1, f: 'vmDelete', key: 'vm/web', value: { name: 'web' }, time: 5, request: 'a' },
    { type: 'invoke', process: 2, f: 'read', key: 'vm/web', value: null, time: 6 },
    { type: 'ok', process: 1, f: 'vmDelete', value: { index: 9, changed: true }, time: 7 },
    { type: 'ok', process: 2, f: 'read', value: { vm: null }, time: 8 },
    { type: 'invoke', process: 1, request: 'c' },
    { type: 'fail', process: 1, value: error, time: 10 },
  ]);
  t.end();
});

t.test('after an end that nobody knows a client goes on as another process', (t) => {
  const history = new History();
  const lost = history.invoke(3, DELETE, 'a', 1);
  history.abandon(lost, 2);
  history.return(history.invoke(3, READ, 'b', 3), { type: 'none' }, 4);
  history.invoke(3, READ, 'c', 5);
  const lines = historyLines(history.objects).map(({ type, process, time }) => [type, process, time]);
  t.same(lines, [
    ['invoke', 3, 1],
    ['info', 3, 2],
    ['invoke', 1003, 3],
    ['fail', 1003, 4],
    ['invoke', 1003, 5],
  ]);
  t.end();
});

t.test('who does several things at once is several processes', (t) => {
  const history = new History();
  const both = [history.invoke(0, DELETE, 'a', 1), history.invoke(0, DELETE, 'b', 2)];
  for (const recorded of both) history.return(recorded, { type: 'none' }, 3);
  t.same(
    historyLines(history.objects).map(({ process }) => process),
    [0, 1000, 0, 1000],
  );
  t.end();
});
