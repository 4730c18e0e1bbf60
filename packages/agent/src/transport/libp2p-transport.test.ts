import type { Connection, Stream } from '@libp2p/interface';
import { encodePeerMessage, WIRE_VERSION } from '@n3x/core/wire/codec';
import { encodeFrames } from '@n3x/core/wire/frame';
import { encodeHello } from '@n3x/core/wire/hello';
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import t from 'tap';
import { PEER_PROTOCOL } from './peer-link.ts';
import type { LoopbackMember, LoopbackNode } from './test-loopback.ts';
import { introduce, loopbackMember, loopbackNode, stopAll, TEST_CLUSTER, until } from './test-loopback.ts';

const ack = (index: number): PeerMessage => ({ type: 'snapshotAck', index, term: 1, next: 0 });
const signal = (): AbortSignal => AbortSignal.timeout(60_000);

async function openTo(from: LoopbackNode, to: LoopbackNode): Promise<{ connection: Connection; stream: Stream }> {
  const connection = await from.node.connect(to.node.peerId, to.node.addresses(), signal());
  return { connection, stream: await connection.newStream([PEER_PROTOCOL], { signal: signal() }) };
}

function refusals(member: LoopbackMember): unknown[] {
  return member.lines.filter(({ event }) => event === 'transport.streamRefused').map(({ fields }) => fields['reason']);
}

const hello = (hostId: number, clusterId = TEST_CLUSTER, version = WIRE_VERSION): Uint8Array =>
  encodeHello({ type: 'hello', version, clusterId, hostId });

t.test('bytes that are no messages end their stream with one line in the log, and hurt nothing else', async (t) => {
  const oversized = Uint8Array.of(0xff, 0xff, 0xff, 0xff);
  const foreign: PeerMessage = {
    type: 'raft',
    message: { type: 'MsgVoteResp', from: 3, to: 1, term: 4, reject: false },
  };
  const misdirected: PeerMessage = {
    type: 'raft',
    message: { type: 'MsgVoteResp', from: 2, to: 7, term: 4, reject: false },
  };
  const cases: [string, Uint8Array][] = [
    ['malformed', encodeFrames([Uint8Array.of(0xc1, 0xff, 0x00, 0x93)])],
    ['malformed', encodeFrames([encodePeerMessage(ack(1)).slice(0, -1)])],
    ['outOfRange', encodeFrames([Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff)])],
    ['oversizedFrame', oversized],
    ['emptyFrame', new Uint8Array(8)],
    ['unknownType', encodeFrames([Uint8Array.of(0x94, 99, 1, 1, 1)])],
    ['wrongSender', encodeFrames([encodePeerMessage(foreign)])],
    ['wrongReceiver', encodeFrames([encodePeerMessage(misdirected)])],
  ];
  for (const [reason, bytes] of cases) {
    // The second member's transport is real; its hostile stream is a further one on the same connection.
    const [a, b, c] = [await loopbackMember(1), await loopbackMember(2), await loopbackMember(3)];
    introduce(a, b, c);
    await until('all connected', () => [2, 3].every((id) => a.connected.get(id) === true));
    await until('heard of both', () => b.connected.get(1) === true && c.connected.get(1) === true);
    const { stream, connection } = await openTo(b, a);
    let over = false;
    stream.addEventListener('close', () => {
      over = true;
    });
    stream.send(encodeFrames([hello(2)]));
    stream.send(bytes);
    await until('the stream is ended', () => over);
    await until('it is logged', () => refusals(a).length > 0);
    t.strictSame(refusals(a), [reason], reason);
    t.equal(connection.status, 'open', 'the connection stays');
    c.transport.send(1, ack(77));
    await until('others are heard', () => a.received.some(({ from }) => from === 3));
    t.notOk(
      a.received.some(({ message }) => message.type === 'raft'),
      'nothing of it was delivered',
    );
    await until('the real link is back', () => {
      b.transport.send(1, ack(78));
      return a.received.some(({ from }) => from === 2);
    });
    await stopAll(a, b, c);
  }
});

t.test('a stream that ends inside a frame is told apart from one that just ends', async (t) => {
  const [a, b] = [await loopbackMember(1), await loopbackMember(2)];
  t.teardown(() => stopAll(a, b));
  introduce(a, b);
  await until('connected', () => a.connected.get(2) === true && b.connected.get(1) === true);
  const whole = await openTo(b, a);
  whole.stream.send(encodeFrames([hello(2), encodePeerMessage(ack(5))]));
  await whole.stream.close();
  await until('it was read', () => a.received.length === 1);
  t.strictSame(refusals(a), []);
  const cut = await openTo(b, a);
  cut.stream.send(encodeFrames([hello(2), encodePeerMessage(ack(6))]).slice(0, -2));
  await cut.stream.close();
  await until('it is logged', () => refusals(a).length > 0);
  t.strictSame(refusals(a), ['truncatedFrame']);
  t.equal(a.received.length, 1);
});

t.test('hosts of another cluster, version or id are told why, and nothing of theirs is heard', async (t) => {
  const [a, b] = [await loopbackMember(1), await loopbackMember(2, { clusterId: 'c2'.repeat(16) })];
  const c = await loopbackMember(3);
  t.teardown(() => stopAll(a, b, c));
  // The second member is in another cluster; the third believes that it is host 3 where the first knows it as 4.
  const known = [
    { id: 2, peerId: b.node.peerId, addresses: b.node.addresses() },
    { id: 4, peerId: c.node.peerId, addresses: c.node.addresses() },
  ];
  a.transport.setPeers(known);
  const first = { id: 1, peerId: a.node.peerId, addresses: a.node.addresses() };
  b.transport.setPeers([first]);
  c.transport.setPeers([first]);
  const problems = (member: LoopbackMember): string =>
    member.lines.map(({ fields }) => String(fields['problem'] ?? '')).join('\n');
  await until('the other cluster is told', () => problems(b).includes('refused: wrongCluster'));
  await until('the wrong id is told', () => problems(c).includes('refused: wrongHost'));
  const raw = await openTo(c, a);
  const answers: Uint8Array[] = [];
  raw.stream.addEventListener('message', (event) => {
    const { data } = event;
    answers.push(data instanceof Uint8Array ? data.slice() : data.subarray());
  });
  raw.stream.send(encodeFrames([hello(4, TEST_CLUSTER, 99)]));
  await until('an answer', () => answers.length > 0);
  const refusal = encodeHello({ type: 'refusal', reason: 'version', version: WIRE_VERSION });
  t.strictSame([...(answers[0] ?? [])], [...encodeFrames([refusal])]);
  t.equal(a.connected.get(2), undefined);
  t.equal(a.received.length, 0);
});

t.test(
  'after a recovery the two clusters hear nothing of each other, whoever begins, and the old one is told',
  async (t) => {
    const old = 'c0'.repeat(16);
    const [left, gone] = [await loopbackMember(2, { clusterId: old }), await loopbackMember(1, { supersedes: [old] })];
    t.teardown(() => stopAll(left, gone));
    // Each believes that the other one is a member of its cluster.
    introduce(left, gone);
    const problems = (member: LoopbackMember): string =>
      member.lines.map(({ fields }) => String(fields['problem'] ?? '')).join('\n');
    await until('the old one is told', () => left.superseded.length > 0);
    t.equal(left.superseded[0], 1);
    await until('why is in its log', () =>
      /went on in a new cluster, which this host has to join again/.test(problems(left)),
    );
    await until('the new one is refused by the old one', () => problems(gone).includes('refused: wrongCluster'));
    t.same(gone.superseded, []);
    left.transport.send(1, { type: 'members', index: 9, members: [] });
    gone.transport.send(2, { type: 'members', index: 9, members: [] });
    t.same([left.received, gone.received], [[], []]);
    t.same([left.connected.get(1), gone.connected.get(2)], [undefined, undefined]);
  },
);

t.test('a host that is no member cannot connect, and with joining open cannot be heard', async (t) => {
  const a = await loopbackMember(1);
  const stranger = await loopbackNode();
  t.teardown(() => stopAll(a, stranger));
  const refused = openTo(stranger, a);
  await t.rejects(refused, 'no connection while nobody may join');
  a.node.letStrangersIn(true);
  const { stream } = await openTo(stranger, a);
  let over = false;
  stream.addEventListener('close', () => {
    over = true;
  });
  stream.addEventListener('remoteCloseWrite', () => {
    over = true;
  });
  stream.send(encodeFrames([hello(9), encodePeerMessage(ack(1))]));
  await until('the stream is ended', () => over);
  t.strictSame(refusals(a), ['unknownMember']);
  t.equal(a.received.length, 0);
});

t.test('strangers are few and do not stay', async (t) => {
  const a = await loopbackMember(1, { node: { maxStrangers: 2, strangerMs: 4_000 } });
  a.node.letStrangersIn(true);
  const strangers = [await loopbackNode(), await loopbackNode(), await loopbackNode()];
  t.teardown(() => stopAll(a, ...strangers));
  const connections: Connection[] = [];
  for (const { node } of strangers.slice(0, 2)) {
    connections.push(await node.connect(a.node.peerId, a.node.addresses(), signal()));
  }
  await until('both are counted', () =>
    strangers.slice(0, 2).every((s) => a.node.connections(s.node.peerId).length > 0),
  );
  await t.rejects(async () => {
    const third = strangers[2];
    if (third !== undefined) await openTo(third, a);
  }, 'the third finds no place');
  await until('their time is up', () => connections.every((connection) => connection.status !== 'open'));
});

t.test('a peer whose connection is dead is noticed while something is sent to it', async (t) => {
  const tuning = { checkMs: 20, deadMs: 100 };
  const [a, b] = [await loopbackMember(1, { tuning }), await loopbackMember(2, { tuning })];
  t.teardown(() => stopAll(a, b));
  introduce(a, b);
  await until('connected', () => a.connected.get(2) === true && b.connected.get(1) === true);
  // A peer that reads nothing leaves pings without an answer, as one does that is gone.
  b.transport.pause();
  let lost = false;
  await until('the loss is noticed', () => {
    a.transport.send(2, ack(1));
    lost ||= a.connected.get(2) === false;
    return lost;
  });
  b.transport.resume();
  await until('connected again', () => a.connected.get(2) === true);
  await until('heard', () => {
    // With so little patience a busy machine may lose the connection once more.
    a.transport.send(2, ack(424_242));
    return b.received.some(({ message }) => message.type === 'snapshotAck' && message.index === 424_242);
  });
});

t.test('a paused receiver holds the sender back instead of storing', async (t) => {
  const tuning = { maxQueuedBytes: 2 * 1024 * 1024 };
  const [a, b] = [await loopbackMember(1, { tuning }), await loopbackMember(2, { tuning })];
  t.teardown(() => stopAll(a, b));
  introduce(a, b);
  await until('connected', () => a.connected.get(2) === true);
  b.transport.pause();
  const data = new Uint8Array(100_000);
  const message: PeerMessage = {
    type: 'raft',
    message: { type: 'MsgProp', from: 1, to: 2, term: 0, entries: [{ type: 'normal', data }] },
  };
  await until('messages are shed', () => {
    for (let i = 0; i < 20; i++) a.transport.send(2, message);
    return (a.transport.stats().links.get(2)?.droppedMessages ?? 0) > 100;
  });
  const stats = a.transport.stats().links.get(2);
  t.ok((stats?.queuedBytes ?? 0) <= 2 * 1024 * 1024 + 512 * 1024, `${stats?.queuedBytes} bytes wait`);
  t.equal(b.received.length, 0);
  b.transport.resume();
  await until('what was queued arrives', () => b.received.length > 10);
});

t.test('what is sent in one turn of the event loop leaves as one buffer', async (t) => {
  const [a, b] = [await loopbackMember(1), await loopbackMember(2)];
  t.teardown(() => stopAll(a, b));
  introduce(a, b);
  await until('connected', () => a.connected.get(2) === true && b.connected.get(1) === true);
  const [connection] = a.node.connections(b.node.peerId);
  const stream = connection?.streams.find((one) => one.protocol === PEER_PROTOCOL && one.direction === 'outbound');
  if (stream === undefined) throw new Error('no stream');
  const sizes: number[] = [];
  t.intercept(stream, 'send', {
    value: (data: { byteLength: number }) => {
      sizes.push(data.byteLength);
      return true;
    },
  });
  const bytes = encodeFrames([encodePeerMessage(ack(1))]).length;
  for (let i = 0; i < 50; i++) a.transport.send(2, ack(1));
  await until('it is sent', () => sizes.length > 0);
  t.strictSame(sizes, [50 * bytes]);
});

t.test('what was sent right before a stop still arrives, and the host then knows no members', async (t) => {
  const [a, b] = [await loopbackMember(1), await loopbackMember(2)];
  t.teardown(() => stopAll(a, b));
  introduce(a, b);
  await until('connected', () => a.connected.get(2) === true && b.connected.get(1) === true);
  for (let i = 0; i < 100; i++) a.transport.send(2, ack(i));
  await a.transport.stop();
  await a.node.stop();
  await until('all arrived', () => b.received.length === 100);
  t.notOk(a.node.isMember(b.node.peerId));
});
