import { encodeProposal } from '@n3x/core/machine/proposal-codec';
import { requestKey } from '@n3x/core/machine/record';
import type { RecordObject } from '@n3x/core/machine/record-codec';
import { STATE_CODEC } from '@n3x/core/machine/state-codec';
import t from 'tap';
import { SharedCodec } from './shared-codec.ts';

const COMMAND = { type: 'vmRestart', name: 'a' } as const;
const ENTRY = encodeProposal({ format: 2, requestId: 'r1', atMs: 5, command: COMMAND });

function request(index: number): RecordObject {
  return { kind: 'request', requestId: 'r1', result: { ok: true, index, changed: true } };
}

function renamed(object: RecordObject): RecordObject {
  return object.kind === 'request' ? { ...object, requestId: 'r2' } : object;
}

t.test('an entry is read once, and read as a build of these formats reads it', async (t) => {
  const codec = new SharedCodec();
  const first = codec.proposal(ENTRY, [2, 2]);
  t.same(first, STATE_CODEC.proposal(ENTRY, [2, 2]));
  t.equal(codec.proposal(ENTRY, [2, 3]), first);
  t.same(codec.proposal(ENTRY, [3, 4]), STATE_CODEC.proposal(ENTRY, [3, 4]), 'a build that does not read this format');
  t.same(codec.proposal(new Uint8Array(), [2, 2]), STATE_CODEC.proposal(new Uint8Array(), [2, 2]));
});

t.test('what is shared cannot be changed', async (t) => {
  const codec = new SharedCodec();
  const decoded = codec.proposal(ENTRY, [2, 2]);
  if (!decoded.ok) throw new Error(decoded.message);
  t.throws(() => Object.assign(decoded.proposal.command, { name: 'b' }), TypeError);
  const object = codec.record(requestKey(1), codec.encode(requestKey(1), request(1)));
  t.throws(() => Object.assign(object, { requestId: 'r2' }), TypeError);
});

t.test('records that are the same have the same bytes, others have their own', async (t) => {
  const codec = new SharedCodec();
  const bytes = codec.encode(requestKey(1), request(1));
  t.equal(codec.encode(requestKey(1), request(1)), bytes);
  const other = codec.encode(requestKey(1), renamed(request(1)));
  t.same(other, STATE_CODEC.encode(requestKey(1), renamed(request(1))));
  t.notSame(other, bytes);
  t.throws(() => codec.record(requestKey(2), other), { code: 'N3X_CORRUPT' }, 'it belongs under its own key');
  t.same(codec.record(requestKey(1), other), STATE_CODEC.record(requestKey(1), other));
});
