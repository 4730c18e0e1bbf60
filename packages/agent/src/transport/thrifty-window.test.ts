import type { PeerMessage } from '@n3x/core/wire/peer-message';
import t from 'tap';
import { PEER_PROTOCOL } from './peer-link.ts';
import { introduce, loopbackMember, stopAll, until } from './test-loopback.ts';

const WINDOW_UPDATE = 1;
/** The least window that yamux has, in bytes. */
const WINDOW_BYTES = 256 * 1024;

function message(context: string): PeerMessage {
  return { type: 'raft', message: { type: 'MsgReadIndex', from: 1, to: 2, term: 1, context } };
}

t.test('messages cost no window update each, and more than a window passes', async (t) => {
  const one = await loopbackMember(1);
  const two = await loopbackMember(2);
  t.teardown(() => stopAll(one, two));
  introduce(one, two);
  await until('both are connected', () => one.connected.get(2) === true && two.connected.get(1) === true);
  let updates = 0;
  let watched = 0;
  for (const connection of two.node.connections(one.node.peerId)) {
    for (const stream of connection.streams) {
      if (stream.protocol !== PEER_PROTOCOL || !('sendFrame' in stream)) continue;
      const { sendFrame } = stream;
      if (typeof sendFrame !== 'function') continue;
      watched++;
      stream.sendFrame = (frame: { type: number }, data?: unknown): unknown => {
        if (frame.type === WINDOW_UPDATE) updates++;
        return sendFrame(frame, data);
      };
    }
  }
  t.ok(watched > 0, 'the streams are of the kind that this is about');
  const count = 4_000;
  const bytes = 200;
  for (let i = 0; i < count; i++) {
    one.transport.send(2, message(`${i} ${'x'.repeat(bytes)}`));
    if (i % 100 === 99) await until('they arrive', () => two.received.length > i);
  }
  t.equal(two.received.length, count);
  t.ok(count * bytes > 3 * WINDOW_BYTES);
  t.ok(updates > 0 && updates < 12, `${updates} window updates`);
});
