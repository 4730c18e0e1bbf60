/** Wrong input: each answered in one clear line, with the right exit code, and with nothing changed. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeToken, parseToken } from '@n3x/core/join/token';
import t, { type Test } from 'tap';
import { Cluster, GUEST, type Host, n3xd, type Run, until } from './cluster.ts';

const cluster = await Cluster.create(3);
t.teardown(() => cluster.destroy());
const [n1, n2, n3] = [cluster.host(0), cluster.host(1), cluster.host(2)];
await Promise.all(cluster.hosts.map((host) => host.start()));
await n1.json(['cluster', 'init']);
const { token: usedToken } = await n1.json<{ token: string }>(['token', 'create']);
await n2.json(['cluster', 'join', usedToken]);
await until('both are in', 60_000, async () => {
  const { items } = await n1.json<{ items: { membership: string; facts?: { fence?: { works: boolean } } }[] }>([
    'host',
    'list',
  ]);
  // With all that they find out about themselves: from then on nothing changes by itself.
  return (
    items.length === 2 && items.every((host) => host.membership !== 'joining' && host.facts?.fence?.works === true)
  );
});

/** All that users can see of the cluster. */
async function everything(): Promise<unknown> {
  const lists = await Promise.all(
    [
      ['vm', 'list'],
      ['host', 'list'],
      ['token', 'list'],
      ['events', '--lines', '1000'],
    ].map((args) => n1.json<{ items: unknown[] }>(args)),
  );
  return lists.map((list) => list.items);
}

/** Checks that a run ended with `code` and one line (and at most a hint) that says what is wrong. */
function complains(t: Test, what: string, run: Run, code: number, line: RegExp, program = 'n3xctl'): void {
  t.equal(run.code, code, `${what}: exit code; ${run.stderr}`);
  const [first = '', ...more] = run.stderr.trim().split('\n');
  t.ok(first.startsWith(`${program}: `), `${what}: ${first}`);
  t.match(first, line, what);
  t.ok(more.length === 0 || (more.length === 1 && more[0]?.startsWith('hint: ')), `${what}: one line, at most a hint`);
  t.ok(first.length < 300, `${what}: it can be read`);
  t.equal(run.stdout, '', `${what}: nothing on standard output`);
}

/** Directory of a flake with this text. */
async function flake(name: string, text: string): Promise<string> {
  const directory = join(cluster.directory, name);
  await mkdir(directory);
  await writeFile(join(directory, 'flake.nix'), text);
  return directory;
}

/** Makes a VM that must fail, waiting for it, and removes it again. */
async function failing(host: Host, name: string, args: readonly string[]): Promise<{ made: Run; buildLog: Run }> {
  const made = await host.ctl(['vm', 'create', name, ...args, '--wait', '--timeout', '60s'], { timeoutMs: 80_000 });
  const buildLog = await host.ctl(['vm', 'logs', name, '--build']);
  await host.json(['vm', 'delete', name, '--wait', '--timeout', '60s'], { timeoutMs: 80_000 });
  return { made, buildLog };
}

await t.test('what is wrong in itself', async (t) => {
  const before = await everything();
  const inline = ['vm', 'create', 'web', '--no-start'];
  const cases: [string, string[], number, RegExp][] = [
    ['unknown verb', ['vm', 'creat', 'web'], 2, /unknown command 'creat' \(did you mean create\?\)/],
    ['unknown noun', ['vms', 'list'], 2, /unknown command 'vms' \(did you mean vm\?\)/],
    ['unknown flag', [...inline, '--memroy', '1G'], 2, /unknown option '--memroy' \(did you mean --memory\?\)/],
    ['missing name', ['vm', 'create'], 2, /name/i],
    [
      'bad name',
      ['vm', 'create', 'Web_1', '--vcpu', '1'],
      2,
      /name: a name is 1 to 63 of a-z, 0-9 and -.* \(got "Web_1"\)/,
    ],
    ['unit', [...inline, '--memory', '12Q'], 2, /--memory: "12Q" has the unknown unit "Q": write .*512M or 4G/],
    ['too small', [...inline, '--memory', '1M'], 2, /--memory, in MiB: must be at least 16 \(got 1\)/],
    ['zero vcpu', [...inline, '--vcpu', '0'], 2, /--vcpu: "0" is not a whole number from 1/],
    ['unknown host', [...inline, '--vcpu', '1', '--host', 'n7'], 3, /host n7.* does not exist: .*n1, n2/],
    [
      'hypervisor',
      [...inline, '--hypervisor', 'qemuu'],
      2,
      /--hypervisor.*'qemuu' is invalid.*\(did you mean qemu\?\)/,
    ],
    ['port', [...inline, '--forward', '99999'], 2, /--forward.*99999.*65535/],
    ['volume', [...inline, '--volume', 'data'], 2, /--volume.*data/],
    ['probe', [...inline, '--vcpu', '1', '--ready', 'http:80'], 2, /80 is not forwarded/],
    [
      'no flake there',
      ['vm', 'create', 'web', '--flake', '/nowhere/there'],
      2,
      /--flake: there is no.*\/nowhere\/there/,
    ],
    ['unknown vm', ['vm', 'start', 'wbe'], 3, /wbe does not exist/],
    ['duration', ['vm', 'list', '--timeout', '5x'], 2, /--timeout.*5x/],
    ['format', ['vm', 'list', '-o', 'jsn'], 2, /--output.*'jsn' is invalid.*\(did you mean json\?\)/],
    ['mistaken host', ['host', 'show', 'n22'], 3, /n22 does not exist/],
    ['token id', ['token', 'revoke', 'ffffffffffffffff'], 3, /ffffffffffffffff does not exist/],
  ];
  const runs = await Promise.all(cases.map(([, args], i) => (i % 2 === 0 ? n1 : n2).ctl(args)));
  for (const [i, [what, , code, line]] of cases.entries()) {
    complains(t, what, runs[i] ?? { code: -1, stdout: '', stderr: '' }, code, line);
  }
  t.same(await everything(), before, 'nothing changed');
});

const make = async (...args: string[]): Promise<{ token: string; id: string; expiresAtMs: number }> =>
  n1.json(['token', 'create', ...args]);
/** Made early: it runs out while other things are tried. */
let expired = { token: '', expiresAtMs: Number.POSITIVE_INFINITY };

await t.test('flakes that give no VM', async (t) => {
  // The shortest life a token can have.
  expired = await make('--ttl', '10s');
  const broken = await flake(
    'broken',
    `{ outputs = _: { nixosConfigurations.x.config.microvm = {
      vcpu = 1;
      mem = 64;
      declaredRunner = derivation {
        name = "runner"; system = "x86_64-linux"; builder = "/bin/sh";
        args = [ "-c" "echo the guest cannot be put together >&2; exit 3" ];
      };
    }; }; }`,
  );
  const typo = await flake('typo', '{ outputs = _: { nixosConfigurations = ; }; }');
  const gone = await flake('gone', '{ outputs = _: { }; }');

  const [build, syntax, other] = await Promise.all([
    failing(n1, 'build', ['--flake', `path:${broken}#x`, '--host', 'n2']),
    failing(n2, 'syntax', ['--flake', `path:${typo}#x`]),
    failing(n1, 'other', ['--flake', `path:${GUEST}`]),
  ]);
  t.equal(build.made.code, 1, build.made.stderr);
  t.match(build.made.stderr, /^n3xctl: vm build failed: BuildFailed: .*the guest cannot be put together.*exit code 3/m);
  t.match(build.made.stderr, /^x> the guest|runner> the guest|> the guest cannot be put together$/m, 'with the log');
  t.match(build.buildLog.stdout, /> the guest cannot be put together\n/, 'which is kept');
  t.equal(syntax.made.code, 1, syntax.made.stderr);
  t.match(syntax.made.stderr, /^n3xctl: vm syntax failed: \w+: .*syntax error.*flake\.nix:1/m);
  t.equal(other.made.code, 1, other.made.stderr);
  t.match(
    other.made.stderr,
    /^n3xctl: vm other failed: AttributeMissing: .* has no nixosConfigurations\.other: it has hello$/m,
  );

  // There when it was asked for, gone when it is built.
  await n1.json(['vm', 'create', 'gone', '--flake', `path:${gone}`, '--no-start']);
  await rm(gone, { recursive: true });
  const started = await n2.ctl(['vm', 'start', 'gone', '--wait', '--timeout', '60s'], { timeoutMs: 80_000 });
  t.equal(started.code, 1, started.stderr);
  t.match(started.stderr, new RegExp(`^n3xctl: vm gone failed: FlakeNotFound: there is no flake at path:${gone}`, 'm'));
  await n1.json(['vm', 'delete', 'gone', '--wait', '--timeout', '60s'], { timeoutMs: 80_000 });
  t.same((await n1.json<{ items: unknown[] }>(['vm', 'list'])).items, [], 'all can be deleted');
});

await t.test('more memory than any host has', async (t) => {
  const big = ['vm', 'create', 'big', '--memory', '60T'];
  await n1.json(big);
  await until('no host fits', 60_000, async () => {
    const { status } = await n1.json<{ status: { reason: string } }>(['vm', 'show', 'big']);
    return status.reason === 'NoHostFits';
  });
  const made = await n1.ctl([...big, '--wait', '--timeout', '2s']);
  complains(
    t,
    'waiting for it',
    made,
    6,
    /vm big is not running after 2 s: pending: NoHostFits: needs 60T of memory; n1 .*; n2 /,
  );
  const shown = await n2.ctl(['vm', 'show', 'big']);
  t.match(
    shown.stdout,
    /Phase: +pending[\s\S]*NoHostFits: needs 60T of memory; n1 has [\d.]+G of memory free of [\d.]+G; n2 has/,
  );
  t.match((await n1.ctl(['vm', 'list'])).stdout, /big +pending +- .*NoHostFits/);
  const deleted = await n2.ctl(['vm', 'delete', 'big', '--wait']);
  t.equal(deleted.code, 0, deleted.stderr);
  t.equal((await n1.ctl(['vm', 'show', 'big'])).code, 3);
});

await t.test('tokens that admit nobody', async (t) => {
  const revoked = await make();
  await n1.json(['token', 'revoke', revoked.id]);
  const good = await make();
  const parsed = parseToken(good.token);
  if (!parsed.ok) throw new Error(parsed.message);
  const forged = encodeToken({ ...parsed.token, secret: '0'.repeat(32) });
  const unknown = encodeToken({ ...parsed.token, id: '0'.repeat(16) });
  const at = good.token.length - 20;
  const mistyped = good.token.slice(0, at) + (good.token[at] === 'A' ? 'B' : 'A') + good.token.slice(at + 1);
  await until('it has expired', 60_000, async () => Date.now() > expired.expiresAtMs);
  const before = await everything();
  for (const [what, token, code, line] of [
    ['used', usedToken, 7, /token \w+ was used by n2: make another with `n3xctl token create`/],
    ['expired', expired.token, 7, /token \w+ has expired: make another/],
    ['revoked', revoked.token, 7, /is not one of this cluster, or was revoked: make another/],
    ['forged', forged, 7, /is not one of this cluster/],
    ['unknown', unknown, 7, /is not one of this cluster/],
    ['mistyped', mistyped, 7, /typing error or is cut short: paste it whole/],
    ['cut short', good.token.slice(0, -5), 7, /paste it whole/],
    ['no token', 'secret', 7, /a join token starts with "n3x1\."/],
  ] as const) {
    complains(t, what, await n3.ctl(['cluster', 'join', token]), code, line);
  }
  t.same(await everything(), before, 'nothing changed in the cluster');
  const status = await n3.ctl(['cluster', 'status']);
  t.equal(status.code, 7);
  t.match(status.stderr, /belongs to no cluster yet: .*n3xctl cluster init.*n3xctl cluster join/, 'nor here');
  await n3.json(['cluster', 'join', good.token]);
  t.pass('a good one still admits');
});

await t.test('configuration files', async (t) => {
  const good = await readFile(n1.config, 'utf8');
  const file = join(cluster.directory, 'wrong.toml');
  const tried = async (text: string, ...args: string[]): Promise<Run> => {
    await writeFile(file, text);
    return n3xd(['--config', file, ...args]);
  };
  const typo = good.replace('data_dir', 'data_dri');
  for (const args of [[], ['--check-config']]) {
    const run = await tried(typo, ...args);
    complains(t, `typo ${args}`, run, 2, /wrong\.toml:2:1: data_dri: unknown key, did you mean "data_dir"\?$/, 'n3xd');
  }
  const bad = good
    .replace('role = "server"', 'role = "servr"')
    .replace('supervisor = "direct"', 'supervisor = "dirct"');
  const values = await tried(bad, '--check-config');
  t.equal(values.code, 2);
  const [first, second, ...more] = values.stderr.trim().split('\n');
  t.match(
    first,
    /^n3xd: .*wrong\.toml:3:1: role: must be one of server, agent, auto \(got "servr", did you mean "server"\?\)$/,
  );
  t.match(second, /^n3xd: .*wrong\.toml:\d+:1: microvm\.supervisor: must be one of .*did you mean "direct"\?\)$/);
  t.same(more, [], 'one line per problem');
  complains(t, 'bad values', await tried(bad), 2, /:3:1: role: must be .* \(and 1 more\)$/, 'n3xd');
  complains(t, 'no TOML', await tried('name = "n1\n'), 2, /wrong\.toml:1:\d+: not valid TOML: /, 'n3xd');
  complains(t, 'none', await n3xd(['--config', '/nowhere.toml']), 2, /\/nowhere\.toml: cannot be read/, 'n3xd');
  complains(t, 'unknown verb', await n3xd(['recovr']), 2, /^n3xd: unknown command 'recovr': see n3xd --help$/, 'n3xd');
  complains(
    t,
    'flag',
    await n3xd(['--confg', file]),
    2,
    /unknown option '--confg' \(did you mean --config\?\)/,
    'n3xd',
  );
  const right = await n3xd(['--config', n1.config, '--check-config']);
  t.match(right, { code: 0, stdout: `${n1.config}: ok\n`, stderr: '' });

  // A running daemon that is told to read a wrong file goes on with what it has.
  await writeFile(n1.config, typo);
  await n1.kill('SIGHUP');
  await until('the reload is refused', 60_000, async () => /data_dri.*daemon\.reloadFailed/.test(await n1.log()));
  await writeFile(n1.config, good);
  t.ok(n1.running);
  t.equal((await n1.ctl(['vm', 'list'])).code, 0);
});
