import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import { MemberStreams, TUNNEL_PROTOCOL } from './member-streams.ts';
import { introduce, type LoopbackMember, loopbackMember, loopbackNode, stopAll, until } from './test-loopback.ts';

interface Side extends LoopbackMember {
  readonly tunnels: MemberStreams;
  readonly taken: { duplex: Duplex; from: number }[];
}

async function side(id: number): Promise<Side> {
  const base = await loopbackMember(id);
  const taken: Side['taken'] = [];
  const tunnels = new MemberStreams({
    protocol: TUNNEL_PROTOCOL,
    maxStreams: 256,
    node: base.node,
    transport: base.transport,
    log: (level, event, fields) => base.lines.push({ level, event, fields }),
    onStream: (duplex, from) => {
      duplex.on('error', () => undefined);
      taken.push({ duplex, from });
    },
  });
  await tunnels.start();
  return { ...base, tunnels, taken };
}

async function pair(t: { teardown(end: () => Promise<void>): unknown }): Promise<[Side, Side]> {
  const [a, b] = [await side(1), await side(2)];
  t.teardown(() => stopAll(a, b));
  introduce(a, b);
  await until('connected', () => a.connected.get(2) === true && b.connected.get(1) === true);
  return [a, b];
}

async function open(a: Side, b: Side): Promise<[Duplex, Duplex]> {
  const near = await a.tunnels.open(b.id);
  near.on('error', () => undefined);
  await until('the other side has it', () => b.taken.length > 0);
  const far = b.taken.pop()?.duplex;
  if (far === undefined) throw new Error('no tunnel');
  return [near, far];
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

t.test('bytes pass in both directions, and each direction ends by itself', async (t) => {
  const [a, b] = await pair(t);
  const near = await a.tunnels.open(2);
  await until('the other side has it', () => b.taken.length === 1);
  t.equal(b.taken[0]?.from, 1);
  const far = b.taken[0]?.duplex;
  if (far === undefined) throw new Error('no tunnel');
  near.end('question');
  t.equal((await buffer(far)).toString(), 'question');
  far.end('answer');
  t.equal((await buffer(near)).toString(), 'answer');
  await until('both are closed', () => near.destroyed && far.destroyed);
});

t.test('many megabytes arrive unaltered, and a slow reader holds the writer back', async (t) => {
  const [a, b] = await pair(t);
  const [near, far] = await open(a, b);
  const total = Buffer.alloc(16 * 1024 * 1024);
  for (let i = 0; i < total.length; i += 4) total.writeUInt32LE((i * 2_654_435_761) >>> 0, i);
  let written = 0;
  let blocked = false;
  const write = (): void => {
    blocked = false;
    while (written < total.length) {
      const more = near.write(total.subarray(written, written + 64 * 1024));
      written += 64 * 1024;
      if (more) continue;
      blocked = true;
      near.once('drain', write);
      return;
    }
    near.end();
  };
  write();
  // Nobody reads: what is under way is bounded by windows and buffers.
  await until('the writer is held back', () => blocked && far.readableLength > 0);
  for (let last = -1; last !== written; ) {
    last = written;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.ok(written < total.length / 2, `${written} bytes were taken`);
  const arrived = await buffer(far);
  t.equal(arrived.length, total.length);
  t.equal(digest(arrived), digest(total));
  far.end();
});

t.test('a reader that stops again and again holds the writer back each time, and gets everything', async (t) => {
  const [a, b] = await pair(t);
  const [near, far] = await open(a, b);
  const total = 24 * 1024 * 1024;
  const piece = Buffer.alloc(256 * 1024, 'x');
  let written = 0;
  const writing = (async () => {
    while (written < total) {
      written += piece.length;
      if (!near.write(piece)) await once(near, 'drain');
    }
    near.end();
  })();
  let read = 0;
  let most = 0;
  for await (const chunk of far) {
    read += (chunk as Buffer).length;
    let [last, looks] = [-1, 0];
    await until('the writer stands still', () => {
      looks = written === last ? looks + 1 : 0;
      last = written;
      return looks > 3;
    });
    most = Math.max(most, written - read);
  }
  await writing;
  t.equal(read, total);
  t.ok(most < 4 * 1024 * 1024, `${most} bytes were under way`);
  far.end();
});

t.test('an HTTP server and client work through it, also with a stream that stays open', async (t) => {
  const [a, b] = await pair(t);
  const server = http.createServer((request, response) => {
    if (request.url === '/watch') {
      response.write('first\n');
      return;
    }
    request.pipe(response);
  });
  const feed = setInterval(() => {
    for (const { duplex } of b.taken.splice(0)) server.emit('connection', duplex);
  }, 2);
  t.teardown(() => clearInterval(feed));
  const ask = async (path: string, body: string): Promise<http.IncomingMessage> => {
    const duplex = await a.tunnels.open(2);
    const request = http.request({ path, method: 'POST', createConnection: () => duplex });
    request.on('error', () => undefined);
    request.end(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    return response;
  };
  const echo = await ask('/echo', 'x'.repeat(100_000));
  t.equal((await buffer(echo)).length, 100_000);
  const watch = await ask('/watch', '');
  const [first] = (await once(watch, 'data')) as [Buffer];
  t.equal(first.toString(), 'first\n');
  let gone = false;
  watch.on('error', () => undefined);
  watch.on('close', () => {
    gone = true;
  });
  await b.node.stop();
  await until('the client is told that the server went', () => gone);
});

t.test('a destroyed tunnel is seen on the other side as broken, not as ended', async (t) => {
  const [a, b] = await pair(t);
  const [near, far] = await open(a, b);
  let error: unknown;
  far.on('error', (e) => {
    error = e;
  });
  far.resume();
  near.destroy();
  await until('it broke', () => far.destroyed);
  t.ok(error instanceof Error);
  t.equal(far.readableEnded, false);
});

t.test('hosts that are unknown or away cannot be reached, in one line', async (t) => {
  const [a, b] = await pair(t);
  await t.rejects(a.tunnels.open(7), { code: 'N3X_UNREACHABLE', message: /host 7 is not known/ });
  await stopAll(b);
  await t.rejects(a.tunnels.open(2), { code: 'N3X_UNREACHABLE', message: /host 2 cannot be reached: [^\n]+$/ });
});

t.test('a host that is no member may not open one', async (t) => {
  const [a] = await pair(t);
  const stranger = await loopbackNode();
  t.teardown(() => stopAll(stranger));
  const signal = AbortSignal.timeout(60_000);
  await t.rejects(
    stranger.node
      .connect(a.node.peerId, a.node.addresses(), signal)
      .then((c) => c.newStream([TUNNEL_PROTOCOL], { signal })),
  );
  a.node.letStrangersIn(true);
  const connection = await stranger.node.connect(a.node.peerId, a.node.addresses(), signal);
  const stream = await connection.newStream([TUNNEL_PROTOCOL], { signal });
  await until('it is cut', () => stream.status !== 'open');
  t.equal(a.taken.length, 0);
  t.equal(a.lines.filter(({ event }) => event === 'transport.streamRefused').length, 1);
});
