import fc from 'fast-check';
import t from 'tap';
import { encodeValue } from './record-codec.ts';
import { RecordHash, recordHash } from './record-hash.ts';
import { Ring } from './ring.ts';
import { SortedKeys } from './sorted-keys.ts';

t.test('a ring is the tail of a list', (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(100)), fc.integer({ min: 1, max: 8 }), (values, capacity) => {
      const ring = new Ring<number>(capacity);
      values.forEach((value, i) => {
        t.equal(ring.push(value), i >= capacity ? values[i - capacity] : undefined);
      });
      const tail = values.slice(-capacity);
      t.same([...ring.from(0)], tail);
      t.equal(ring.size, tail.length);
      t.equal(ring.at(-1), undefined);
      t.equal(ring.at(tail.length), undefined);
    }),
  );
  const ordered = new Ring<number>(4);
  for (const value of [1, 3, 5, 7, 9]) ordered.push(value);
  t.same([...ordered.from(ordered.firstNot((value) => value < 6))], [7, 9]);
  t.end();
});

t.test('sorted keys are a sorted set', (t) => {
  const key = fc.constantFrom('a', 'b', 'ba', 'c', 'z', '');
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), key)), key, (operations, from) => {
      const keys = new SortedKeys();
      const model = new Set<string>();
      for (const [add, name] of operations) {
        if (add) keys.add(name);
        else keys.delete(name);
        if (add) model.add(name);
        else model.delete(name);
      }
      t.same([...keys.from()], [...model].sort());
      t.same(
        [...keys.from(from)],
        [...model].sort().filter((name) => name >= from),
      );
      t.equal(keys.size, model.size);
    }),
  );
  t.end();
});

t.test('a record hash depends on the records and not on how they came', (t) => {
  const object = (text: string) => ({ text });
  const operation = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(null, 'x', 'y'));
  fc.assert(
    fc.property(fc.array(operation), (operations) => {
      const hash = new RecordHash();
      const model = new Map<string, string>();
      for (const [key, value] of operations) {
        hash.set(key, value === null ? null : object(value));
        if (value === null) model.delete(key);
        else model.set(key, value);
      }
      const direct = new RecordHash();
      for (const [key, value] of [...model].reverse()) direct.set(key, object(value));
      t.equal(hash.digest(), direct.digest());
      t.equal(hash.size, model.size);
    }),
  );
  t.equal(new RecordHash().digest(), '0000000000000000');
  t.end();
});

t.test('a hundred thousand similar records have hashes of their own', (t) => {
  const seen = new Set<number>();
  for (let i = 0; i < 100_000; i++) seen.add(recordHash(`vm/v${i >>> 4}`, { low: i & 15, list: [0, 7] }));
  t.equal(seen.size, 100_000);
  t.ok([...seen].every((hash) => Number.isSafeInteger(hash) && hash >= 0));
  t.not(recordHash('a', { b: 1 }), recordHash('ab', {}));
  t.end();
});

t.test('two plain values have the same hash exactly when they have the same bytes', (t) => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\u0101', '\u{1F427}'), maxLength: 3 });
  const leaf = fc.oneof(
    fc.constantFrom<unknown>(null, true, false, undefined, 0, 1, -1, 2 ** 32, 1.5, 0.1, '', '0', '1', 'null'),
    fc.integer(),
    fc.maxSafeInteger(),
    text,
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 3 }, leaf, fc.array(tie('tree'), { maxLength: 3 }), fc.dictionary(text, tie('tree'))),
  }));
  const object = fc.dictionary(text, tree, { maxKeys: 3 });
  const canBeStored = (value: unknown): boolean =>
    Array.isArray(value)
      ? value.every((entry) => entry !== undefined && canBeStored(entry))
      : typeof value !== 'object' || value === null || Object.values(value).every(canBeStored);
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, entry]) => [key, reversed(entry)]),
    );
  };
  const bytes = (value: unknown): string => encodeValue(value).join(' ');
  fc.assert(
    fc.property(object.filter(canBeStored), object.filter(canBeStored), (a, b) => {
      t.equal(recordHash('k', a) === recordHash('k', b), bytes(a) === bytes(b));
      t.equal(recordHash('k', a), recordHash('k', Object(reversed(a))), 'the order of keys counts for nothing');
      t.equal(bytes(a), bytes(reversed(a)));
    }),
  );
  t.end();
});
