import t from 'tap';
import { createIdentity } from './identity.ts';
import { PeerNode } from './node.ts';
import { loopbackNode, stopAll } from './test-loopback.ts';

const log = (): void => undefined;

t.test('an address that cannot be listened on is a fault of the configuration, in one line', async (t) => {
  const first = await loopbackNode({ listen: ['/ip4/127.0.0.1/tcp/0'] });
  t.teardown(() => stopAll(first));
  const identity = await createIdentity();
  const taken = first.node.addresses();
  t.match(taken[0], /^\/ip4\/127\.0\.0\.1\/tcp\/\d+$/, 'the port that was given out is known');
  for (const listen of [taken, ['127.0.0.1:80'], ['/ip4/127.0.0.1'], ['/ip4/127.0.0.1/udp/9'], ['nonsense']]) {
    const error: unknown = await PeerNode.start({ identity, listen, log }).catch((e: unknown) => e);
    t.match(error, { name: 'N3xError', code: 'N3X_CONFIG' }, listen.join());
    t.notMatch(error instanceof Error ? error.message : '', /\n/);
  }
});

t.test('a node that is started again at the same place is found again', async (t) => {
  const [a, b] = [await loopbackNode(), await loopbackNode()];
  a.node.letStrangersIn(true);
  const signal = AbortSignal.timeout(60_000);
  const place = a.node.addresses();
  await b.node.connect(a.node.peerId, place, signal);
  await a.node.stop();
  const again = await PeerNode.start({ identity: a.identity, listen: place, log });
  t.teardown(async () => {
    await again.stop();
    await stopAll(b);
  });
  again.letStrangersIn(true);
  const connection = await b.node.connect(again.peerId, place, signal);
  t.equal(connection.remotePeer.toString(), a.node.peerId);
});

t.test('who leaves the set of members is cut off, who stays is not', async (t) => {
  const [a, b, c] = [await loopbackNode(), await loopbackNode(), await loopbackNode()];
  t.teardown(() => stopAll(a, b, c));
  a.node.setMembers(new Set([b.node.peerId, c.node.peerId]));
  const signal = AbortSignal.timeout(60_000);
  const leaving = await b.node.connect(a.node.peerId, a.node.addresses(), signal);
  const staying = await c.node.connect(a.node.peerId, a.node.addresses(), signal);
  const cut = new Promise((resolve) => leaving.addEventListener('close', resolve));
  a.node.setMembers(new Set([c.node.peerId]));
  await cut;
  t.notOk(a.node.isMember(b.node.peerId));
  t.equal(staying.status, 'open');
});
