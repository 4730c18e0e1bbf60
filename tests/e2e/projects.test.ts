/** Projects across real daemons: the same name twice on one host, quotas, and a guest that knows nothing of its project. */
import { readdir } from 'node:fs/promises';
import { testPort } from '@n3x/agent/transport/test-port';
import t from 'tap';
import { Cluster, until } from './cluster.ts';

interface VmSeen {
  readonly name: string;
  readonly project: string;
  readonly hostName: string | null;
  readonly phase: string;
  readonly power: string;
  readonly status: { readonly reason: string; readonly message: string };
}

interface ProjectSeen {
  readonly name: string;
  readonly used: { readonly vcpu: number; readonly memoryMib: number; readonly vms: number };
}

/** How long a guest may take to boot on a machine that is busy and emulates it, in ms. */
const BOOT_MS = 150_000;

t.test('projects on three hosts', { timeout: 400_000 }, async (t) => {
  const cluster = await Cluster.formed(3);
  t.teardown(() => cluster.destroy());
  const [one, two, three] = [cluster.host(0), cluster.host(1), cluster.host(2)];
  const port = await testPort();
  const guest = ['--memory', '128M', '--net', 'user', '--host', 'n3', '--ready-timeout', '150s'];

  t.match(await one.ctl(['vm', 'create', 'web', '--project', 'shop', ...guest]), {
    code: 3,
    stderr: /^n3xctl: project shop does not exist/,
  });
  t.match(await two.ctl(['project', 'create', 'shop', 'vms=2', 'memory=300M', 'vcpu=1..']), {
    code: 0,
    stdout:
      'project shop: created (vms 0 of 2 at most, vcpu 0; 1 guaranteed, of which 0 run, memory 0 of 300M at most)\n',
  });
  const served = ['--forward', `${port}:80`, '--ready', 'http:80'];
  await one.json(['vm', 'create', 'web', '--project', 'shop', ...guest, ...served]);
  await one.json(['vm', 'create', 'web', ...guest]);
  const seen = (...name: string[]) => one.json<VmSeen>(['vm', 'show', ...name]);
  const runs = (...name: string[]) =>
    until(`${name.join(' ')} runs`, BOOT_MS, async () => {
      const vm = await seen(...name);
      return vm.phase === 'running' ? vm : undefined;
    });
  t.match(await runs('web', '--project', 'shop'), { name: 'shop.web', project: 'shop', hostName: 'n3' });
  t.match(await runs('web'), { name: 'web', project: 'default', hostName: 'n3' });
  const directories = (await readdir(three.stateDirectory)).filter((name) => !name.startsWith('.'));
  t.same(directories.sort(), ['shop.web', 'web'], 'they do not collide on their host');
  const metadata = await (await fetch(`http://127.0.0.1:${port}/metadata.json`)).json();
  t.match(metadata, { name: 'web' }, 'the guest goes by its name within the project');

  const listed = async (...flags: string[]) =>
    (await two.json<{ items: VmSeen[] }>(['vm', 'list', ...flags])).items.map(({ name }) => name);
  t.same(await listed(), ['web']);
  t.same(await listed('--project', 'shop'), ['shop.web']);
  t.same(await listed('--all-projects'), ['shop.web', 'web']);

  t.match(await two.ctl(['vm', 'create', 'db', '--project', 'shop', '--memory', '200M']), {
    code: 7,
    stderr:
      'n3xctl: VM shop.db cannot be created: project shop may have 300M of memory at most, has 128M, and 200M more are asked for. Delete VMs of shop, ask for less, or raise it: n3xctl project set shop memory=328M\n',
  });
  await two.json(['vm', 'create', 'db', '--project', 'shop', '--memory', '64M', '--no-start']);
  t.match(await two.ctl(['vm', 'create', 'third', '--project', 'shop', '--memory', '64M', '--no-start']), {
    code: 7,
    stderr: /project shop may have 2 VMs at most, has 2, and 1 more is asked for/,
  });
  t.match(await three.ctl(['project', 'set', 'shop', 'vms=1']), {
    code: 7,
    stderr: /project shop has 2 VMs, and cannot/,
  });
  t.match(await three.ctl(['project', 'set', 'shop', 'vcpu=100000..']), {
    code: 7,
    stderr:
      /cannot be guaranteed 100000 vcpu: the hosts have \d+ vcpu for VMs, and no more\. Guarantee less, or add hosts/,
  });
  const { items } = await three.json<{ items: ProjectSeen[] }>(['project', 'list']);
  t.match(items, [
    { name: 'default', used: { vcpu: 1, memoryMib: 128, vms: 1 } },
    { name: 'shop', used: { vcpu: 2, memoryMib: 192, vms: 2 } },
  ]);
  t.match((await three.ctl(['project', 'list'])).stdout, /shop +2\/2 +2 +192M\/300M +0/);
  t.match(await one.ctl(['project', 'delete', 'shop']), {
    code: 7,
    stderr: /project shop has 2 VMs: delete them first/,
  });

  await one.json(['vm', 'delete', 'db', '--project', 'shop']);
  await one.json(['vm', 'delete', 'shop.web', '--wait', '--timeout', '60s'], { timeoutMs: 80_000 });
  t.match(await one.ctl(['project', 'delete', 'shop']), { code: 0, stdout: 'project shop: deleted\n' });
  t.match(await seen('web'), { phase: 'running' }, 'the other one goes on');
});
