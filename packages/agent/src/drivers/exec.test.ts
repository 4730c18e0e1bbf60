import { readFile } from 'node:fs/promises';
import t from 'tap';
import { childEnvironment, exec, signalGroup, signalProcess, Tail } from './exec.ts';
import { eventually, isAlive } from './microvm/test-host.ts';

t.test('what a program printed and how it ended', async (t) => {
  const seen: string[] = [];
  const result = await exec(['/bin/sh', '-c', 'echo out; echo err >&2; exit 3'], {
    timeoutMs: 10_000,
    onOutput: (chunk, stream) => seen.push(`${stream} ${Buffer.from(chunk).toString().trim()}`),
  });
  t.match(result, { code: 3, signal: null, stdout: 'out\n', stderr: 'err\n', timedOut: false });
  t.same(seen.sort(), ['stderr err', 'stdout out']);
});

t.test('a program that is not there', async (t) => {
  t.match(await exec(['/nonexistent/program'], { timeoutMs: 1000 }), { code: null, spawnError: 'ENOENT' });
});

t.test('time is limited, for all that a program started', async (t) => {
  const result = await exec(['/bin/sh', '-c', 'sleep 1000 & echo $!; wait'], { timeoutMs: 300 });
  t.match(result, { code: null, signal: 'SIGKILL', timedOut: true });
  const child = Number(result.stdout);
  await eventually(async () => !(await isAlive(child)));
});

t.test('input stays open where that is asked for', async (t) => {
  const abort = new AbortController();
  const open = exec(['/bin/sh', '-c', 'echo begun; cat; echo ended'], {
    timeoutMs: 10_000,
    stdin: 'open',
    signal: abort.signal,
    onOutput: () => abort.abort(),
  });
  t.match(await open, { stdout: 'begun\n', signal: 'SIGKILL', timedOut: false });
  t.match(await exec(['cat'], { timeoutMs: 10_000 }), { code: 0 });
});

t.test('output is kept from its end, within the limit', async (t) => {
  const result = await exec(['/bin/sh', '-c', 'seq 1 20000'], { timeoutMs: 20_000, keepBytes: 12 });
  t.equal(result.stdout, '19999\n20000\n');
  const tail = new Tail(3);
  for (const chunk of ['ab', 'cd', 'e']) tail.add(Buffer.from(chunk));
  t.equal(tail.text(), 'cde');
});

t.test('no signal to everyone', async (t) => {
  for (const pid of [undefined, -1, 0, 1]) t.equal(signalGroup(pid, 'SIGKILL'), false);
  for (const pid of [-1, 0, 1]) t.equal(signalProcess(pid, 'SIGKILL'), false);
  t.ok((await readFile('/proc/self/stat', 'utf8')).length > 0);
});

t.test('nothing speaks in the name of the daemon', async (t) => {
  process.env['NOTIFY_SOCKET'] = '/run/notify';
  t.teardown(() => {
    delete process.env['NOTIFY_SOCKET'];
  });
  t.equal((await exec(['/bin/sh', '-c', 'echo "[$NOTIFY_SOCKET]"'], { timeoutMs: 10_000 })).stdout, '[]\n');
  t.match(childEnvironment({ A: 'b' }), { A: 'b', PATH: process.env['PATH'] });
});
