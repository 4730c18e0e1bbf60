import fc from 'fast-check';
import t from 'tap';
import { bestExchange, type Contender, chooseVoters, crowding, voterCount } from './voters.ts';

const contender = (id: number, changes: Partial<Contender> = {}): Contender => ({
  id,
  zone: '',
  preferred: false,
  votes: false,
  alive: true,
  well: true,
  steady: true,
  leads: id === 1,
  ...changes,
});

t.test('how many should vote', async (t) => {
  const table: [wanted: number, alive: number, dead: number, count: number][] = [
    [3, 1, 0, 1],
    [3, 2, 0, 1],
    [3, 3, 0, 3],
    [3, 9, 0, 3],
    [5, 4, 0, 3],
    [3, 2, 1, 3],
    [5, 4, 1, 5],
    [5, 3, 2, 3],
    [7, 5, 2, 5],
    [7, 6, 1, 7],
    [7, 4, 3, 5],
    [1, 3, 2, 1],
    [3, 0, 0, 0],
  ];
  for (const [wanted, alive, dead, count] of table) {
    t.equal(voterCount(wanted, alive, dead), count, `${wanted} wanted, ${alive} alive, ${dead} dead`);
  }
});

/** Every subset of `list` with `size` members. */
function* subsets<T>(list: readonly T[], size: number): Generator<T[]> {
  const [first, ...rest] = list;
  if (size === 0) yield [];
  else if (first !== undefined) {
    for (const subset of subsets(rest, size - 1)) yield [first, ...subset];
    yield* subsets(rest, size);
  }
}

const arbitraryContenders = fc
  .array(
    fc.record({
      zone: fc.constantFrom('', 'a', 'b', 'c'),
      preferred: fc.boolean(),
      standing: fc.constantFrom('votes', 'votes', 'dead', 'spare', 'spare'),
    }),
    { minLength: 1, maxLength: 9 },
  )
  .map((list) =>
    list.map(({ standing, ...rest }, at) =>
      contender(at + 1, {
        ...rest,
        // The leader votes and lives.
        votes: at === 0 || standing !== 'spare',
        alive: at === 0 || standing !== 'dead',
        well: at === 0 || standing !== 'dead',
      }),
    ),
  );
const wantedVoters = fc.constantFrom(1, 3, 5, 7);
const bears = (set: readonly Contender[]): number =>
  set.filter(({ alive }) => alive).length - (Math.floor(set.length / 2) + 1);

t.test('what is chosen bears no fewer failures than every other choice, and is as many as can be had', async () => {
  fc.assert(
    fc.property(arbitraryContenders, wantedVoters, (contenders, wanted) => {
      const chosen = chooseVoters(contenders, wanted, 0);
      let most = Number.NEGATIVE_INFINITY;
      let largest = 0;
      for (let size = 1; size <= wanted; size += 2) {
        for (const set of subsets(contenders, size)) {
          if (bears(set) < most) continue;
          most = bears(set);
          largest = size;
        }
      }
      const unique = new Set(chosen.map(({ id }) => id)).size === chosen.length;
      return unique && chosen.length === largest && bears(chosen) === most;
    }),
    { numRuns: 300 },
  );
});

t.test('a living voter loses its vote only when there are too many', async () => {
  fc.assert(
    fc.property(arbitraryContenders, wantedVoters, (contenders, wanted) => {
      const chosen = chooseVoters(contenders, wanted, 0);
      const dropped = contenders.filter((one) => one.votes && one.alive && !chosen.includes(one));
      return dropped.length === 0 || chosen.every((one) => one.votes && one.alive);
    }),
  );
});

t.test('choosing again changes nothing', async () => {
  fc.assert(
    fc.property(arbitraryContenders, wantedVoters, (contenders, wanted) => {
      const ids = new Set(chooseVoters(contenders, wanted, 0).map(({ id }) => id));
      const after = contenders
        .map((one) => ({ ...one, votes: ids.has(one.id) }))
        .filter((one) => one.votes || one.alive);
      const again = chooseVoters(after, wanted, 0).map(({ id }) => id);
      return again.length === ids.size && again.every((id) => ids.has(id));
    }),
  );
});

t.test('exchanges one by one lead to the best set of voters, and end there', async () => {
  const value = (set: readonly Contender[]): readonly [number, number] => [
    set.filter(({ preferred }) => preferred).length,
    -crowding(set.map(({ zone }) => zone)),
  ];
  const less = (a: readonly [number, number], b: readonly [number, number]): boolean =>
    a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
  fc.assert(
    fc.property(arbitraryContenders, wantedVoters, (drawn, wanted) => {
      const contenders = drawn.map((one) => ({ ...one, alive: true, well: true }));
      let set = chooseVoters(contenders, wanted, 0);
      for (let step = 0; ; step++) {
        const spare = contenders.filter((one) => !set.includes(one));
        const exchange = bestExchange(set, spare);
        if (exchange === undefined) break;
        const next = [...set.filter((one) => one !== exchange.out), exchange.in];
        if (!less(value(set), value(next)) || step > 7) return false;
        set = next;
      }
      for (const other of subsets(contenders, set.length)) if (less(value(set), value(other))) return false;
      return true;
    }),
    { numRuns: 300 },
  );
});

t.test('of equals the leader stays, and the lower ids', async (t) => {
  const voters = [contender(1), contender(2), contender(3)].map((one) => ({ ...one, votes: true, zone: 'a' }));
  t.match(bestExchange(voters, [contender(5, { zone: 'b' }), contender(4, { zone: 'b' })]), {
    out: { id: 3 },
    in: { id: 4 },
  });
  const five = [1, 2, 3, 4, 5].map((id) => contender(id, { votes: true, leads: id === 5 }));
  t.same(
    chooseVoters(five, 3, 5).map(({ id }) => id),
    [1, 2, 5],
  );
});

t.test('one that is not steady votes only to keep the number from falling', async (t) => {
  const votes = (id: number) => contender(id, { votes: true });
  const spare = (id: number, steady: boolean) => contender(id, { steady });
  const chosen = (contenders: readonly Contender[], present: number) =>
    chooseVoters(contenders, 3, present).map(({ id }) => id);
  t.same(chosen([votes(1), spare(2, false), spare(3, false)], 1), [1]);
  t.same(chosen([votes(1), votes(2), spare(3, false)], 3), [1, 2, 3], 'a third one goes');
  t.same(chosen([votes(1), votes(2), spare(3, false), spare(4, true)], 3), [1, 2, 4]);
  const dead = contender(2, { votes: true, alive: false });
  t.same(chosen([votes(1), votes(5), dead, spare(3, false)], 3), [1, 5, 2], 'a dead one is not replaced by it');
});
