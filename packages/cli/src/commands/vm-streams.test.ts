import { PassThrough } from 'node:stream';
import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { ANSWERED, ApiDouble, apiError, DROP } from '../testing/api-double.ts';
import { runCli, startCli, until } from '../testing/run-cli.ts';

t.test('logs as they are', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('getVmLogs', ({ query, response }) => {
    response.end(`${JSON.stringify(query)}\n`);
    return ANSWERED;
  });
  const plain = await runCli(['vm', 'logs', 'web', '--socket', api.socket]);
  t.same(JSON.parse(plain.stdout), { kind: 'console', lines: 200, follow: false });
  const build = await runCli(['vm', 'logs', 'web', '--build', '--lines', '3', '--socket', api.socket]);
  t.same(JSON.parse(build.stdout), { kind: 'build', lines: 3, follow: false });
  const wrong = await runCli(['vm', 'logs', 'web', '--lines', 'all', '--socket', api.socket]);
  t.same([wrong.code, wrong.stderr], [2, 'n3xctl: --lines: "all" is not a whole number from 0 to 100000\n']);
  api.on('getVmLogs', () => {
    throw apiError(ERROR_CODES.notFound, 'VM web has neither log nor console yet');
  });
  t.equal((await runCli(['vm', 'logs', 'web', '--socket', api.socket])).code, 3);
});

t.test('logs are followed, also past a lost connection', async (t) => {
  const api = await ApiDouble.start(t);
  let calls = 0;
  api.on('getVmLogs', ({ query, response }) => {
    calls += 1;
    if (calls === 1) {
      response.write('first\n');
      void until(() => run.output().stdout === 'first\n').then(() => response.destroy());
    } else if (calls === 2) {
      return DROP;
    } else {
      response.write(`again from ${String(query['lines'])}\n`);
      void until(() => run.output().stdout.includes('again')).then(() => response.end('end\n'));
    }
    return ANSWERED;
  });
  const run = startCli(['vm', 'logs', 'web', '-f', '--socket', api.socket]);
  const result = await run.result;
  t.equal(result.code, 0);
  t.equal(result.stdout, 'first\nagain from 0\nend\n');
  t.equal(result.stderr, 'n3xctl: connection lost, lines may be missing\nn3xctl: following again\n');
});

t.test('following ends with its time', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('getVmLogs', ({ response }) => {
    response.write('line\n');
    return ANSWERED;
  });
  const result = await runCli(['vm', 'logs', 'web', '-f', '--timeout', '1500ms', '--socket', api.socket]);
  t.same([result.code, result.stdout], [6, 'line\n']);
});

t.test('a console carries bytes both ways until Ctrl-]', async (t) => {
  const api = await ApiDouble.start(t);
  api.onConsole = (stream) => {
    stream.write('login: ');
    stream.on('data', (chunk: Buffer) => stream.write(`<${chunk.toString('latin1')}>`));
  };
  const raw: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => raw.push(on) });
  const run = startCli(['vm', 'console', 'web', '--socket', api.socket], { stdin });
  await until(() => run.output().stdout === 'login: ');
  stdin.write('root\x03');
  await until(() => run.output().stdout === 'login: <root\x03>');
  stdin.write('\x1d');
  const result = await run.result;
  t.equal(result.code, 0);
  t.equal(result.stderr, 'n3xctl: attached to vm web; Ctrl-] detaches\n\nn3xctl: detached\n');
  t.same(raw, [true, false], 'the terminal is as it was');
});

t.test('piped input reaches a console, and its end leaves it open', async (t) => {
  const api = await ApiDouble.start(t);
  api.onConsole = (stream) => {
    stream.on('data', (chunk: Buffer) => {
      stream.write(`got ${chunk.toString()}`);
      void until(() => stdin.readableEnded).then(() => stream.end('bye\n'));
    });
  };
  const stdin = new PassThrough();
  const run = startCli(['vm', 'console', 'web', '-q', '--socket', api.socket], { stdin });
  stdin.end('poweroff\n');
  t.same(await run.result, { code: 0, stdout: 'got poweroff\nbye\n', stderr: '' });
});

t.test('a console that can only be read says so', async (t) => {
  const api = await ApiDouble.start(t);
  api.consoleHeaders = ['n3x-console-input: none'];
  api.onConsole = (stream) => stream.end('boot lines\n');
  const result = await runCli(['vm', 'console', 'web', '--socket', api.socket]);
  t.equal(result.stdout, 'boot lines\n');
  t.match(
    result.stderr,
    /^n3xctl: the console of this VM can only be read; Ctrl-\] detaches\n\nn3xctl: the console .* closed\n$/,
  );
});

t.test('a console that is not there, and one that is left alone', async (t) => {
  const api = await ApiDouble.start(t);
  const missing = await runCli(['vm', 'console', 'web', '--socket', api.socket]);
  t.equal(missing.code, 3);
  t.match(missing.stderr, /^n3xctl: no console at \/v1\/vms\/web\/console\n/);
  api.onConsole = () => undefined;
  const late = await runCli(['vm', 'console', 'web', '--timeout', '100ms', '--socket', api.socket]);
  t.equal(late.code, 6);
  const interrupt = new AbortController();
  const run = startCli(['vm', 'console', 'web', '--socket', api.socket], { interrupted: interrupt.signal });
  await until(() => run.output().stderr.includes('attached'));
  interrupt.abort();
  t.equal((await run.result).code, 130);
});
