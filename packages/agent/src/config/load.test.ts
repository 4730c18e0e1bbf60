import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { nameFromHostname } from './config.ts';
import { checkConfig, loadConfig, readConfig, reloadable, takeOver } from './load.ts';
import { locateKey } from './locate.ts';

const origin = { file: '/etc/n3x/n.toml', base: '/', hostname: 'Rack-7.example.org' };

function problems(text: string): readonly string[] {
  const read = readConfig(text, origin);
  return read.ok ? [] : read.problems.map((line) => line.replace('/etc/n3x/n.toml:', ''));
}

function loaded(text: string) {
  const read = readConfig(text, origin);
  if (!read.ok) throw new Error(read.problems.join('\n'));
  return read.loaded;
}

t.test('an empty file has every default', async (t) => {
  const { config } = loaded('');
  t.match(config, {
    name: 'rack-7',
    dataDir: '/var/lib/n3x',
    settings: { role: 'auto', labels: {}, capacity: {}, reserve: { vcpu: 0, memoryMib: 512 } },
    listen: { addresses: ['/ip4/0.0.0.0/tcp/7420'], announce: null },
    api: { socket: '/run/n3x/n3xd.sock', socketGroup: null },
    nix: { binary: 'nix', buildTimeoutSeconds: 3600 },
    raft: { tickMs: 50, electionTicks: 10, compactAfterBytes: 33_554_432 },
    log: { level: 'info', format: 'json' },
  });
});

t.test('values are read in their units, relative paths from the folder of the file', async (t) => {
  const { config } = loaded(`
    name = "n1"
    role = "agent"
    data_dir = "data/n1"
    labels = { zone = "a", "example.org/rack" = "7" }
    [listen]
    addresses = ["/ip4/127.0.0.1/tcp/0", "/ip6/::1/tcp/7420"]
    announce = ["/dns4/n1.example.org/tcp/7420"]
    [api]
    socket = "../run/n1.sock"
    socket_group = "wheel"
    [capacity]
    vcpu = 4
    memory = "1.5G"
    [nix]
    binary = "./bin/nix"
    build_timeout = "90s"
    extra_config = """
sandbox = false
"""`);
  t.match(config, {
    name: 'n1',
    dataDir: '/etc/n3x/data/n1',
    settings: { role: 'agent', labels: { zone: 'a' }, capacity: { vcpu: 4, memoryMib: 1536 } },
    api: { socket: '/etc/run/n1.sock', socketGroup: 'wheel' },
    nix: { binary: '/etc/n3x/bin/nix', buildTimeoutSeconds: 90, extraConfig: 'sandbox = false\n' },
  });
});

t.test('each problem is one line with its place', async (t) => {
  const cases: [text: string, problem: string | RegExp][] = [
    ['nam = "x"', '1:1: nam: unknown key, did you mean "name"?'],
    ['[listn]\n', '1:1: listn: unknown key, did you mean "listen"?'],
    ['[api]\n  sock = "x"', /^2:3: api\.sock: unknown key/],
    ['zzzzz = 1', '1:1: zzzzz: unknown key (docs/configuration.md lists all)'],
    ['name = "N1"', /^1:1: name: a name is 1 to 63 of .* \(got "N1"\)$/],
    ['role = "leader"', '1:1: role: must be one of server, agent, auto (got "leader")'],
    ['[capacity]\nvcpu = -1', '2:1: capacity.vcpu: must be at least 0 (got -1)'],
    ['[capacity]\nvcpu = 1.5', '2:1: capacity.vcpu: must be a whole number (got 1.5)'],
    ['capacity.memory = "12Q"', /^1:1: capacity\.memory: "12Q" has the unknown unit "Q": write a number and M, G or T/],
    ['capacity = { memory = 8 }', '1:1: capacity.memory: must be a string (got 8)'],
    ['[listen]\naddresses = []', '2:1: listen.addresses: must have at least 1 items (has 0)'],
    [
      '[listen]\naddresses = [\n "/ip4/1.2.3/tcp/1"]',
      /^2:1: listen\.addresses\[0\]: .*1\.2\.3 is not an address of the kind ip4/,
    ],
    ['[listen]\naddresses = ["/ip4/1.2.3.4/udp/1"]', /is not TCP/],
    ['[listen]\naddresses = ["/ip4/1.2.3.4/tcp/70000"]', /the port must be 0 to 65535$/],
    ['[listen]\naddresses = ["localhost:7420"]', /is not an address of n3x: write \/<ip4 or ip6>/],
    ['[listen]\nannounce = ["/ip4/1.2.3.4/tcp/0"]', /the port must be 1 to 65535$/],
    ['[nix]\nbuild_timeout = "soon"', /^2:1: nix\.build_timeout: "soon" is not a duration: write .* 90s or 30m$/],
    ['[nix]\nbuild_timeout = "48h"', /out of range: 1s to 24h$/],
    ['[volumes]\ncopy_mib_per_second = -1', '2:1: volumes.copy_mib_per_second: must be at least 0 (got -1)'],
    ['[nix]\nmax_builds = 0', '2:1: nix.max_builds: must be at least 1 (got 0)'],
    ['[raft]\nelection_ticks = 2', /^2:1: raft\.election_ticks: must be at least three times heartbeat_ticks/],
    ['[raft]\nkeep_entries = 20000', /^2:1: raft\.keep_entries: must be at most snapshot_entries/],
    ['[log]\nlevel = "inof"', /^2:1: log\.level: must be one of debug, .*did you mean "info"\?\)$/],
    ['labels = { "a b" = "x" }', /^1:1: labels\."a b": a label key is/],
    [`[api]\nsocket = "/${'x'.repeat(120)}"`, /^2:1: api\.socket: the path has 121 bytes and Linux takes at most 107/],
    ['a = = 1', /^1:5: not valid TOML: /],
    ['name = "a"\nname = "b"', /^2:1: not valid TOML: /],
    ['__proto__ = 1', /not valid TOML|unknown key/],
  ];
  for (const [text, problem] of cases) {
    const found = problems(text);
    t.equal(found.length, 1, text);
    t.match(found[0], problem, text);
    t.notMatch(found[0], /\n/);
  }
});

t.test('several problems come in the order of the file', async (t) => {
  const found = problems('zzzzz = 1\n[raft]\ntick_ms = 1\n[capacity]\nvcpu = "2"\n');
  t.same(
    found.map((line) => line.split(':')[0]),
    ['1', '3', '5'],
  );
});

t.test('files that cannot be read, and the error of a load', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'n3x-config-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  t.match(await checkConfig(join(folder, 'none.toml')), { ok: false, problems: [/cannot be read: ENOENT/] });
  t.match(await checkConfig(folder), { ok: false, problems: [/cannot be read: EISDIR/] });
  const file = join(folder, 'n3xd.toml');
  await writeFile(file, `#${'x'.repeat(1_048_576)}`);
  t.match(await checkConfig(file), { ok: false, problems: [/more than 1048576/] });
  await writeFile(file, 'nam = 1\nrol = 1\n');
  await t.rejects(loadConfig(file), {
    code: 'N3X_CONFIG',
    message: /n3xd\.toml:1:1: nam: unknown key, did you mean "name"\? \(and 1 more\)$/,
    details: { problems: [/nam/, /rol/] },
  });
  await writeFile(file, 'name = "n1"\n');
  t.match(await loadConfig(file), { config: { name: 'n1', file, dataDir: '/var/lib/n3x' } });
});

t.test('a reload tells what it applies and what waits for a restart', async (t) => {
  const before = loaded('name = "a"\n');
  t.same(reloadable(before, before), { applied: [], needRestart: [] });
  const after = loaded(
    'name = "b"\nlabels = {x = "y"}\n[log]\nlevel = "debug"\nformat = "pretty"\n[reserve]\nvcpu = 1\n',
  );
  t.same(reloadable(before, after), {
    applied: ['labels', 'reserve.vcpu', 'log.level'],
    needRestart: ['name', 'log.format'],
  });
  const inForce = takeOver(before, after);
  t.same(
    reloadable(inForce, after),
    { applied: [], needRestart: ['name', 'log.format'] },
    'what waits goes on waiting',
  );
  t.same(inForce.config.settings.labels, { x: 'y' });
  t.equal(inForce.config.log.format, 'json');
  const everything = loaded(
    'name = "a"\n[capacity]\nvcpu = 2\nmemory = "1G"\n[reserve]\nmemory = "1M"\n[volumes]\ncopy_mib_per_second = 50\n[nix]\nbinary = "/n"\nnixpkgs = "a"\nmicrovm = "b"\nextra_config = "c"\nbuild_timeout = "1m"\nmax_builds = 3\n',
  );
  t.same(
    reloadable(takeOver(before, everything), everything),
    { applied: [], needRestart: [] },
    'every key that can be is taken over',
  );
});

t.test('any host name makes a valid name', async (t) => {
  t.equal(nameFromHostname('web-1'), 'web-1');
  t.equal(nameFromHostname('7up.local'), 'up');
  t.equal(nameFromHostname('ÄÖ_x'), 'x');
  t.equal(nameFromHostname('123'), 'host');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 90 }), (hostname) => {
      const name = nameFromHostname(hostname);
      if (!/^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) throw new Error(name);
    }),
  );
});

t.test('keys are found whatever stands around them', async (t) => {
  const text = [
    '# name = "no"',
    '  name = "a" # raft',
    'labels."example.org/rack" = "[raft]"',
    '[ nix ] # builds',
    'extra_config = """',
    'max_builds = 9',
    '[raft]',
    '"""',
    "binary = '''",
    "x'''",
    'max_builds = 3',
    '[listen]',
    'addresses = [ # ]',
    '  "a]", "b#"',
    ']',
    '"announce" = []',
    '[[table]]',
  ].join('\n');
  const places: [steps: (string | number)[], place: string][] = [
    [['name'], '2:3'],
    [['labels', 'example.org/rack'], '3:1'],
    [['nix'], '4:1'],
    [['nix', 'max_builds'], '11:1'],
    [['nix', 'absent'], '4:1'],
    [['listen', 'addresses', 1], '13:1'],
    [['listen', 'announce'], '16:1'],
    [['table'], '17:1'],
    [['absent'], '1:1'],
  ];
  for (const [steps, place] of places) {
    const { line, column } = locateKey(text, steps);
    t.equal(`${line}:${column}`, place, steps.join('.'));
  }
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', '=', '"', "'", '[', ']', '\n', '#', '\\', ' '), maxLength: 60 }),
      (any) => {
        locateKey(any, ['a']);
      },
    ),
  );
});
