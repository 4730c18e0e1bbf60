import { createServer, type Socket } from 'node:net';
import type { VmSpecInput } from '@n3x/core/model/vm';
import t from 'tap';
import { matches, probe } from './readiness.ts';
import { inlineVm } from './test-host.ts';

async function ready(readiness: VmSpecInput['readiness'], port: number, console = ''): Promise<boolean> {
  const vm = await inlineVm('vm', { readiness });
  const moved = { ...vm, allocation: { ...vm.allocation, hostPorts: [port] } };
  return await probe(moved, { consoleText: async () => console });
}

function listen(t: { teardown(work: () => void): void }, onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer();
  server.on('connection', onConnection);
  t.teardown(() => void server.close());
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

t.test('process and console', async (t) => {
  t.ok(await ready({ type: 'process' }, 1));
  t.ok(await ready(undefined, 1, 'booting\nweb login: '), 'the default knows a login prompt');
  t.ok(await ready(undefined, 1, 'n3x-guest-ready\n'));
  t.notOk(await ready(undefined, 1, 'booting\n'));
});

t.test('a pattern that cannot be searched for harms nobody', async (t) => {
  t.notOk(matches('(', '('));
  t.notOk(matches('^(a+)+$', `${'a'.repeat(40)}b`), 'one that takes for ever');
  t.ok(matches('^b$', 'a\nb\n'), 'and the next one is searched for');
});

t.test('tcp: open is not enough, it must stay open', async (t) => {
  const staying = await listen(t, (socket) => socket.on('error', () => socket.destroy()));
  const closing = await listen(t, (socket) => socket.end());
  t.ok(await ready({ type: 'tcp', port: 80 }, staying));
  t.notOk(await ready({ type: 'tcp', port: 80 }, closing));
  t.notOk(await ready({ type: 'tcp', port: 80 }, 1));
});

t.test('http: 200 to 399', async (t) => {
  for (const [status, wanted] of [
    ['200 OK', true],
    ['302 Found', true],
    ['404 Not Found', false],
    ['500 Oops', false],
  ] as const) {
    const port = await listen(t, (socket) => socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`));
    t.equal(await ready({ type: 'http', port: 80 }, port), wanted, status);
  }
});
