import t from 'tap';
import { NONE } from '../raft/types.ts';
import { successor } from './successor.ts';

const at = (match: number, recentActive = true) => ({ match, recentActive });

t.test('the voter that is there and has most of the log takes over', async (t) => {
  const progress = new Map([
    [1, at(20)],
    [2, at(10)],
    [3, at(12)],
    [4, at(19, false)],
    [5, at(15)],
  ]);
  t.equal(successor(progress, [1, 2, 3, 4], 1), 3, 'not the leader itself, not who is silent, not who does not vote');
});

t.test('nobody takes over where nobody could', async (t) => {
  t.equal(successor(new Map([[1, at(20)]]), [1], 1), NONE);
  t.equal(
    successor(
      new Map([
        [1, at(20)],
        [2, at(20, false)],
      ]),
      [1, 2],
      1,
    ),
    NONE,
  );
});
