import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { parse } from 'yaml';
import { ApiDouble, apiError } from '../testing/api-double.ts';
import { makeVm } from '../testing/objects.ts';
import { runCli } from '../testing/run-cli.ts';

const inline = makeVm({
  name: 'db',
  phase: 'pending',
  hostName: null,
  assignment: null,
  status: { reason: 'NoHostFits', message: 'n1: 64G asked, 8G free\u001b[2J' },
  allocation: { cid: 4, macs: ['02:00:00:00:00:01'], interfaceNames: ['n3x-1'], hostPorts: [20_000] },
  ports: [{ protocol: 'tcp', hostPort: 20_000, guestPort: 80 }],
  spec: {
    vcpu: 2,
    memoryMib: 65_536,
    labels: { app: 'db' },
    source: {
      kind: 'inline',
      interfaces: [{ type: 'user' }],
      forwards: [{ guestPort: 80 }],
      volumes: [{ name: 'data', sizeMib: 1024, mountPoint: '/srv' }],
      modules: [{ kind: 'text', name: 'a.nix', text: '{}' }],
    },
  },
});

t.test('vm list in every form', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('listVms', ({ query }) => ({ items: [makeVm(), inline], index: 12, stale: query['consistency'] === 'stale' }));
  const socket = ['--socket', api.socket];
  const table = await runCli(['vm', 'list', ...socket]);
  t.equal(table.code, 0, table.stderr);
  const lines = table.stdout.split('\n');
  t.match(lines[0], /^NAME +PHASE +HOST +VCPU +MEMORY +PORTS +AGE +REASON$/);
  t.match(lines[1], /^web +running +n1 +1 +512M +- +\d+[smhd]$/);
  t.match(lines[2], /^db +pending +- +2 +64G +20000->80\/tcp +\d+[smhd] +NoHostFits: n1: 64G asked, 8G free \[2J$/);
  t.equal(lines[1]?.indexOf('running'), lines[0]?.indexOf('PHASE'), 'columns are aligned');
  t.notOk(table.stdout.includes('\u001b'), 'nothing from a guest reaches the terminal raw');
  const wide = await runCli(['vm', 'list', '-o', 'wide', ...socket]);
  t.match(wide.stdout, /SOURCE.*LABELS(?:.|\n)*github:me\/vms#web(?:.|\n)*inline \(qemu\) +app=db/);
  const json = await runCli(['vm', 'list', '-o', 'json', ...socket]);
  t.match(JSON.parse(json.stdout), { index: 12, stale: false, items: [{ name: 'web' }, { name: 'db' }] });
  const yaml = await runCli(['vm', 'list', '-o', 'yaml', ...socket]);
  t.same(parse(yaml.stdout), JSON.parse(json.stdout));
  const quiet = await runCli(['vm', 'list', '-q', ...socket]);
  t.same(quiet, { code: 0, stdout: 'web\ndb\n', stderr: '' });
  const colours = await runCli(['vm', 'list', ...socket], { stdoutIsTerminal: true });
  t.ok(colours.stdout.includes('\u001b[32mrunning\u001b[39m'));
  const plain = await runCli(['vm', 'list', '--no-color', ...socket], { stdoutIsTerminal: true });
  t.equal(plain.stdout, table.stdout);
  const stale = await runCli(['vm', 'list', '--stale', ...socket]);
  t.equal(stale.stderr, 'stale: as of index 12, read from one host alone and without a quorum\n');
  const staleJson = await runCli(['vm', 'list', '--stale', '-o', 'json', ...socket]);
  t.match(JSON.parse(staleJson.stdout), { stale: true, index: 12 });
});

t.test('vm show in every form', async (t) => {
  const api = await ApiDouble.start(t);
  api.on('getVm', ({ params }) => {
    if (params['name'] === 'db') return inline;
    throw apiError(ERROR_CODES.notFound, `VM ${params['name']} does not exist`);
  });
  api.on('getSet', ({ params }) => {
    throw apiError(ERROR_CODES.notFound, `set ${params['name']} does not exist`);
  });
  api.on('listVms', () => ({ items: [inline], index: 12, stale: true }));
  const socket = ['--socket', api.socket];
  const text = await runCli(['vm', 'show', 'db', ...socket]);
  t.match(text.stdout, /^Name: +db\nPhase: +pending for /);
  for (const part of [/Reason: +NoHostFits: n1/, /Volume data: +1G ext4 on \/srv/, /Interface 0: +user n3x-1 02:00/]) {
    t.match(text.stdout, part);
  }
  for (const part of [
    /Ports: +20000->80\/tcp/,
    /vsock CID: +4/,
    /Module: +a.nix/,
    /Host: +none/,
    /Generation: +1, obs/,
  ]) {
    t.match(text.stdout, part);
  }
  t.match(JSON.parse((await runCli(['vm', 'show', 'db', '-o', 'json', ...socket])).stdout), { name: 'db', kind: 'vm' });
  const stale = await runCli(['vm', 'show', 'db', '--stale', '-o', 'json', ...socket]);
  t.match(JSON.parse(stale.stdout), { name: 'db', stale: true, index: 12 });
  const missing = await runCli(['vm', 'show', 'nope', ...socket]);
  t.same(missing, { code: 3, stdout: '', stderr: 'n3xctl: VM nope does not exist\n' });
  const staleMissing = await runCli(['vm', 'show', 'nope', '--stale', ...socket]);
  t.equal(staleMissing.code, 3);
  t.match(staleMissing.stderr, /there is no vm "nope" as of index 12, which may be stale/);
});
