import fc from 'fast-check';
import t from 'tap';
import { describeJoint, describeJointAcked, isVoter, jointCommitted, jointIds, jointVote } from './joint.ts';
import { majorityCommitted, majoritySize, majorityVote } from './majority.ts';

const ids = fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { maxLength: 7 });
const acks = fc.array(fc.nat(5), { minLength: 8, maxLength: 8 });

/** By definition: the highest index such that more than half of the voters have it. */
function bruteCommitted(voters: ReadonlySet<number>, acked: (id: number) => number): number {
  for (let index = 5; index > 0; index--) {
    if ([...voters].filter((id) => acked(id) >= index).length * 2 > voters.size) return index;
  }
  return 0;
}

t.test('commit indexes equal the definition', (t) => {
  fc.assert(
    fc.property(ids, acks, (list, acked) => {
      const voters = new Set(list);
      const indexer = (id: number): number => acked[id] ?? 0;
      const committed = majorityCommitted(voters, indexer);
      return committed === (voters.size === 0 ? Number.POSITIVE_INFINITY : bruteCommitted(voters, indexer));
    }),
  );
  t.end();
});

t.test('a joint decision is that of both halves, in either order, and the empty half decides nothing', (t) => {
  fc.assert(
    fc.property(ids, ids, acks, (a, b, acked) => {
      const indexer = (id: number): number => acked[id] ?? 0;
      const [x, y] = [new Set(a), new Set(b)];
      const both = jointCommitted({ incoming: x, outgoing: y }, indexer);
      const swapped = jointCommitted({ incoming: y, outgoing: x }, indexer);
      const expected = Math.min(majorityCommitted(x, indexer), majorityCommitted(y, indexer));
      return (
        both === expected &&
        swapped === expected &&
        jointCommitted({ incoming: x, outgoing: new Set() }, indexer) === majorityCommitted(x, indexer)
      );
    }),
  );
  t.end();
});

t.test('votes equal the definition, whatever is still to come', (t) => {
  const votes = fc.array(fc.constantFrom(true, false, undefined), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(ids, ids, votes, (a, b, cast) => {
      const known = new Map([...cast.entries()].flatMap(([id, v]) => (v === undefined ? [] : [[id, v] as const])));
      const result = (list: readonly number[]): string => {
        const need = majoritySize(list.length);
        const yes = list.filter((id) => cast[id] === true).length;
        const open = list.filter((id) => cast[id] === undefined).length;
        if (list.length === 0 || yes >= need) return 'won';
        return yes + open >= need ? 'pending' : 'lost';
      };
      const halves = [result(a), result(b)];
      const expected = halves.includes('lost') ? 'lost' : halves.includes('pending') ? 'pending' : 'won';
      return (
        majorityVote(new Set(a), known) === result(a) &&
        jointVote({ incoming: new Set(a), outgoing: new Set(b) }, known) === expected
      );
    }),
  );
  t.end();
});

t.test('descriptions are stable', (t) => {
  const joint = { incoming: new Set([3, 1, 2]), outgoing: new Set([10, 9]) };
  t.equal(describeJoint(joint), '(1 2 3)&&(9 10)');
  t.equal(describeJoint({ incoming: new Set([2, 1]), outgoing: new Set() }), '(1 2)');
  t.same(jointIds(joint), [1, 2, 3, 9, 10]);
  t.ok(isVoter(joint, 9));
  t.notOk(isVoter(joint, 4));
  t.equal(
    describeJointAcked(joint, (id) => id),
    '1: 1\n2: 2\n3: 3\ncommitted: 2\n&&\n9: 9\n10: 10\ncommitted: 9',
  );
  t.end();
});
