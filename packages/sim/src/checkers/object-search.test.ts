import { SeededRandom } from '@n3x/core/base/random';
import fc from 'fast-check';
import t from 'tap';
import { History, type Recorded } from '../workloads/history.ts';
import type { Answer, Operation } from '../workloads/operation.ts';
import { LinearizabilityJudge, searchHistory } from './linearizability.ts';
import { TOKEN_MODEL } from './object-models.ts';

const ID = '0'.repeat(16);
const OBJECT = `token/${ID}`;

function create(secretHash: string): Operation {
  return { type: 'write', object: OBJECT, command: { type: 'tokenCreate', id: ID, secretHash, expiresAtMs: 1e12 } };
}
const REVOKE: Operation = { type: 'write', object: OBJECT, command: { type: 'tokenRevoke', id: ID } };
const READ: Operation = { type: 'read', object: OBJECT };

function found(token: string | null): Answer {
  return { type: 'read', found: { vm: null, token, modifiedIndex: 0 } };
}
function written(changed: boolean): Answer {
  return { type: 'written', result: { ok: true, index: 1, changed } };
}
function refused(code: 'N3X_CONFLICT' | 'N3X_NOT_FOUND'): Answer {
  return { type: 'written', result: { ok: false, index: 1, error: { code, message: '' } } };
}

/** By trying everything: every choice of unanswered writes, every order that respects what was over before what began. */
function bruteForce(history: readonly Recorded[]): boolean {
  const there = history.filter(
    ({ operation, answer }) => answer?.type !== 'none' && (operation.type === 'write' || answer !== undefined),
  );
  const explore = (left: readonly Recorded[], state: string | null): boolean => {
    if (left.every(({ answer }) => answer === undefined)) return true;
    return left.some((next) => {
      if (left.some((other) => other !== next && other.returnedAt < next.invokedAt)) return false;
      const rest = left.filter((other) => other !== next);
      return TOKEN_MODEL.step(state, next).some((after) => explore(rest, after));
    });
  };
  return explore(there, TOKEN_MODEL.initial);
}

const operation = fc.constantFrom(create('x'), create('y'), create('x'), REVOKE, READ, READ);
const answer = fc.constantFrom<Answer | undefined>(
  ...[undefined, undefined, { type: 'none' } as const, found(null), found('x'), found('y')],
  ...[written(true), written(false), refused('N3X_CONFLICT'), refused('N3X_NOT_FOUND')],
);

/** Answers that fit their operation, in any order with the invocations. */
const histories = fc
  .array(fc.tuple(operation, answer, fc.nat(20), fc.integer({ min: 1, max: 12 })), { minLength: 1, maxLength: 6 })
  .map((list) => {
    const history = new History();
    const moments = list.flatMap(([what, said, from, length], number) => {
      const fits = said === undefined || said.type === 'none' || (said.type === 'read') === (what.type === 'read');
      const given = fits ? said : undefined;
      return [
        { at: from, number, what, given, isReturn: false },
        { at: from + length, number, what, given, isReturn: true },
      ];
    });
    const begun = new Map<number, Recorded>();
    for (const { number, what, given, isReturn } of moments.sort((a, b) => a.at - b.at)) {
      const recorded = begun.get(number);
      if (!isReturn) begun.set(number, history.invoke(1, what, `r${number}`, 0));
      else if (recorded !== undefined && given !== undefined) history.return(recorded, given, 0);
      else if (recorded !== undefined) history.abandon(recorded, 0);
    }
    return history;
  });

t.test('the search agrees with trying everything', (t) => {
  const seen = { linearizable: 0, violated: 0, gaveUp: 0 };
  fc.assert(
    fc.property(histories, (history) => {
      const recorded = history.objects.get(OBJECT) ?? [];
      const { type } = searchHistory(TOKEN_MODEL, recorded);
      seen[type]++;
      return (type === 'linearizable') === bruteForce(recorded);
    }),
    { numRuns: 4_000 },
  );
  t.ok(seen.linearizable > 200 && seen.violated > 200, JSON.stringify(seen));
  t.equal(seen.gaveUp, 0);
  t.end();
});

t.test('judged bit by bit a history is judged as in one go', (t) => {
  fc.assert(
    fc.property(histories, fc.integer({ min: 1, max: 4 }), (history, every) => {
      const recorded = history.objects.get(OBJECT) ?? [];
      const expected = searchHistory(TOKEN_MODEL, recorded).type;
      // The same history once more, with a judge that looks now and then while it grows.
      const growing = new History();
      const judge = new LinearizabilityJudge(growing);
      const moments = recorded.flatMap((one) => [
        { at: one.invokedAt, one, isReturn: false },
        { at: one.answer === undefined ? one.invokedAt + 0.5 : one.returnedAt, one, isReturn: true },
      ]);
      const begun = new Map<Recorded, Recorded>();
      let actual = 'linearizable';
      try {
        moments
          .sort((a, b) => a.at - b.at)
          .forEach(({ one, isReturn }, step) => {
            const mine = begun.get(one);
            if (!isReturn) begun.set(one, growing.invoke(1, one.operation, one.requestId, 0));
            else if (mine !== undefined && one.answer !== undefined) growing.return(mine, one.answer, 0);
            else if (mine !== undefined) growing.abandon(mine, 0);
            if (step % every === 0) judge.judge();
          });
        judge.finish();
      } catch {
        actual = 'violated';
      }
      return actual === expected;
    }),
    { numRuns: 1_000 },
  );
  t.end();
});

/** A token as it should be, and clients of which some never hear of what they did. */
function longRun(operations: number, stale: number | undefined): { readonly most: number; readonly rule: string } {
  const random = new SeededRandom(7);
  const history = new History();
  const judge = new LinearizabilityJudge(history);
  let token: string | null = null;
  let before: string | null = null;
  let most = 0;
  let staleAt = stale;
  try {
    for (let number = 0; number < operations; number++) {
      const chosen = [create(`s${number}`), REVOKE, READ, READ][random.below(4)] ?? READ;
      const recorded = history.invoke(1, chosen, `r${number}`, number);
      const isLost = random.below(200) === 0;
      const was: string | null = token;
      if (chosen.type === 'write' && !(isLost && random.below(2) === 0)) {
        if (chosen.command.type === 'tokenRevoke') token = null;
        else token ??= `s${number}`;
      }
      if (was !== token) before = was;
      if (isLost && chosen.type === 'write') history.abandon(recorded, 0);
      else if (chosen.type === 'read') {
        const isStale = staleAt !== undefined && number >= staleAt;
        if (isStale) staleAt = undefined;
        history.return(recorded, found(isStale ? before : token), number);
      } else if (was === token)
        history.return(recorded, refused(token === null ? 'N3X_NOT_FOUND' : 'N3X_CONFLICT'), number);
      else history.return(recorded, written(true), number);
      if (number % 50 === 0) judge.judge();
      most = Math.max(most, judge.configurations);
    }
    judge.finish();
    return { most, rule: judge.counts.gaveUp === 0 ? '' : 'gave up' };
  } catch (error) {
    return { most, rule: error instanceof Error ? error.message : '' };
  }
}

t.test('a long history with a hundred lost answers is judged within bounded memory', (t) => {
  const { most, rule } = longRun(10_000, undefined);
  t.equal(rule, '');
  t.ok(most < 200, `${most} configurations at most`);
  const { rule: found } = longRun(10_000, 9_001);
  t.match(found, /no order explains r90\d\d /, 'one stale read in it is found');
  t.end();
});
