import * as fc from 'fast-check';
import t from 'tap';
import { decodeHello, encodeHello, type Hello, isControl, MAX_HELLO_BYTES, PING, PONG, REFUSALS } from './hello.ts';
import { WireError } from './wire-error.ts';

const HELLO: Hello = { type: 'hello', version: 1, clusterId: 'ab'.repeat(16), hostId: 7 };

t.test('a hello and each refusal read back as they were written', async (t) => {
  t.strictSame(decodeHello(encodeHello(HELLO), 1), HELLO);
  t.ok(encodeHello(HELLO).length < MAX_HELLO_BYTES);
  for (const reason of REFUSALS) {
    const refusal = { type: 'refusal', reason, version: 1 } as const;
    t.strictSame(decodeHello(encodeHello(refusal), 1), refusal);
  }
});

t.test('of another version only the version is read', async (t) => {
  t.strictSame(decodeHello(encodeHello({ ...HELLO, version: 9 }), 1), {
    type: 'refusal',
    reason: 'version',
    version: 9,
  });
});

t.test('anything else is refused with a typed error', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      t.throws(() => decodeHello(bytes, 1), { name: WireError.name });
    }),
  );
  fc.assert(
    fc.property(fc.nat(encodeHello(HELLO).length - 1), (length) => {
      t.throws(() => decodeHello(encodeHello(HELLO).slice(0, length), 1), { name: WireError.name });
    }),
  );
});

t.test('the frames that keep a stream alive are told from each other and from the rest', async (t) => {
  t.ok(isControl(PING, PING) && isControl(PONG, PONG));
  t.notOk(isControl(PING, PONG) || isControl(PONG, PING) || isControl(Uint8Array.of(1, 1), PING));
});
