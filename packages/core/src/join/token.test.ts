import * as fc from 'fast-check';
import t from 'tap';
import { N3xError } from '../base/errors.ts';
import { keyToPeerId, peerIdToKey } from './base58.ts';
import { fromBase64url, toBase64url } from './base64url.ts';
import { encodeToken, type JoinToken, makeToken, parseToken, TOKEN_RANDOM_BYTES } from './token.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const address = fc.oneof(
  fc.tuple(fc.ipV4(), fc.nat(65_535)).map(([ip, port]) => `/ip4/${ip}/tcp/${port}`),
  fc.tuple(fc.ipV6(), fc.nat(65_535)).map(([ip, port]) => `/ip6/${ip}/tcp/${port}`),
  fc.nat(65_535).map((port) => `/dns4/host-1.example.org/tcp/${port}`),
);
const token: fc.Arbitrary<JoinToken> = fc
  .tuple(
    bytes(TOKEN_RANDOM_BYTES),
    bytes(16),
    fc.array(fc.record({ address, peerId: bytes(32).map(keyToPeerId) }, { noNullPrototype: true }), {
      minLength: 1,
      maxLength: 3,
    }),
  )
  .map(([random, cluster, addresses]) => makeToken(random, Buffer.from(cluster).toString('hex'), addresses));

t.test('a token reads back as it was written, also with white space around it', async (t) => {
  fc.assert(
    fc.property(token, (value) => {
      const text = encodeToken(value);
      t.strictSame(parseToken(`  ${text}\n`), { ok: true, token: value }, text);
    }),
  );
});

t.test('three IPv4 members make a line that can be pasted', async (t) => {
  const peerId = keyToPeerId(new Uint8Array(32).fill(200));
  const addresses = [7, 8, 9].map((n) => ({ address: `/ip4/192.168.100.${n}/tcp/4300`, peerId }));
  const text = encodeToken(makeToken(new Uint8Array(TOKEN_RANDOM_BYTES), '0'.repeat(32), addresses));
  t.match(text, /^n3x1\.[A-Za-z0-9_-]+$/);
  t.ok(text.length < 220, `${text.length} characters`);
});

t.test('a changed, lost or doubled character is found', async (t) => {
  const anyChar = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_!? ');
  fc.assert(
    fc.property(token, fc.nat(), anyChar, fc.constantFrom('change', 'drop', 'double'), (value, where, char, how) => {
      const text = encodeToken(value);
      const at = where % text.length;
      const replacement = { change: char, drop: '', double: `${text[at]}${text[at]}` }[how];
      const typo = text.slice(0, at) + replacement + text.slice(at + 1);
      if (typo.trim() === text) return;
      const result = parseToken(typo);
      t.equal(result.ok, false, typo);
    }),
  );
});

t.test('no text makes the parser throw', async (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.base64String().map((text) => `n3x1.${text}`),
      ),
      (text) => {
        t.equal(parseToken(text).ok, false);
      },
    ),
  );
  t.match(parseToken('hello'), { ok: false, reason: 'prefix' });
  t.match(parseToken('n3x1.'), { ok: false, reason: 'checksum' });
  t.match(parseToken('n3x1.AA=='), { ok: false, reason: 'characters' });
});

t.test('what cannot be written is refused with a code', async (t) => {
  const good = makeToken(new Uint8Array(TOKEN_RANDOM_BYTES), 'ab'.repeat(16), [
    { address: '/ip4/127.0.0.1/tcp/1', peerId: keyToPeerId(new Uint8Array(32)) },
  ]);
  const bad: JoinToken[] = [
    { ...good, addresses: [] },
    { ...good, id: 'xyz' },
    { ...good, addresses: [{ address: '/ip4/127.0.0.1/tcp/1', peerId: 'nobody' }] },
    { ...good, addresses: [{ address: 'host:80', peerId: keyToPeerId(new Uint8Array(32)) }] },
  ];
  for (const value of bad) {
    t.throws(() => encodeToken(value), { name: N3xError.name, code: 'N3X_INVALID' });
  }
});

t.test('base64url is what the platform makes of it', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (value) => {
      const text = Buffer.from(value).toString('base64url');
      t.equal(toBase64url(value), text);
      t.strictSame(fromBase64url(text), value);
    }),
  );
});

t.test('peer ids: key to text and back, and nothing else is taken for one', async (t) => {
  fc.assert(
    fc.property(bytes(32), (key) => {
      const peerId = keyToPeerId(key);
      t.match(peerId, /^12D3KooW/);
      t.strictSame(peerIdToKey(peerId), key);
    }),
  );
  for (const text of ['', '1', '0'.repeat(52), 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', 'z'.repeat(60)]) {
    t.equal(peerIdToKey(text), undefined, text);
  }
});
