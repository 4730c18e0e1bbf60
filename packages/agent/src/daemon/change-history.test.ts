import type { ObjectChange } from '@n3x/core/model/object';
import t from 'tap';
import { ChangeHistory } from './change-history.ts';

const change = (index: number): ObjectChange => ({ index, kind: 'vm', name: `vm${index}`, object: null });

t.test('gives what came after an index, and null for what is gone', async (t) => {
  const history = new ChangeHistory(4, 10);
  t.equal(history.since(9), null, 'older than the beginning');
  t.same(history.since(10), []);
  history.add([change(11), change(12)]);
  t.same(history.since(11), [change(12)]);
  t.same(history.since(40), [], 'an index not reached yet');
  history.add([change(13), change(14), change(15)]);
  t.equal(history.since(12), null, 'the oldest were dropped');
  t.same(history.since(13), [change(14), change(15)]);
});

t.test('an index with several changes is kept whole or not at all', async (t) => {
  const history = new ChangeHistory(4, 0);
  history.add([change(1), change(2), change(2), change(2), change(3)]);
  t.equal(history.since(1), null);
  t.same(history.since(2), [change(3)]);
});

t.test('a replaced state forgets everything', async (t) => {
  const history = new ChangeHistory(4, 0);
  history.add([change(1)]);
  history.reset(20);
  t.equal(history.since(1), null);
  t.same(history.since(20), []);
});
