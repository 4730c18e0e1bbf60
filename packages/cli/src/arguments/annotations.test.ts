import t from 'tap';
import { parseAnnotations } from './annotations.ts';

t.test('sets and takes away', async (t) => {
  t.same(parseAnnotations(['owner=kim', 'note=a=b', 'empty=', 'old-']), {
    owner: 'kim',
    note: 'a=b',
    empty: '',
    old: null,
  });
});

t.test('what is neither is named', async (t) => {
  for (const text of ['owner', '=x', '-', '']) {
    t.throws(() => parseAnnotations([text]), { message: /neither KEY=VALUE/ }, text);
  }
  t.throws(() => parseAnnotations(['a=1', 'a-']), { message: 'annotation "a" is given twice' });
});
