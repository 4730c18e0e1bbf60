import { createServer, type Socket } from 'node:net';
import type { VmSpecInput } from '@n3x/core/model/vm';
import t from 'tap';
import { exec } from '../exec.ts';
import { type Answer, ask, commandEnvironment, endpoint, matches } from './probe.ts';
import { inlineVm } from './test-host.ts';

/** Long enough for what answers, on any machine; and short, for what does not. */
const [PATIENT_MS, SHORT_MS] = [60_000, 1_000];

async function answer(
  readiness: VmSpecInput['readiness'],
  port: number,
  console = '',
  timeoutMs = PATIENT_MS,
): Promise<Answer> {
  const vm = await inlineVm('vm', { readiness });
  const moved = { ...vm, allocation: { ...vm.allocation, hostPorts: [port] } };
  const context = {
    consoleText: async () => console,
    notified: async (): Promise<Answer> => ({ ok: false, said: 'notify: not yet' }),
    run: (argv: readonly [string, ...string[]], env: NodeJS.ProcessEnv, timeoutMs: number) =>
      exec(argv, { env, timeoutMs }),
  };
  return await ask(moved.spec.readiness, moved, context, timeoutMs);
}

async function ready(readiness: VmSpecInput['readiness'], port: number, console = ''): Promise<boolean> {
  return (await answer(readiness, port, console)).ok;
}

async function said(readiness: VmSpecInput['readiness'], port: number, timeoutMs?: number): Promise<string> {
  const given = await answer(readiness, port, '', timeoutMs);
  return given.ok ? '' : given.said;
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

t.test('why not is told in one line', async (t) => {
  const closing = await listen(t, (socket) => socket.end());
  const silent = await listen(t, (socket) => socket.on('error', () => socket.destroy()));
  const ill = await listen(t, (socket) => socket.end('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n'));
  t.equal(await said({ type: 'tcp', port: 80 }, 1), 'tcp port 80: ECONNREFUSED');
  t.equal(await said({ type: 'tcp', port: 80 }, closing), 'tcp port 80: closed at once');
  t.equal(await said({ type: 'http', port: 80 }, ill), 'http port 80: answered 503');
  t.equal(await said({ type: 'http', port: 80 }, silent, SHORT_MS), 'http port 80: no answer within 1 s');
  t.match(await said({ type: 'http', port: 80 }, 1), /^http port 80: /);
  t.equal(await said({ type: 'notify' }, 1), 'notify: not yet');
  t.match(await said(undefined, 1), /^no line of the console matches /);
});

t.test('command: its exit code decides, and it knows which VM it is for', async (t) => {
  const command = (script: string): VmSpecInput['readiness'] => ({ type: 'command', argv: ['sh', '-c', script] });
  t.ok(await ready(command('test "$N3X_VM_NAME $N3X_VM_PORT_TCP_80 $N3X_VM_CID" = "vm 4711 100"'), 4711));
  t.equal(await said(command('echo one; echo two >&2; exit 3'), 1), 'command sh: exit code 3: two');
  t.equal(await said(command('echo only; exit 1'), 1), 'command sh: exit code 1: only');
  t.equal(await said(command('kill -9 $$'), 1), 'command sh: ended by SIGKILL');
  t.equal(await said(command('sleep 60'), 1, SHORT_MS), 'command sh: no answer within 1 s');
  t.equal(await said({ type: 'command', argv: ['/nowhere'] }, 1), 'command /nowhere: cannot be run: ENOENT');
  t.equal((await said(command('printf "\\033[31m%300s" x | tr " " y; exit 1'), 1)).length, 200);
  process.env['N3X_SECRET'] = 'secret';
  t.ok(await ready(command('test -z "$N3X_SECRET" && test -n "$PATH"'), 1), 'and nothing of the daemon');
  delete process.env['N3X_SECRET'];
});

t.test('where a port is found: forwarded, else at an address that its host reaches', async (t) => {
  const vm = await inlineVm('vm');
  const port = vm.allocation.hostPorts[0];
  t.same(endpoint(vm, 80), { host: '127.0.0.1', port });
  t.equal(endpoint(vm, 22), undefined);
  const tap = { type: 'tap', network: 'lan' } as const;
  const on = (last: 'tap' | 'macvtap') => {
    const second = last === 'tap' ? tap : ({ type: 'macvtap', link: 'eth0', mode: 'bridge', network: 'lan' } as const);
    const addresses = [{ position: 1, network: 'lan', ipv4: { address: '10.9.0.5', prefix: 24 } }];
    const { source } = vm.spec;
    if (source.kind !== 'inline') throw new Error('inline');
    const spec = { ...vm.spec, source: { ...source, interfaces: [...source.interfaces, second] } };
    return { ...vm, spec, allocation: { ...vm.allocation, addresses } };
  };
  t.same(endpoint(on('tap'), 22), { host: '10.9.0.5', port: 22 });
  t.same(endpoint(on('tap'), 80), { host: '127.0.0.1', port });
  t.equal(endpoint(on('macvtap'), 22), undefined);
  t.equal(commandEnvironment(on('tap'))['N3X_VM_ADDRESSES'], '10.9.0.5');
});
