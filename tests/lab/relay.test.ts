/** The relay: who dials is found out, each direction is cut by itself, and nothing is lost by a cut. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { until } from '../e2e/until.ts';
import { Relay } from './relay.ts';

/** A process that listens, echoes in capitals, dials when it is told to and tells what it hears. */
async function peer() {
  const child = fork(fileURLToPath(new URL('relay-peer.ts', import.meta.url)), { stdio: 'inherit', execArgv: [] });
  let heard = '';
  let ended = 0;
  let port = 0;
  child.on('message', (message: { port?: number; heard?: string; ended?: true }) => {
    port = message.port ?? port;
    heard += message.heard ?? '';
    ended += message.ended === true ? 1 : 0;
  });
  await until('the peer listens', 20_000, async () => port > 0);
  return {
    pid: child.pid ?? 0,
    port,
    heard: () => heard,
    ended: () => ended,
    tell: (message: { dial?: number; say?: string }) => child.send(message),
    stop: async () => {
      if (child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}

t.test('directions of a pair, and who is no member', async (t) => {
  const peers = { a: await peer(), b: await peer() };
  const relay = new Relay((host) => peers[host === 'a' ? 'a' : 'b'].pid);
  t.teardown(async () => {
    relay.close();
    await Promise.all([peers.a.stop(), peers.b.stop()]);
  });
  await relay.serve('a', peers.a.port);
  const toB = await relay.serve('b', peers.b.port);
  const hears = (who: 'a' | 'b', text: string) =>
    until(`${who} hears ${text}`, 10_000, async () => peers[who].heard() === text);

  peers.a.tell({ dial: toB });
  peers.a.tell({ say: 'one ' });
  await hears('b', 'one ');
  await hears('a', 'ONE ');
  t.match(relay.counts, { relayed: 1, refused: 0 });

  relay.setOpen('b', 'a', false);
  peers.a.tell({ say: 'two ' });
  await hears('b', 'one two ');
  t.equal(peers.a.heard(), 'ONE ', 'what b answers is held');
  relay.setOpen('a', 'b', false);
  relay.setOpen('b', 'a', true);
  await hears('a', 'ONE TWO ');
  peers.a.tell({ say: 'three ' });
  relay.setDelay('b', 'a', 30);
  relay.heal();
  await hears('b', 'one two three ');
  await hears('a', 'ONE TWO THREE ');

  relay.setOpen('a', 'b', false);
  await peers.a.stop();
  const stranger = createServer();
  t.teardown(() => stranger.close());
  const { connect } = await import('node:net');
  const socket: Socket = connect({ host: '127.0.0.1', port: toB });
  socket.on('error', () => undefined);
  await once(socket, 'close');
  t.match(relay.counts, { refused: 1 }, 'who is no member is turned away');
  t.equal(peers.b.ended(), 0, 'b does not learn through a cut that a has gone');
  relay.heal();
  await until('b hears that a has gone', 10_000, async () => peers.b.ended() === 1);
});
