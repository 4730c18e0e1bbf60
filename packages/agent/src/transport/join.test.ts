import { N3xError } from '@n3x/core/base/errors';
import { encodeToken, type JoinToken, makeToken, parseToken } from '@n3x/core/join/token';
import t from 'tap';
import { type JoiningHost, joinCluster } from './join-client.ts';
import type { JoinRequest, JoinResponse } from './join-messages.ts';
import { hashTokenSecret, JOIN_PROTOCOL, JoinServer, type JoinServerOptions } from './join-server.ts';
import { type LoopbackNode, loopbackNode, stopAll, TEST_CLUSTER, until } from './test-loopback.ts';

const HOST: JoiningHost = {
  uid: 'u-1',
  name: 'n2',
  addresses: ['/ip4/127.0.0.1/tcp/4301'],
  settings: { role: 'server', labels: {}, capacity: {}, reserve: { vcpu: 0, memoryMib: 0 } },
  facts: {
    system: 'x86_64-linux',
    vcpu: 2,
    memoryMib: 2048,
    features: ['nix'],
    kernel: '6.1',
    n3xVersion: '0.1.0',
    commandFormats: [2, 2],
  },
};

const signal = (): AbortSignal => AbortSignal.timeout(60_000);

function accepted(hostId: number, member: LoopbackNode): JoinResponse {
  const peers = [{ id: 1, peerId: member.node.peerId, addresses: member.node.addresses() }];
  return { ok: true, clusterId: TEST_CLUSTER, hostId, peers };
}

/** A token for `members` as a user would paste it. */
function tokenFor(...members: { address: string; peerId: string }[]): JoinToken {
  const result = parseToken(encodeToken(makeToken(new Uint8Array(24).fill(7), TEST_CLUSTER, members)));
  if (!result.ok) throw new Error(result.message);
  return result.token;
}

function at(member: LoopbackNode): { address: string; peerId: string } {
  return { address: member.node.addresses()[0] ?? '', peerId: member.node.peerId };
}

async function member(
  handle: (request: JoinRequest, peerId: string) => Promise<JoinResponse>,
  options: Partial<JoinServerOptions> = {},
): Promise<LoopbackNode & { server: JoinServer }> {
  const base = await loopbackNode();
  const server = new JoinServer({
    node: base.node,
    log: (level, event, fields) => base.lines.push({ level, event, fields }),
    handle,
    ...options,
  });
  await server.start();
  return { ...base, server };
}

t.test('a host with a token is let in and learns where the members are', async (t) => {
  const asked: [JoinRequest, string][] = [];
  const one = await member(async (request, peerId) => {
    asked.push([request, peerId]);
    return accepted(2, one);
  });
  const joining = await loopbackNode();
  t.teardown(() => stopAll(one, joining));
  const token = tokenFor(at(one));
  t.strictSame(await joinCluster(joining.node, token, HOST), accepted(2, one));
  t.equal(asked.length, 1);
  t.equal(asked[0]?.[1], joining.node.peerId, 'the peer id is the one that the connection proves');
  t.match(asked[0]?.[0], { ...HOST, tokenId: token.id, secret: token.secret });
  t.match(hashTokenSecret(token.secret), /^[0-9a-f]{64}$/);
});

t.test('what the cluster says reaches the host with its code, and other addresses are not asked', async (t) => {
  for (const code of ['N3X_TOKEN_INVALID', 'N3X_TOKEN_USED', 'N3X_TOKEN_EXPIRED'] as const) {
    let others = 0;
    const one = await member(async () => ({ ok: false, error: { code, message: 'because', details: { by: 'n7' } } }));
    const two = await member(async () => {
      others++;
      return accepted(2, two);
    });
    const joining = await loopbackNode();
    const joined = joinCluster(joining.node, tokenFor(at(one), at(two)), HOST);
    await t.rejects(joined, { code, message: 'because', details: { by: 'n7' } });
    t.equal(others, 0);
    await stopAll(one, two, joining);
  }
});

t.test('an address that does not answer and a member without a quorum are passed over', async (t) => {
  const gone = await loopbackNode();
  const absent = at(gone);
  await stopAll(gone);
  const stuck = await member(async () => {
    throw new N3xError('N3X_NO_QUORUM', 'no leader');
  });
  const good = await member(async () => accepted(2, good));
  const joining = await loopbackNode();
  t.teardown(() => stopAll(stuck, good, joining));
  const response = await joinCluster(joining.node, tokenFor(absent, at(stuck), at(good)), HOST);
  t.equal(response.hostId, 2);
  await t.rejects(joinCluster(joining.node, tokenFor(absent, at(stuck)), HOST), { code: 'N3X_NO_QUORUM' });
});

t.test('nobody can be reached: each address is named, with the reason', async (t) => {
  const [a, b] = [await loopbackNode(), await loopbackNode()];
  const absent = [at(a), at(b)];
  await stopAll(a, b);
  const joining = await loopbackNode();
  t.teardown(() => stopAll(joining));
  const error: unknown = await joinCluster(joining.node, tokenFor(...absent), HOST).catch((e: unknown) => e);
  if (!(error instanceof N3xError)) throw new Error('not typed');
  t.equal(error.code, 'N3X_UNREACHABLE');
  for (const { address } of absent) t.ok(error.message.includes(address), error.message);
  t.match(error.message, /ECONNREFUSED/);
  t.notMatch(error.message, /\n/);
});

t.test('another host at the address of the token is found out before it hears the secret', async (t) => {
  let heard = 0;
  const impostor = await member(async () => {
    heard++;
    return accepted(2, impostor);
  });
  const [joining, real] = [await loopbackNode(), await loopbackNode()];
  t.teardown(() => stopAll(impostor, joining, real));
  const token = tokenFor({ ...at(impostor), peerId: real.node.peerId });
  await t.rejects(joinCluster(joining.node, token, HOST), { code: 'N3X_IDENTITY' });
  t.equal(heard, 0);
  // The right peer of the wrong cluster is not joined either.
  const other = { ...tokenFor(at(impostor)), clusterPrefix: 'ffffffff' };
  await t.rejects(joinCluster(joining.node, other, HOST), { code: 'N3X_IDENTITY' });
});

t.test('a member that does not answer ends in time on both sides', async (t) => {
  const silent = await member(() => new Promise(() => undefined), { answerMs: 100 });
  const joining = await loopbackNode();
  t.teardown(() => stopAll(silent, joining));
  await t.rejects(joinCluster(joining.node, tokenFor(at(silent)), HOST), { code: 'N3X_TIMEOUT' });
  const deaf = await member(() => new Promise(() => undefined));
  t.teardown(() => stopAll(deaf));
  await t.rejects(joinCluster(joining.node, tokenFor(at(deaf)), HOST, 100), { code: 'N3X_UNREACHABLE' });
});

t.test('a host that is not in a cluster says so', async (t) => {
  const [alone, joining] = [await loopbackNode(), await loopbackNode()];
  alone.node.letStrangersIn(true);
  t.teardown(() => stopAll(alone, joining));
  await t.rejects(joinCluster(joining.node, tokenFor(at(alone)), HOST), { code: 'N3X_NOT_INITIALISED' });
});

t.test('too many attempts from one address are turned away', async (t) => {
  let asked = 0;
  const one = await member(
    async () => {
      asked++;
      return { ok: false, error: { code: 'N3X_TOKEN_INVALID', message: 'no' } };
    },
    { maxPerWindow: 3, windowMs: 3_600_000 },
  );
  const joining = await loopbackNode();
  t.teardown(() => stopAll(one, joining));
  const codes: unknown[] = [];
  for (let i = 0; i < 5; i++) {
    const error: unknown = await joinCluster(joining.node, tokenFor(at(one)), HOST).catch((e: unknown) => e);
    codes.push(error instanceof N3xError ? error.code : error);
  }
  const no = 'N3X_TOKEN_INVALID';
  t.strictSame(codes, [no, no, no, 'N3X_OVERLOADED', 'N3X_OVERLOADED']);
  t.equal(asked, 3);
});

t.test('requests that are none: not JSON, of another version, with wrong fields, too long', async (t) => {
  let asked = 0;
  const one = await member(async () => {
    asked++;
    return accepted(2, one);
  });
  const joining = await loopbackNode();
  t.teardown(() => stopAll(one, joining));
  const exchange = async (payload: Uint8Array, announced = payload.length): Promise<string> => {
    const connection = await joining.node.connect(one.node.peerId, one.node.addresses(), signal());
    const stream = await connection.newStream([JOIN_PROTOCOL], { signal: signal() });
    let answer = '';
    let over = false;
    stream.addEventListener('message', ({ data }) => {
      answer += new TextDecoder().decode(data instanceof Uint8Array ? data : data.subarray());
    });
    for (const end of ['remoteCloseWrite', 'close'] as const) {
      stream.addEventListener(end, () => {
        over = true;
      });
    }
    const header = Buffer.alloc(4);
    header.writeUInt32BE(announced);
    stream.send(Buffer.concat([header, payload]));
    await until('the stream is over', () => over);
    stream.abort(new Error('done'));
    return answer;
  };
  const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  t.equal(await exchange(Uint8Array.of(1, 2, 3)), '');
  t.equal(await exchange(Uint8Array.of(1), 1_000_000), '');
  t.match(await exchange(json({ version: 2, whatever: true })), 'N3X_VERSION');
  t.match(await exchange(json({ version: 1, tokenId: 'zz' })), 'N3X_INVALID');
  t.match(await exchange(json([])), 'N3X_INVALID');
  t.equal(asked, 0);
  const reasons = one.lines.map(({ fields }) => fields['reason'] ?? fields['code']);
  t.strictSame(reasons, ['malformed', 'oversizedFrame', 'N3X_VERSION', 'N3X_INVALID', 'N3X_INVALID']);
});
