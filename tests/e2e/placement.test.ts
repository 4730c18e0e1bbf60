/** Placement across real daemons: plans, explanations, VMs kept apart, cordons, and a VM that waits and then does not. */
import t from 'tap';
import { Cluster, until } from './cluster.ts';

interface Explanation {
  readonly host: string | null;
  readonly choice: string | null;
  readonly summary: string;
  readonly hosts: readonly { readonly host: string; readonly rules: readonly { readonly rule: string }[] }[];
}

interface VmSeen {
  readonly hostName: string | null;
  readonly phase: string;
  readonly status: { readonly reason: string; readonly message: string };
}

t.test('placement on three hosts', { timeout: 400_000 }, async (t) => {
  const cluster = await Cluster.formed(3);
  t.teardown(() => cluster.destroy());
  const [one, two] = [cluster.host(0), cluster.host(1)];
  // Who is where is asked here, not what runs: nobody waits for a guest to boot, or to shut down.
  const guest = ['--memory', '64M', '--ready', 'process', '--stop-timeout', '1s'];
  const create = (name: string, ...flags: string[]) => ['vm', 'create', name, ...guest, ...flags];
  const seen = (name: string) => one.json<VmSeen>(['vm', 'show', name]);
  const placed = (name: string) =>
    until(`${name} has a host`, 60_000, async () => (await seen(name)).hostName ?? undefined);

  const apart = ['--label', 'app=web', '--apart', 'app=web'];
  const plan = await one.ctl([...create('web-1', ...apart), '--dry-run']);
  t.equal(plan.code, 0, plan.stderr);
  t.match(plan.stdout, /^vm web-1: goes to n\d\n[\s\S]*most-available [\d.]+[\s\S]*nothing was changed\n$/);
  t.same((await one.json<{ items: unknown[] }>(['vm', 'list'])).items, []);

  for (const name of ['web-1', 'web-2', 'web-3']) await one.json(create(name, ...apart));
  const where = [await placed('web-1'), await placed('web-2'), await placed('web-3')];
  t.same([...where].sort(), ['n1', 'n2', 'n3'], 'they keep apart');
  await two.json(create('web-4', ...apart));
  const waiting = await until('the fourth one waits', 60_000, async () => {
    const vm = await seen('web-4');
    return vm.status.reason === 'NoHostFits' ? vm : undefined;
  });
  t.match(waiting.status.message, /n1 has a VM with app=web, .*To make it fit: move the VM with app=web off n1/);
  const explained = await two.json<Explanation>(['vm', 'explain', 'web-4']);
  t.match(explained, { host: null, choice: null, summary: waiting.status.message });
  t.same(
    explained.hosts.map(({ host, rules }) => [host, rules.map(({ rule }) => rule)]),
    [
      ['n1', ['apart', 'apart']],
      ['n2', ['apart', 'apart']],
      ['n3', ['apart', 'apart']],
    ],
  );

  const third = await two.json<Explanation>(['vm', 'explain', 'web-3', '--as-of', 'decision']);
  t.match(third, { host: where[2], choice: where[2], summary: `was put on ${where[2]}` });
  t.same(
    third.hosts.map(({ host, rules }) => [host, rules.map(({ rule }) => rule)]),
    [[where[2], []], ...[where[0], where[1]].sort().map((host) => [host, ['apart', 'apart']])],
    'each host as it was when the third was placed',
  );
  const waits = await one.ctl(['vm', 'explain', 'web-4', '--as-of', 'decision']);
  t.match(
    waits.stdout,
    /^vm web-4: was given no host: .*To make it fit.*\nby most-available; decided \d+s ago at index \d+, by n\d from/,
  );

  t.match((await one.ctl(['vm', 'show', 'web-4', '-o', 'yaml'])).stdout, /^name: web-4$/m, 'also from a bundle');
  t.equal((await one.ctl(['host', 'cordon', 'n1'])).stdout, 'host n1: cordoned\n');
  t.match((await two.ctl(['host', 'list'])).stdout, /n1 +cordoned/);
  await one.json(create('db', '--strategy', 'manual'));
  const refused = await one.ctl(['vm', 'place', 'db', '--host', 'n1']);
  t.match(refused, { code: 7, stderr: /^n3xctl: VM db cannot go to n1: it is cordoned\. `n3xctl vm explain db`/ });
  await one.json(['vm', 'place', 'db', '--host', 'n2']);
  t.equal(await placed('db'), 'n2');

  await one.json(['vm', 'delete', 'web-2', '--wait', '--timeout', '60s'], { timeoutMs: 80_000 });
  await one.json(['host', 'uncordon', 'n1']);
  t.equal(await placed('web-4'), where[1], 'it goes where there is room for it now');

  const { items } = await one.json<{ items: { name: string; capacity: { vcpu: number } }[] }>(['host', 'list']);
  await one.json(create('king', '--vcpu', String(items[0]?.capacity.vcpu), '--priority', '5'));
  const throne = await until('others have made room', 60_000, async () => (await seen('king')).hostName ?? undefined);
  t.not(throne, 'n2', 'there are two VMs on n2, and one on the others');
  const events = await one.ctl(['events', '--kind', 'vm', '--lines', '100']);
  t.match(events.stdout, new RegExp(`Preempted.*makes room on ${throne} for king, of priority 5 against 0`));
  t.match(events.stdout, new RegExp(`Displaced.*made room on ${throne} for king, and waits for a host`));
});
