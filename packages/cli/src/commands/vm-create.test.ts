import { ROUTES } from '@n3x/core/api/routes';
import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { ApiDouble, apiError } from '../testing/api-double.ts';
import { makeVm } from '../testing/objects.ts';
import { runCli } from '../testing/run-cli.ts';

const FLAKE = ['vm', 'create', 'web', '--flake', 'github:me/vms#site'];

t.test('a VM from a flake', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('createVm', () => ({
    vm: makeVm({ phase: 'pending', hostName: null, assignment: null }),
    changed: true,
    index: 11,
  }));
  const result = await runCli([...FLAKE, '--host', 'n1', '--socket', api.socket]);
  t.same(result, { code: 0, stdout: 'vm web: created (pending)\n', stderr: '' });
  const seen = api.seen('createVm')[0];
  t.match(seen?.body, {
    name: 'web',
    power: 'running',
    spec: { source: { kind: 'flake', ref: 'github:me/vms', attribute: 'site' }, placement: { host: 'n1' } },
  });
  t.match(seen?.requestId, /^[0-9a-f-]{36}$/);
});

t.test('the same again is said to be unchanged', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('createVm', () => ({ vm: makeVm(), changed: false, index: 11 }));
  const result = await runCli([...FLAKE, '--socket', api.socket]);
  t.same(result, { code: 0, stdout: 'vm web: unchanged (running on n1)\n', stderr: '' });
});

t.test('a conflict names the field', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('createVm', () => {
    throw apiError(ERROR_CODES.conflict, 'VM web exists with another spec: vcpu is 1, asked for 2', { fields: [] });
  });
  const text = await runCli([...FLAKE, '--socket', api.socket]);
  t.same(text, { code: 4, stdout: '', stderr: 'n3xctl: VM web exists with another spec: vcpu is 1, asked for 2\n' });
  const json = await runCli([...FLAKE, '--socket', api.socket, '-o', 'json']);
  t.equal(json.code, 4);
  t.match(JSON.parse(json.stderr), { error: { code: 'N3X_CONFLICT', exitCode: 4, details: { fields: [] } } });
});

/** An answer of the scheduler: n1 is full, n2 is chosen. */
const PLAN = {
  ...{ name: 'web', strategy: 'most-available' as const, priority: 5, host: null, choice: 'n2', displaces: [] },
  summary: 'goes to n2',
  ...{ asOf: 'now' as const, decision: null },
  hosts: [
    {
      ...{ host: 'n1', here: false, fits: false, score: null, parts: [] },
      rules: [{ rule: 'cordoned', text: 'is cordoned', remedy: 'uncordon n1' }],
    },
    {
      ...{ host: 'n2', here: false, fits: true, rules: [], score: 87.5 },
      parts: [{ part: 'most-available', points: 87.5 }],
    },
  ],
  ...{ index: 9, stale: false },
};

t.test('a dry run says where it would go, and asks for nothing', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('planVm', () => PLAN);
  const flags =
    '--vcpu 1 --strategy least-available --system x86_64-linux --feature kvm --near app=db --apart app=web --at-most 2:app=web:zone ' +
    '--zone b --prefer ssd=yes --spread app=web:zone:100 --pack app=db:7 --cost-weight 3 --priority -5 --disposable --dry-run';
  const result = await runCli(['vm', 'create', 'web', ...flags.split(' '), '--socket', api.socket]);
  t.equal(result.code, 0, result.stderr);
  t.match(result.stdout, /^vm web: goes to n2\nby most-available, priority 5\n/);
  t.match(
    result.stdout,
    /n2 \(chosen\) +yes +87.5 +most-available 87.5\nn1 +no +- +is cordoned\n\nnothing was changed\n$/,
  );
  t.match(api.seen('planVm')[0]?.body, {
    spec: {
      placement: {
        requireLabels: { zone: 'b' },
        ...{
          system: 'x86_64-linux',
          features: ['kvm'],
          near: ['app=db'],
          apart: ['app=web'],
          strategy: 'least-available',
        },
        limits: [{ label: 'app=web', per: 'zone', max: 2 }],
        prefer: [{ label: 'ssd=yes', weight: 50 }],
        spread: [{ label: 'app=web', per: 'zone', weight: 100 }],
        pack: [{ label: 'app=db', per: 'host', weight: 7 }],
        costWeight: 3,
      },
      priority: -5,
      disposable: true,
    },
  });
});

t.test('explain and place', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('explainVm', () => PLAN);
  api.on('placeVm', () => ({ vm: makeVm({ phase: 'building' }), changed: true, index: 12 }));
  const explained = await runCli(['vm', 'explain', 'web', '--socket', api.socket]);
  t.match(explained.stdout, /^vm web: goes to n2\n[\s\S]*is cordoned/);
  t.equal(api.seen('explainVm')[0]?.query['asOf'], 'now');
  const placed = await runCli(['vm', 'place', 'web', '--host', 'n1', '--socket', api.socket]);
  t.equal(placed.stdout, 'vm web: placed (building on n1)\n', placed.stderr);
  t.match(api.seen('placeVm')[0]?.body, { host: 'n1' });
});

t.test('explain of a set, and one that is asked about and not made', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('explainVm', () => {
    throw apiError(ERROR_CODES.notFound, 'VM web does not exist');
  });
  const none = { displaces: [], host: null };
  const members = [
    { ...none, name: 'web-0', host: 'n1', choice: 'n1', summary: 'is on n1' },
    { ...none, name: 'web-1', choice: 'n2', summary: 'goes to n2' },
    { ...none, name: 'web-2', choice: null, summary: 'needs 4 vcpu' },
  ];
  const view = { name: 'web', replicas: 3, members, index: 12, stale: false };
  api.on('explainSet', () => view);
  api.on('planSet', () => view);
  const run = (...args: string[]) => runCli(['vm', ...args, '--socket', api.socket]);
  const table = [
    'set web: 1 of 3 VMs have a host, 1 would get one, 1 fit nowhere now',
    '',
    'NAME   HOST  WHY',
    'web-0  n1    is on n1',
    'web-1  (n2)  goes to n2',
    'web-2  none  needs 4 vcpu',
    '',
  ].join('\n');
  t.equal((await run('explain', 'web')).stdout, table);
  t.match(JSON.parse((await run('explain', 'web', '-o', 'json')).stdout), view);
  t.match(await run('explain', 'web', '--as-of', 'decision'), {
    code: 2,
    stderr: /--as-of decision is for one VM, and web is a set: n3xctl vm explain web-0 --as-of decision/,
  });
  const plan = await run('create', 'web', '--memory', '1G', '--replicas', '3', '--no-start', '--dry-run');
  t.equal(plan.stdout, `${table}\nnothing was changed\n`, plan.stderr);
  t.match(api.requests.at(-1)?.body, { name: 'web', replicas: 3, power: 'stopped', template: { memoryMib: 1024 } });
  api.on('explainSet', () => {
    throw apiError(ERROR_CODES.notFound, 'set web does not exist');
  });
  t.match(await run('explain', 'web'), { code: 3, stderr: 'n3xctl: VM web does not exist\n' });
});

t.test('explain as of the decision', async (t) => {
  const api = await ApiDouble.start(t);
  const decision = {
    ...{ index: 9, atMs: Date.now() - 180_000, maker: 'scheduler' as const, by: 'n1', from: 8 },
    ...{ considered: 5000, excluded: [{ rule: 'memory', hosts: 12 }], others: 4986 },
  };
  const then = { ...PLAN, host: 'n2', summary: 'was put on n2', asOf: 'decision' as const };
  api.on('explainVm', () => ({ ...then, decision }));
  const flags = ['vm', 'explain', 'web', '--as-of', 'decision', '--socket', api.socket];
  const { stdout } = await runCli(flags);
  t.match(
    stdout,
    /^vm web: was put on n2\nby most-available, priority 5; decided 3m ago at index 9, by n1 from the state of index 8\n/,
  );
  t.match(stdout, /n2 \(chosen\) +yes/);
  t.match(stdout, /\nof the other hosts \(5000 in all\): 12 ruled out by memory, 4986 no better than these\n$/);
  t.equal(api.seen('explainVm')[0]?.query['asOf'], 'decision');
  const wide = await runCli([...flags, '-o', 'wide']);
  t.match(wide.stdout, /HOST +FITS +SCORE +WHY +RULES\nn1 .*is cordoned +cordoned\n/);
  t.match(JSON.parse((await runCli([...flags, '-o', 'json'])).stdout), { asOf: 'decision', decision });
  t.match((await runCli([...flags, '-o', 'yaml'])).stdout, /^decision:\n {2}index: 9\n/m);
  const byHand = { ...decision, maker: 'user' as const, by: null, from: null, considered: 0, excluded: [], others: 0 };
  api.on('explainVm', () => ({ ...then, hosts: [], decision: byHand }));
  t.equal(
    (await runCli(flags)).stdout,
    'vm web: was put on n2\nby most-available, priority 5; decided 3m ago at index 9\n',
  );
  t.match(await runCli(['vm', 'explain', 'web', '--as-of', 'then', '--socket', api.socket]), {
    code: 2,
    stderr: /--as-of.*Allowed choices are now, decision/,
  });
});

t.test('an inline guest, asked about and not made', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('planVm', () => PLAN);
  const flags =
    '--vcpu 2 --memory 1.5G --hypervisor qemu --volume data:10G:/srv --forward 8080:80 --forward 53/udp ' +
    '--nixpkgs github:NixOS/nixpkgs/nixos-25.05 --label app=web --require zone=a --ready http:80/up ' +
    '--ready-timeout 2m --stop-timeout 30s --no-start --dry-run';
  const result = await runCli(['vm', 'create', 'web', ...flags.split(' '), '-o', 'json', '--socket', api.socket]);
  t.equal(result.code, 0, result.stderr);
  const { request }: { request: unknown } = JSON.parse(result.stdout);
  t.same(request, {
    name: 'web',
    spec: {
      source: {
        kind: 'inline',
        hypervisor: 'qemu',
        volumes: [{ name: 'data', sizeMib: 10_240, mountPoint: '/srv' }],
        interfaces: [{ type: 'user' }],
        forwards: [
          { hostPort: 8080, guestPort: 80 },
          { protocol: 'udp', guestPort: 53 },
        ],
        nixpkgs: 'github:NixOS/nixpkgs/nixos-25.05',
      },
      vcpu: 2,
      memoryMib: 1536,
      labels: { app: 'web' },
      placement: { requireLabels: { zone: 'a' } },
      readiness: { type: 'http', port: 80, path: '/up' },
      readyTimeoutSeconds: 120,
      stopTimeoutSeconds: 30,
    },
    power: 'stopped',
  });
  t.ok(ROUTES.createVm.body.safeParse(request).success);
});

t.test('wrong input is answered in one line, and nothing is sent', async (t) => {
  const api = await ApiDouble.start(t);
  const cases: readonly (readonly [line: string, answer: RegExp])[] = [
    ['vm create web', /^n3xctl: vm create needs a guest: give --flake.*\nhint: for example: n3xctl vm create web/],
    ['vm create Web_1 --vcpu 1', /^n3xctl: name: a name is 1 to 63 of a-z/],
    ['vm create web --memory 12Q', /^n3xctl: --memory: "12Q" has the unknown unit "Q"/],
    ['vm create web --memory 1M', /^n3xctl: --memory, in MiB: must be at least 16 \(got 1\)/],
    ['vm create web --vcpu 0', /^n3xctl: --vcpu: "0" is not a whole number from 1 to 1024/],
    ['vm create web --hypervisor xen', /^n3xctl: option '--hypervisor <name>' argument 'xen' is invalid.*qemu/],
    ['vm create web --flake ./nowhere', /^n3xctl: --flake: there is no directory \/nowhere/],
    ['vm create web --flake github:a/b --net tap', /^n3xctl: option '--flake <ref>' cannot be used with option '--net/],
    ['vm create web --flake github:a/b#0bad', /^n3xctl: --flake: an attribute name starts with a letter or _/],
    ['vm create web --net tap --forward 80', /^n3xctl: --forward: forwarded ports need an interface of type user/],
    ['vm create web --net user --hypervisor firecracker', /^n3xctl: --net: firecracker has no user networking/],
    ['vm create web --volume a:1G --volume a:2G', /^n3xctl: --volume: two volumes have the same name/],
    ['vm create web --vcpu 1 --ready tcp:80', /^n3xctl: --ready: guest port 80 is not forwarded/],
    ['vm create web --vcpu 1 --host N1', /^n3xctl: --host: a name is 1 to 63/],
    ['vm create web --vcpu 1 --label =a', /^n3xctl: --label: "=a" is not KEY=VALUE/],
    ['vm create web --vcpu 1 --ready-timeout 2h', /^n3xctl: --ready-timeout: /],
    ['vm create web --vcpu 1 --nixpkgs github:a/b#c', /^n3xctl: --nixpkgs: "github:a\/b#c" names an attribute/],
    ['vm create web --vcpu 1 --module /nowhere.nix', /^n3xctl: --module: cannot read \/nowhere.nix/],
    ['vm create web --vcpu 1 --dry-run --wait', /^n3xctl: option '--dry-run' cannot be used with option '--wait'/],
    ['vm create web --vcpu 1 --stale', /^n3xctl: --stale is for reads/],
    ['vm create web --vcpu 1 --timeout soon', /^n3xctl: --timeout: "soon" is not a duration/],
    ['vm create web --vcpu 1 --near db', /^n3xctl: --near: "db" is not KEY=VALUE/],
    ['vm create web --vcpu 1 --apart a=!', /^n3xctl: --apart: a label with its value is KEY=VALUE/],
    ['vm create web --vcpu 1 --at-most app=web', /^n3xctl: --at-most: "app=web" is not N:KEY=VALUE/],
    ['vm create web --vcpu 1 --at-most 0:app=web', /^n3xctl: --at-most: "0" is not a whole number from 1/],
    ['vm create web --vcpu 1 --at-most 1:app=web:rack', /^n3xctl: --at-most: "rack" is none of host, zone/],
    ['vm create web --vcpu 1 --spread app=web:5:zone', /^n3xctl: --spread: "app=web:5:zone" is not KEY=VALUE/],
    ['vm create web --vcpu 1 --prefer ssd=yes:0', /^n3xctl: --prefer: "0" is not a whole number/],
    ['vm create web --vcpu 1 --strategy best', /^n3xctl: option '--strategy <strategy>' argument 'best' is invalid/],
    ['vm create web --vcpu 1 --priority 5000', /^n3xctl: --priority: "5000" is not a whole number from -1000/],
    ['vm create web --vcpu 1 --feature a/b', /^n3xctl: --feature: a feature is a word like kvm/],
    ['vm create web --vcpu 1 --strategy round-robin --cost-weight 5', /^n3xctl: --cost-weight: hosts that take turns/],
    ['vm place web', /^n3xctl: required option '--host <name>' not specified/],
    ['vm create', /^n3xctl: missing required argument 'name'/],
    ['vm create web db --vcpu 1', /^n3xctl: too many arguments/],
  ];
  for (const [line, answer] of cases) {
    const result = await runCli([...line.split(' '), '--socket', api.socket]);
    t.equal(result.code, 2, line);
    t.match(result.stderr, answer, line);
    t.equal(result.stderr.replace(/hint: .*\n$/, '').split('\n').length, 2, `one line: ${line}`);
    t.equal(result.stdout, '', line);
  }
  t.equal(api.requests.length, 0);
});

t.test('refusals of the cluster have their exit codes', async (t) => {
  const api = await ApiDouble.start(t);
  const cases = [
    [ERROR_CODES.notFound, 3],
    [ERROR_CODES.refused, 7],
    [ERROR_CODES.invalid, 2],
    [ERROR_CODES.notInitialised, 7],
    [ERROR_CODES.storage, 1],
  ] as const;
  for (const [code, exit] of cases) {
    api.on('createVm', () => {
      throw apiError(code, 'no');
    });
    const result = await runCli([...FLAKE, '--socket', api.socket]);
    t.equal(result.code, exit, code);
    t.match(result.stderr, /^n3xctl: no\n/);
  }
});
