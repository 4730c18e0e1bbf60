import { Socket } from 'node:net';
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import t from 'tap';
import { introduce, loopbackMember, stopAll, until } from './test-loopback.ts';

function message(context: string): PeerMessage {
  return { type: 'raft', message: { type: 'MsgReadIndex', from: 1, to: 2, term: 1, context } };
}

t.test('a message is one write, and waiting for the next one throws nothing', async (t) => {
  const one = await loopbackMember(1);
  const two = await loopbackMember(2);
  t.teardown(() => stopAll(one, two));
  introduce(one, two);
  await until('both are connected', () => one.connected.get(2) === true && two.connected.get(1) === true);

  const writes = t.capture(Socket.prototype, 'write', Socket.prototype.write);
  const thrown = t.capture(globalThis, 'RangeError', RangeError);
  const count = 50;
  for (let i = 0; i < count; i++) {
    one.transport.send(2, message(String(i)));
    await until('it arrives', () => two.received.length > i);
  }
  t.equal(thrown().length, 0, 'no exceptions');
  // What the test itself prints may be written to a socket too.
  const sizes = writes().flatMap(({ args: [data] }) => (data instanceof Uint8Array ? [data.length] : []));
  t.ok(sizes.length >= count && sizes.every((size) => size > 2), `no length by itself: ${sizes.join(' ')}`);
});
