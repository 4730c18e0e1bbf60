/** Joining: refused ones, interrupted ones, and what peers get that are no members or send nonsense. */
import { join } from 'node:path';
import { readIdentity } from '@n3x/agent/store/identity';
import { createIdentity, identityFromBytes } from '@n3x/agent/transport/identity';
import { PeerNode } from '@n3x/agent/transport/node';
import { PEER_PROTOCOL } from '@n3x/agent/transport/peer-link';
import { WIRE_VERSION } from '@n3x/core/wire/codec';
import { encodeFrames } from '@n3x/core/wire/frame';
import { encodeHello } from '@n3x/core/wire/hello';
import t, { type Test } from 'tap';
import { Cluster, type Host, until } from './cluster.ts';

interface HostView {
  name: string;
  membership: string;
  peerId: string;
}

const cluster = await Cluster.formed(3);
t.teardown(() => cluster.destroy());
const [n1, n2, n3] = [cluster.host(0), cluster.host(1), cluster.host(2)];

const hosts = async (asked: Host): Promise<HostView[]> =>
  (await asked.json<{ items: HostView[] }>(['host', 'list'])).items;
const token = async (asked: Host): Promise<string> => (await asked.json<{ token: string }>(['token', 'create'])).token;
const initialised = async (host: Host): Promise<boolean> =>
  (await host.ctl(['cluster', 'status', '--stale'])).code === 0;

/** Waits until a host is in the group, once and under its name, as another host and itself see it: it votes where a voter is wanted. */
async function isIn(t: Test, host: Host, asked: Host): Promise<void> {
  for (const one of [asked, host]) {
    await until(`${host.name} is in, as ${one.name} knows`, 60_000, async () =>
      (await hosts(one)).some((seen) => seen.name === host.name && ['voter', 'learner'].includes(seen.membership)),
    );
    t.equal((await hosts(one)).filter((seen) => seen.name === host.name).length, 1, `${host.name} is there once`);
  }
}

await t.test('a name that is taken, a token that is used, a member that begins again', async (t) => {
  const namesake = await cluster.add('n2');
  await namesake.start();
  const one = await token(n1);
  const taken = await namesake.ctl(['cluster', 'join', one]);
  t.equal(taken.code, 4);
  t.match(
    taken.stderr,
    /^n3xctl: the cluster has a host n2 already: give this one another name in its configuration\n$/,
  );
  t.equal(await initialised(namesake), false);
  await namesake.kill('SIGTERM');
  cluster.hosts.pop();

  const n4 = await cluster.add('n4');
  const n5 = await cluster.add('n5');
  await Promise.all([n4.start(), n5.start()]);
  await n4.json(['cluster', 'join', one]);
  t.pass('the refused host did not use the token up');
  const used = await n5.ctl(['cluster', 'join', one]);
  t.equal(used.code, 7);
  t.match(used.stderr, /^n3xctl: join token \w+ was used by n4: make another with `n3xctl token create`\n$/);
  t.equal(await initialised(n5), false);
  await isIn(t, n4, n1);

  for (const args of [
    ['cluster', 'init'],
    ['cluster', 'join', await token(n1)],
  ]) {
    const again = await n2.ctl(args);
    t.equal(again.code, 4, args.join(' '));
    t.match(
      again.stderr,
      /^n3xctl: host n2 belongs to cluster \w+ already: leave it first with "n3xctl cluster leave"\n$/,
    );
  }
});

await t.test('the host that made the token is down, another named one is up', async (t) => {
  const n5 = cluster.host(4);
  const one = await token(n3);
  await n3.kill('SIGKILL');
  await until('the others answer', 60_000, async () => (await n1.ctl(['vm', 'list'])).code === 0);
  await n5.json(['cluster', 'join', one, '--timeout', '30s'], { timeoutMs: 40_000 });
  await n3.start();
  await isIn(t, n5, n1);
});

await t.test('a join that is interrupted on either side leaves nothing half done and can be repeated', async (t) => {
  const [n6, n7] = [await cluster.add('n6'), await cluster.add('n7')];
  await Promise.all([n6.start(), n7.start()]);
  // The token is n2's, so n2 is asked first; the one who is killed goes as soon as n2 has let the other in.
  for (const [host, victim] of [
    [n6, n6],
    [n7, n2],
  ] as const) {
    const one = await token(n2);
    const accepted = async (): Promise<number> => (await n2.log()).split('join.accepted').length;
    const before = await accepted();
    const joining = host.ctl(['cluster', 'join', one, '--timeout', '20s'], { timeoutMs: 30_000 });
    const deadline = performance.now() + 20_000;
    while ((await accepted()) === before && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 2));
    await victim.kill('SIGKILL');
    const ended = await joining;
    t.ok(
      [0, 4, 5, 6, 8].includes(ended.code),
      `${victim.name} killed: exit ${ended.code} ${ended.stderr.split('\n')[0]}`,
    );
    await victim.start();
    const known = await until('n1 answers', 60_000, () => hosts(n1));
    t.equal(known.filter((seen) => seen.name === host.name).length, 1, 'the cluster knows it once');
    if (!(await initialised(host))) {
      await host.json(['cluster', 'join', one, '--timeout', '30s'], { timeoutMs: 40_000 });
      t.pass('the same token admits the same host again');
    }
    await isIn(t, host, n1);
  }
  const everywhere = (await hosts(n1)).map((host) => host.name);
  await until('n2 knows all', 60_000, async () => (await hosts(n2)).length === everywhere.length);
});

/** Opens a stream of the peer protocol to a host, sends frames, and gives what came back once the stream is over. */
async function speak(from: PeerNode, to: Host, peerId: string, pieces: readonly Uint8Array[]): Promise<number> {
  const signal = AbortSignal.timeout(60_000);
  const connection = await from.connect(peerId, [`/ip4/127.0.0.1/tcp/${to.port}`], signal);
  const stream = await connection.newStream([PEER_PROTOCOL], { signal });
  let answered = 0;
  let over = false;
  stream.addEventListener('message', (event) => {
    answered += event.data.byteLength;
  });
  stream.addEventListener('close', () => {
    over = true;
  });
  for (const piece of pieces) stream.send(piece);
  await until('something comes back', 60_000, async () => answered > 0 || over);
  if (pieces.length === 1 && pieces[0] !== undefined && !over) await stream.close({ signal });
  await until('the stream is over', 60_000, async () => over);
  return answered;
}

await t.test('strangers and members that send nonsense', async (t) => {
  const peerId = (await hosts(n1)).find((host) => host.name === 'n1')?.peerId ?? '';
  const { cluster: membership, privateKey } = (await readIdentity(join(n3.dataDirectory, 'identity.json'))) ?? {};
  if (membership === undefined || privateKey === undefined) throw new Error('n3 has no identity');
  const hello = encodeFrames([
    encodeHello({ type: 'hello', version: WIRE_VERSION, clusterId: membership.clusterId, hostId: membership.hostId }),
  ]);
  const before = await hosts(n1);

  const stranger = await PeerNode.start({ identity: await createIdentity(), listen: [], log: () => undefined });
  try {
    await speak(stranger, n1, peerId, [hello]);
    await until('n1 tells of it', 60_000, async () =>
      (await n1.log()).split('\n').some((line) => line.includes(stranger.peerId) && line.includes('unknownMember')),
    );
    t.pass('a peer that is no member is refused, and the log says so');
  } finally {
    await stranger.stop();
  }

  // With the key of n3, in its place.
  await n3.kill('SIGTERM');
  const identity = identityFromBytes(Buffer.from(privateKey, 'base64'));
  const member = await PeerNode.start({ identity, listen: [], log: () => undefined });
  try {
    for (const [reason, bytes] of [
      ['oversizedFrame', Uint8Array.of(0xff, 0xff, 0xff, 0xff)],
      ['malformed', encodeFrames([Uint8Array.of(0xc1, 0xff, 0x00, 0x93)])],
    ] as const) {
      await speak(member, n1, peerId, [hello, bytes]);
      await until(`n1 tells of ${reason}`, 60_000, async () => (await n1.log()).includes(`"reason":"${reason}"`));
      t.equal((await n1.ctl(['vm', 'list'])).code, 0, `${reason}: n1 goes on`);
    }
    const cut = new Uint8Array([...hello, 0, 0, 1, 0, 7, 7]);
    await speak(member, n1, peerId, [cut]);
    await until('n1 tells of it', 60_000, async () => (await n1.log()).includes('"reason":"truncatedFrame"'));
    t.pass('a frame that is cut short ends its stream');
  } finally {
    await member.stop();
  }
  await n3.start();
  await isIn(t, n3, n1);
  t.same(
    (await hosts(n1)).map((host) => host.name),
    before.map((host) => host.name),
  );
  t.ok(cluster.hosts.every((host) => host.running));
});
