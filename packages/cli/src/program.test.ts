import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ERROR_CODES } from '@n3x/core/base/errors';
import type { Command } from 'commander';
import t from 'tap';
import { EXIT_CODE_MEANINGS } from './output/exit-codes.ts';
import { buildProgram } from './program.ts';
import { ApiDouble, apiError, HANG } from './testing/api-double.ts';
import { runCli } from './testing/run-cli.ts';

const BIN = fileURLToPath(new URL('../bin/n3xctl.mjs', import.meta.url));

t.test('unknown words are answered with the near miss', async (t) => {
  const cases: readonly (readonly [line: string, stderr: string])[] = [
    ['cluste status', "n3xctl: unknown command 'cluste' (did you mean cluster?)\n"],
    ['vm lst', "n3xctl: unknown command 'lst' (did you mean list?)\n"],
    ['token revok x', "n3xctl: unknown command 'revok' (did you mean revoke?)\n"],
    ['vm create web --vcpus 2', "n3xctl: unknown option '--vcpus' (did you mean --vcpu?)\n"],
    ['vm list --outptu json', "n3xctl: unknown option '--outptu' (did you mean --output?)\n"],
    [
      'vm list -o jsn',
      "n3xctl: option '-o, --output <format>' argument 'jsn' is invalid. Allowed choices are table, wide, json, yaml (did you mean json?)\n",
    ],
    ['vm list now', "n3xctl: too many arguments for 'list'. Expected 0 arguments but got 1: now.\n"],
    ['vm show', "n3xctl: missing required argument 'name'\n"],
    ['vm list --timeout', "n3xctl: option '--timeout <duration>' argument missing\n"],
  ];
  for (const [line, stderr] of cases) {
    t.same(await runCli(line.split(' ')), { code: 2, stdout: '', stderr }, line);
  }
  const json = await runCli(['-o', 'json', 'vm', 'lst']);
  t.match(JSON.parse(json.stderr), { error: { code: 'USAGE', exitCode: 2 } });
});

t.test('help', async (t) => {
  const help = await runCli(['--help']);
  t.equal(help.code, 0);
  t.match(help.stdout, /^Usage: n3xctl \[options\] <command>\n/);
  for (const [code, meaning] of EXIT_CODE_MEANINGS) t.ok(help.stdout.includes(`  ${code}  ${meaning}\n`));
  t.match((await runCli(['vm', 'create', '--help'])).stdout, /--flake <ref>(.|\n)*Global Options:(.|\n)*--socket/);
  for (const line of [[], ['vm']]) {
    const bare = await runCli(line);
    t.same([bare.code, bare.stdout], [2, '']);
    t.match(bare.stderr, /^Usage: n3xctl/);
  }
});

t.test('n3xd out of reach, out of time and without a quorum', async (t) => {
  const nowhere = await runCli(['vm', 'list', '--socket', '/nowhere/n3xd.sock']);
  t.equal(nowhere.code, 8);
  t.match(nowhere.stderr, /^n3xctl: cannot reach n3xd on \/nowhere\/n3xd.sock: there is no such socket\nhint: /);
  const environment = await runCli(['vm', 'list'], { env: { N3X_SOCKET: '/elsewhere.sock' } });
  t.match(environment.stderr, /^n3xctl: cannot reach n3xd on \/elsewhere.sock/);
  const api = await ApiDouble.start(t);
  api.on('listVms', () => HANG);
  const late = await runCli(['vm', 'list', '--timeout', '150ms', '--socket', api.socket]);
  t.same(late, { code: 6, stdout: '', stderr: 'n3xctl: no answer from n3xd within 0.15 s\n' });
  api.on('listVms', () => {
    throw apiError(ERROR_CODES.noQuorum, 'no leader with a quorum was reached');
  });
  const lost = await runCli(['vm', 'list', '--timeout', '1500ms', '--socket', api.socket]);
  t.equal(lost.code, 5);
  t.match(lost.stderr, /^n3xctl: no leader with a quorum was reached\nhint: reads with --stale/);
});

t.test('version tells its own without n3xd', async (t) => {
  const alone = await runCli(['version', '--socket', '/nowhere.sock', '-o', 'json']);
  t.same(alone.code, 0);
  t.match(JSON.parse(alone.stdout), { n3xctl: /^\d+\.\d+\.\d+$/, n3xd: null });
  const api = await ApiDouble.start(t);
  api.on('getVersion', () => ({ version: '9.8.7', api: 'v1' as const, commandFormats: [2, 2] as [number, number] }));
  t.match((await runCli(['version', '--socket', api.socket])).stdout, /^n3xctl \d.*\nn3xd {3}9\.8\.7\n$/);
});

t.test('the program itself', async (t) => {
  const result = spawnSync(process.execPath, [BIN, 'vm', 'lst'], { encoding: 'utf8' });
  t.same(
    [result.status, result.stdout, result.stderr],
    [2, '', "n3xctl: unknown command 'lst' (did you mean list?)\n"],
  );
});

t.test('the documentation names every verb, every flag and every exit code', async (t) => {
  const text = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');
  const streams = { stdout: new PassThrough(), stderr: new PassThrough(), stdin: new PassThrough() };
  const surroundings = { ...streams, env: {}, cwd: '/', startedAtMs: 0, interrupted: new AbortController().signal };
  const visit = (command: Command, path: readonly string[]) => {
    if (command.commands.length === 0) t.ok(text.includes(path.join(' ')), path.join(' '));
    for (const option of command.options) t.ok(text.includes(option.long ?? ''), `${path.join(' ')} ${option.long}`);
    for (const child of command.commands) visit(child, [...path, child.name()]);
  };
  visit(buildProgram(surroundings), ['n3xctl']);
  for (const [code, meaning] of EXIT_CODE_MEANINGS)
    t.ok(text.includes(`| ${code} | ${meaning} |`), `exit code ${code}`);
});
