/**
 * Networks across real daemons and real guests: addresses given, used, refused, held and given again. The taps are made in a
 * network namespace of the test's own, where their names are nobody else's and vanish with it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { Cluster, run, until } from './cluster.ts';

const INSIDE = '--in-its-own-network';

/** How long a guest may take to boot on a machine that is busy and emulates it, in ms. */
const BOOT_MS = 150_000;

interface Vm {
  readonly phase: string;
  readonly allocation: {
    readonly interfaceNames: string[];
    readonly addresses?: readonly {
      readonly ipv4?: { readonly address: string };
      readonly ipv6?: { readonly address: string };
    }[];
  };
}

interface Network {
  readonly uses: number;
  readonly held: number;
  readonly free: { readonly ipv4: number };
  readonly users: readonly { readonly vm: string; readonly addresses: string[] }[];
  readonly releasedAddresses: readonly { readonly address: string; readonly held: boolean }[];
}

/** The taps there are. From /proc, because /sys stays that of the network where it was mounted. */
async function links(): Promise<string[]> {
  return (await readFile('/proc/self/net/dev', 'utf8')).match(/n3x\w+(?=:)/g) ?? [];
}

async function name(address: string): Promise<string> {
  const host = address.includes(':') ? `[${address}]` : address;
  const answer = await fetch(`http://${host}/metadata.json`, { signal: AbortSignal.timeout(20_000) });
  return ((await answer.json()) as { name: string }).name;
}

async function inside(t: Test): Promise<void> {
  const up = await run('ip', ['link', 'set', 'lo', 'up']);
  t.equal(up.code, 0, up.stderr);
  // Of IPv6 Linux forwards nothing unless this is set, whatever the taps say; of IPv4 it does.
  await writeFile('/proc/sys/net/ipv6/conf/all/forwarding', '1');
  const cluster = await Cluster.formed(3);
  t.teardown(() => cluster.destroy());
  const [one, two] = [cluster.host(0), cluster.host(1)];
  const subnets = ['--ipv4', '10.77.0.0/29', '--gateway', '10.77.0.1', '--ipv6', 'fd77::/64'];

  t.equal((await one.ctl(['network', 'create', 'lan', ...subnets])).stdout, 'network lan: created\n');
  t.equal((await two.ctl(['network', 'create', 'lan', ...subnets])).stdout, 'network lan: unchanged\n');
  const clash = await one.ctl(['network', 'create', 'wan', '--ipv4', '10.77.0.0/16']);
  t.match(clash.stderr, /network wan cannot be created: network lan has addresses of it in 10\.77\.0\.0\/29/);

  const create = (vm: string, net: string, ...flags: string[]) => {
    const guest = ['--memory', '128M', '--net', net, '--ready-timeout', '150s', ...flags];
    return one.ctl(['vm', 'create', vm, ...guest]);
  };
  t.equal((await create('a', 'tap,network=lan,routed', '--host', 'n2')).code, 0);
  t.equal((await create('b', 'tap,network=lan,address=10.77.0.6,routed', '--host', 'n3')).code, 0);
  const taken = await create('c', 'tap,network=lan,address=10.77.0.6', '--no-start');
  t.match(taken.stderr, /VM c cannot have address 10\.77\.0\.6 of network lan: VM b has it/);
  const missing = await create('c', 'tap,network=lna', '--no-start');
  t.match(missing.stderr, /network lna does not exist: VM c cannot be on it; .*; did you mean lan\?/);

  const addresses = async (vm: string) => {
    const [given] = (await two.json<Vm>(['vm', 'show', vm])).allocation.addresses ?? [];
    return { ipv4: given?.ipv4?.address ?? '', ipv6: given?.ipv6?.address ?? '' };
  };
  const [a, b] = [await addresses('a'), await addresses('b')];
  t.same(
    [a, b],
    [
      { ipv4: '10.77.0.2', ipv6: 'fd77::1' },
      { ipv4: '10.77.0.6', ipv6: 'fd77::2' },
    ],
  );
  t.match((await two.ctl(['vm', 'list', '-o', 'wide'])).stdout, /a +.* 10\.77\.0\.2, fd77::1 /);
  for (const vm of ['a', 'b']) {
    await until(`${vm} runs`, BOOT_MS, async () => (await one.json<Vm>(['vm', 'show', vm])).phase === 'running');
  }
  for (const [vm, { ipv4, ipv6 }] of [
    ['a', a],
    ['b', b],
  ] as const) {
    t.equal(await until(`${vm} answers at ${ipv4}`, 60_000, () => name(ipv4)), vm);
    t.equal(await until(`${vm} answers at ${ipv6}`, 60_000, () => name(ipv6)), vm);
  }

  // One guest reaches the other, by way of its host.
  const console = two.session(['vm', 'console', 'a']);
  await console.prints(/attached to vm/);
  for (const host of [b.ipv4, `[${b.ipv6}]`]) {
    // The shell begins with the first key, and what is typed while it does is lost.
    await until(`a has fetched from b at ${host}`, BOOT_MS, async () => {
      console.types(`\nwget -q -O - 'http://${host}/metadata.json' | sed 's/name/from ${host}/'\n`);
      return console.prints(new RegExp(`"from ${host.replaceAll(/[[\].]/g, '\\$&')}":"b"`), 5_000).then(() => true);
    });
  }
  console.kill();

  // The rest of the network is used up, and then one of its VMs goes.
  for (const vm of ['d', 'e', 'f']) t.equal((await create(vm, 'tap,network=lan', '--no-start')).code, 0);
  const full = await create('g', 'tap,network=lan', '--no-start');
  t.match(full.stderr, /VM g cannot have an IPv4 address: network lan has none left in 10\.77\.0\.0\/29\. Delete VMs/);
  t.equal((await links()).length, 2);
  t.equal((await one.ctl(['vm', 'delete', 'a', '--wait'])).code, 0);
  await until('the tap of a is gone', 60_000, async () => (await links()).length === 1);
  t.match((await run('ip', ['-4', 'route', 'show', `${a.ipv4}/32`])).stdout, /^$/);
  const held = await create('g', 'tap,network=lan', '--no-start');
  t.match(held.stderr, /none left in 10\.77\.0\.0\/29, and 2 held after their release/);
  t.match(await two.json<Network>(['network', 'show', 'lan']), {
    ...{ uses: 4, held: 2, free: { ipv4: 0 } },
    users: [{ vm: 'b' }, { vm: 'd' }, { vm: 'e' }, { vm: 'f' }],
    releasedAddresses: [
      { address: a.ipv4, held: true },
      { address: a.ipv6, held: true },
    ],
  });

  // The leader counts a hold to its end.
  t.equal((await two.ctl(['network', 'set', 'lan', '--hold', '1s'])).stdout, 'network lan: set\n');
  await until('the hold is over', 60_000, async () => (await two.json<Network>(['network', 'show', 'lan'])).held === 0);
  t.equal((await create('g', 'tap,network=lan', '--no-start')).code, 0);
  t.same(await addresses('g'), a);

  const used = await one.ctl(['network', 'delete', 'lan']);
  t.match(used.stderr, /network lan is in use by 5 interfaces of VMs: delete those first/);
  for (const vm of ['b', 'd', 'e', 'f', 'g']) t.equal((await one.ctl(['vm', 'delete', vm, '--wait'])).code, 0);
  t.equal((await one.ctl(['network', 'set', 'lan', '--hold', '0'])).code, 0);
  t.equal((await one.ctl(['network', 'delete', 'lan'])).stdout, 'network lan: deleted\n');
  t.same(await links(), []);
}

if (process.argv.includes(INSIDE)) {
  await t.test('networks', { timeout: 600_000 }, inside);
} else {
  const root = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const again = [process.execPath, fileURLToPath(import.meta.url), INSIDE];
  await t.spawn('unshare', [...root, '--net', ...again], { timeout: 600_000 }, 'in a network of its own');
}
