import { type Lock, lockSchema } from '@n3x/core/model/lock';
import type { ObjectChange } from '@n3x/core/model/object';
import t from 'tap';
import { FencedResource, LOCK_FENCING, LOCK_LIMIT, LOCK_TOKENS, LockRules } from './locks.ts';

/** A change after which these hold the lock, by token. */
function holds(index: number, holders: Readonly<Record<string, number>>): ObjectChange[] {
  const lock: Lock = lockSchema.parse({
    ...{ kind: 'lock', name: 'l', modifiedIndex: index, createdAtMs: 0, slots: 1, waiters: [] },
    holders: Object.entries(holders).map(([holder, token]) => ({
      ...{ holder, token, ticket: token, reason: '', ttlMs: 1_000, renewedIndex: token },
      ...{ requestedAtMs: 0, renewedAtMs: 0, acquiredAtMs: 0 },
    })),
  });
  const object = lock.holders.length === 0 ? null : lock;
  return [{ index, kind: 'lock', name: 'l', object }];
}

/** Rules for one lock with one slot, at a time that the test sets. */
function lab(): { rules: LockRules; at: (ms: number) => void } {
  const rules = new LockRules();
  let nowMs = 0;
  rules.expect(new Map([['l', 1]]), () => nowMs);
  return {
    rules,
    at: (ms) => {
      nowMs = ms;
    },
  };
}

t.test('one after the other is right', (t) => {
  const { rules, at } = lab();
  rules.applied(holds(5, { a: 5 }));
  rules.believes('l', 'a', 5, 900);
  at(950);
  rules.applied(holds(6, { b: 6 }));
  rules.believes('l', 'b', 6, 2_000);
  rules.ends('l', 'b');
  rules.applied(holds(7, {}));
  rules.applied(holds(8, { c: 8 }));
  t.equal(rules.grants, 3);
  t.end();
});

t.test('planted: more holders in the log than slots', (t) => {
  const { rules } = lab();
  t.throws(() => rules.applied(holds(6, { a: 5, b: 6 })), { rule: LOCK_LIMIT, message: /at index 6 holders: a, b/ });
  t.end();
});

t.test('planted: a slot given away while its holder still counts', (t) => {
  const { rules, at } = lab();
  rules.applied(holds(5, { a: 5 }));
  rules.believes('l', 'a', 5, 900);
  at(899);
  t.throws(() => rules.applied(holds(6, { b: 6 })), { rule: LOCK_LIMIT, message: /holders: b, a/ });
  t.end();
});

t.test('planted: one who is told that it holds what the log gave to another', (t) => {
  const { rules } = lab();
  rules.applied(holds(5, { a: 5 }));
  t.throws(() => rules.believes('l', 'b', 4, 900), { rule: LOCK_LIMIT, message: /when b was told holders: a, b/ });
  t.end();
});

t.test('who was broken need not know', (t) => {
  const { rules } = lab();
  rules.applied(holds(5, { a: 5 }));
  rules.believes('l', 'a', 5, 900);
  rules.breaks('l', 'a');
  t.doesNotThrow(() => rules.applied(holds(6, { b: 6 })));
  t.end();
});

t.test('planted: tokens that do not grow', (t) => {
  const first = lab().rules;
  first.applied(holds(5, { a: 5 }));
  first.applied(holds(6, {}));
  t.throws(() => first.applied(holds(7, { b: 5 })), { rule: LOCK_TOKENS, message: /gave b token 5 at 7, after 5/ });
  const second = lab().rules;
  second.applied(holds(5, { a: 5 }));
  second.believes('l', 'a', 5, 900);
  t.throws(() => second.believes('l', 'a', 6, 900), { rule: LOCK_TOKENS, message: /token/ });
  t.throws(() => lab().rules.applied(holds(7, { b: 8 })), { rule: LOCK_TOKENS, message: /token/ });
  t.end();
});

t.test('a resource takes what is not older, and tells of work that is mixed', (t) => {
  const resource = new FencedResource('l');
  t.ok(resource.write('a', 5));
  t.ok(resource.write('a', 5));
  t.ok(resource.write('b', 7));
  t.notOk(resource.write('a', 5));
  t.same([resource.taken, resource.refused], [3, 1]);
  t.throws(() => resource.write('a', 7), { rule: LOCK_FENCING, message: /a with token 7 writes between/ });
  t.end();
});
