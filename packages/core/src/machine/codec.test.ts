import fc from 'fast-check';
import t from 'tap';
import { inOrder } from './in-order.ts';
import { decodeProposal, encodeProposal } from './proposal-codec.ts';
import { decodeRecord, decodeValue, encodeRecord, encodeValue } from './record-codec.ts';
import { sampleRecords } from './sample.ts';
import { ClusterState } from './state.ts';

t.test('equal values have equal bytes, whatever the order of their keys', (t) => {
  t.same(
    encodeValue({ b: 1, a: { d: [1, { z: 1, y: 2 }], c: undefined } }),
    encodeValue({ a: { d: [1, { y: 2, z: 1 }] }, b: 1 }),
  );
  t.not(encodeValue({ a: 1 }).toString(), encodeValue({ a: 2 }).toString());
  t.end();
});

t.test('plain values survive', (t) => {
  const value = fc.jsonValue({ maxDepth: 4 });
  fc.assert(
    fc.property(value, (plain) => {
      const text = JSON.stringify(plain);
      if (text.includes('__proto__')) return;
      t.same(decodeValue(encodeValue(plain)), JSON.parse(text));
    }),
    { numRuns: 100 },
  );
  t.end();
});

t.test('numbers of every size survive', (t) => {
  for (const number of [0, 255, 65_536, 2 ** 31, 2 ** 32, 2 ** 40 + 1, Number.MAX_SAFE_INTEGER, 1.5, -1, -(2 ** 40)]) {
    t.equal(decodeValue(encodeValue(number)), number);
  }
  t.end();
});

t.test("encoded bytes are the caller's own", (t) => {
  const first = encodeValue({ a: 'x'.repeat(10) });
  const copy = first.slice();
  encodeValue({ a: 'y'.repeat(10) });
  t.same(first, copy);
  t.equal(first.buffer.byteLength, first.length);
  t.end();
});

t.test('a record that is not right is refused by name', (t) => {
  const corrupt = (key: string, bytes: Uint8Array, message: RegExp) =>
    t.throws(() => decodeRecord(key, bytes), { code: 'N3X_CORRUPT', message });
  corrupt('vm/a', new Uint8Array([0x92, 1]), /record vm\/a cannot be decoded/);
  corrupt('vm/a', encodeValue({ kind: 'vm' }), /record vm\/a is not what/);
  const [, cluster] = sampleRecords()[0] ?? ['', new Uint8Array()];
  corrupt('vm/a', cluster, /record vm\/a holds a cluster/);
  const misplaced = sampleRecords().map(([key, value]) => [key.replace(/1$/, '2'), value] as const);
  t.throws(() => ClusterState.fromRecords(1, misplaced), { code: 'N3X_CORRUPT', message: /does not belong/ });
  const headless = sampleRecords().slice(1);
  t.throws(() => ClusterState.fromRecords(1, headless), { code: 'N3X_CORRUPT', message: /cluster is missing/ });
  t.end();
});

t.test('records survive', (t) => {
  for (const [key, value] of sampleRecords()) t.same(encodeRecord(inOrder(decodeRecord(key, value))), value);
  t.end();
});

t.test('what is no proposal is refused and never thrown', (t) => {
  const command = { type: 'vmDelete', name: 'web' } as const;
  const good = encodeProposal({ format: 2, requestId: 'r', atMs: 0, command });
  t.match(decodeProposal(new Uint8Array()), { ok: false, reason: 'malformed' });
  t.match(decodeProposal(new Uint8Array([0, 1])), { ok: false, reason: 'malformed' });
  t.match(decodeProposal(new Uint8Array([3, ...good.subarray(1)])), {
    ok: false,
    reason: 'unsupportedFormat',
    format: 3,
  });
  t.match(decodeProposal(new Uint8Array([2, ...encodeValue([1])])), { ok: false, reason: 'malformed' });
  const other = encodeValue({ requestId: 'r', atMs: 0, command: { ...command, name: 'No' } });
  t.match(decodeProposal(new Uint8Array([2, ...other])), { ok: false, reason: 'malformed', message: /command.name/ });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (tail) => {
      decodeProposal(new Uint8Array([2, ...tail]));
    }),
    { numRuns: 500 },
  );
  for (let i = 0; i < good.length; i++) t.equal(decodeProposal(good.subarray(0, i)).ok, false);
  const deep = new Uint8Array(1 + 200_000).fill(0x91);
  deep[0] = 2;
  const newer = encodeProposal({ format: 1, requestId: 'r', atMs: 0, command: { type: 'hostUndrain', name: 'n1' } });
  t.match(decodeProposal(newer, [1, 2]), {
    ...{ ok: false, reason: 'malformed' },
    message: 'hostUndrain is no command of format 1',
  });
  t.match(decodeProposal(deep), { ok: false, reason: 'malformed' });
  t.end();
});

t.test('an object in order stays itself, and what is made from it keeps its parts', async (t) => {
  const spec = { z: 1, a: { y: [{ b: 1, a: 2 }], x: undefined } };
  const first = inOrder({ spec, name: 'web' });
  t.same(JSON.stringify(first), '{"name":"web","spec":{"a":{"y":[{"a":2,"b":1}]},"z":1}}');
  t.equal(inOrder(first), first);
  const second = inOrder({ ...first, count: 1 });
  t.equal(second.spec, first.spec);
  t.same(Object.keys(second), ['count', 'name', 'spec']);
  t.same(encodeValue(second), encodeValue({ spec, name: 'web', count: 1 }));
  t.same(Object.keys(spec), ['z', 'a'], 'what was given is not touched');
});

t.test('of an object that takes the place of another only what is new is looked at', async (t) => {
  const before = inOrder({ spec: { b: 1, a: [{ d: 1, c: 2 }] }, status: { y: 1, x: 2 } });
  const next = inOrder({ ...before, status: { y: 3, x: 4 }, count: undefined, added: [{ z: 1, y: 2 }] }, before);
  t.same(JSON.stringify(next), '{"added":[{"y":2,"z":1}],"spec":{"a":[{"c":2,"d":1}],"b":1},"status":{"x":4,"y":3}}');
  t.equal(next.spec, before.spec);
  t.equal(inOrder(next, before), next);
});
