import t from 'tap';
import type { VmSpecInput } from '../model/vm.ts';
import type { Command } from './command.ts';
import { effectiveStatus } from './effective.ts';
import { checkInvariants, checkStep } from './invariants.ts';
import { SampleCluster } from './sample.ts';

/** A cluster that is judged after every command. */
class Judged extends SampleCluster {
  override apply(command: Command): ReturnType<SampleCluster['apply']> {
    const result = super.apply(command);
    t.same([...checkInvariants(this.state), ...checkStep(this.state, this.last.objectChanges)], []);
    return result;
  }

  report(name: string, evaluated: { vcpu: number; memoryMib: number }): void {
    const vm = this.state.vm(name);
    const seen = { sinceMs: 1, observedGeneration: 1, observedRestarts: 0, evaluated };
    const status = { phase: 'building', reason: '', message: '', ...seen } as const;
    const epoch = vm?.assignment?.epoch ?? 0;
    this.apply({ type: 'vmReport', hostId: 1, reports: [{ name, uid: vm?.uid ?? '', epoch, status }] });
  }
}

/** A cluster with a project `shop`. */
function withShop(quotas: Extract<Command, { type: 'projectCreate' }>['quotas']): Judged {
  const cluster = new Judged();
  t.match(cluster.apply({ type: 'projectCreate', name: 'shop', quotas }), { ok: true, changed: true });
  return cluster;
}

const VOLUME: VmSpecInput['source'] = { kind: 'inline', volumes: [{ name: 'data', sizeMib: 2048 }] };

t.test('a project is made once; other settings are a conflict', (t) => {
  const cluster = withShop({ vcpu: { guaranteed: 2, maximum: 8 } });
  t.match(cluster.state.project('shop'), { quotas: { vcpu: { guaranteed: 2, maximum: 8 } } });
  const again = { type: 'projectCreate', name: 'shop', quotas: { vcpu: { guaranteed: 2, maximum: 8 } } } as const;
  t.match(cluster.apply(again), { ok: true, changed: false });
  t.match(cluster.apply({ ...again, quotas: {} }), {
    error: {
      code: 'N3X_CONFLICT',
      message:
        'project shop exists with other settings (2 vcpu guaranteed, 8 vcpu at most): change them with `n3xctl project set shop`',
    },
  });
  t.match(cluster.apply({ type: 'projectCreate', name: 'default', quotas: {} }), { ok: true, changed: false });
  t.equal([...cluster.state.projects()].length, 1);
  t.end();
});

t.test('a VM needs its project to be there', (t) => {
  const cluster = new Judged();
  t.match(cluster.create('shop.web'), {
    error: { code: 'N3X_NOT_FOUND', message: /^project shop does not exist: `n3xctl project create shop` makes it/ },
  });
  cluster.apply({ type: 'projectCreate', name: 'shop', quotas: {} });
  t.match(cluster.create('shop.web'), { ok: true });
  t.match(cluster.create('web'), { ok: true, changed: true }, 'the same name in another project is another VM');
  t.match(cluster.apply({ type: 'projectDelete', name: 'shop' }), {
    error: {
      code: 'N3X_REFUSED',
      message: 'project shop has 1 VM: delete it first, `n3xctl vm list --project shop` shows it',
    },
  });
  cluster.apply({ type: 'vmDelete', name: 'shop.web' });
  t.match(cluster.apply({ type: 'projectDelete', name: 'shop' }), { ok: true, changed: true });
  t.match(cluster.apply({ type: 'projectDelete', name: 'shop' }), { error: { code: 'N3X_NOT_FOUND' } });
  t.match(cluster.apply({ type: 'projectDelete', name: 'default' }), {
    error: {
      message: /^project default is always there: take its quotas away with `n3xctl project set default vcpu- /,
    },
  });
  t.end();
});

t.test('each maximum is held, and the refusal says what is used, what was asked for, and the way out', (t) => {
  const cluster = withShop({
    vcpu: { maximum: 4 },
    memoryMib: { maximum: 4096 },
    diskMib: { maximum: 3072 },
    vms: { maximum: 3 },
  });
  t.match(cluster.create('shop.a', { vcpu: 3, source: VOLUME }), { ok: true });
  const refusals: [VmSpecInput | object, RegExp][] = [
    [
      { vcpu: 2 },
      /^VM shop\.b cannot be created: project shop may have 4 vcpu at most, has 3, and 2 more are asked for\. Delete VMs of shop, ask for less, or raise it: n3xctl project set shop vcpu=5$/,
    ],
    [{ memoryMib: 4096 }, /may have 4G of memory at most, has 512M, and 4G more are asked for.* memory=4608M$/],
    [{ source: VOLUME }, /may have 3G of disk at most, has 2G, and 2G more are asked for.* disk=4G$/],
    [{ vcpu: 2, memoryMib: 4096 }, /vcpu at most.*; and 4G of memory at most.* vcpu=5 memory=4608M$/],
  ];
  for (const [spec, message] of refusals) {
    t.match(cluster.create('shop.b', spec), { ok: false, error: { code: 'N3X_REFUSED', message } });
  }
  t.match(cluster.create('shop.b'), { ok: true });
  t.match(cluster.create('c', { vcpu: 64 }), { ok: true }, 'other projects are not meant');
  cluster.apply({ type: 'projectSet', name: 'shop', quotas: { vcpu: { maximum: null } } });
  t.match(cluster.create('shop.c'), { ok: true });
  t.match(cluster.create('shop.d'), { error: { message: /may have 3 VMs at most, has 3, and 1 more is asked for/ } });
  cluster.apply({ type: 'vmDelete', name: 'shop.a' });
  t.match(cluster.create('shop.d'), { ok: true }, 'what a deleted VM had is free again');
  t.end();
});

t.test('a maximum below what is used, and a guarantee above what there is, are refused', (t) => {
  const cluster = withShop({ vcpu: { guaranteed: 4 } });
  cluster.create('shop.a', { vcpu: 3 });
  const set = (name: string, quotas: Extract<Command, { type: 'projectSet' }>['quotas']) =>
    cluster.apply({ type: 'projectSet', name, quotas });
  t.match(set('shop', { vcpu: { guaranteed: null, maximum: 2 } }), {
    error: {
      code: 'N3X_REFUSED',
      message: 'project shop has 3 vcpu, and cannot be given a maximum of 2 vcpu: delete VMs of it first',
    },
  });
  t.match(set('shop', { vcpu: { maximum: 3 } }), {
    error: { code: 'N3X_INVALID', message: /cannot be guaranteed 4 vcpu with a maximum of 3 vcpu/ },
  });
  t.match(set('default', { vcpu: { guaranteed: 5 } }), {
    error: {
      code: 'N3X_REFUSED',
      message:
        'project default cannot be guaranteed 5 vcpu: the hosts have 8 vcpu for VMs, and 4 vcpu of it are guaranteed to other projects. Guarantee less, or add hosts',
    },
  });
  t.match(set('default', { vcpu: { guaranteed: 4 } }), { ok: true });
  t.match(cluster.last.objectChanges, [
    { kind: 'project', name: 'default' },
    { object: { reason: 'Changed', message: '4 vcpu guaranteed; before: no quotas' } },
  ]);
  t.match(cluster.state.project('default'), {
    quotas: { vcpu: { guaranteed: 4 } },
    modifiedIndex: cluster.state.index,
  });
  t.match(set('nope', {}), { error: { code: 'N3X_NOT_FOUND' } });
  t.match(set('default', { vcpu: { guaranteed: 4 } }), { ok: true, changed: false });
  t.match(cluster.apply({ type: 'projectSet', name: 'shop', quotas: {}, ifModifiedIndex: 1 }), {
    error: { code: 'N3X_CONFLICT', message: /^project shop has changed/ },
  });
  t.end();
});

t.test('a VM that turns out larger than its project may have is stopped, and starts again when there is room', (t) => {
  const cluster = withShop({ vcpu: { maximum: 4 } });
  cluster.create('shop.a', { vcpu: 1 });
  cluster.create('shop.b', { vcpu: 2 });
  cluster.assign('shop.a');
  cluster.report('shop.a', { vcpu: 2, memoryMib: 512 });
  t.match(cluster.state.vm('shop.a'), { power: 'running', overQuota: undefined });
  cluster.report('shop.a', { vcpu: 3, memoryMib: 512 });
  const held = cluster.state.vm('shop.a');
  t.match(held, { power: 'stopped', generation: 2, status: { evaluated: { vcpu: 3 } } });
  t.match(cluster.last.objectChanges, [{ kind: 'vm' }, { object: { reason: 'QuotaExceeded', severity: 'warning' } }]);
  t.equal(cluster.state.indexes.projectUse('shop').used.vcpu, 3, 'it counts as what was asked for');
  if (held === undefined) throw new Error('it is there');
  t.match(effectiveStatus(held, cluster.state.host(1)), {
    reason: 'QuotaExceeded',
    message:
      'turned out larger than was asked for: project shop may have 4 vcpu at most, has 4, and 1 more is asked for; raise it and start the VM again: n3xctl project set shop vcpu=5',
  });
  const start = { type: 'vmSetPower', name: 'shop.a', power: 'running' } as const;
  t.match(cluster.apply(start), {
    error: {
      code: 'N3X_REFUSED',
      message: /^VM shop\.a cannot be started: project shop may have 4 vcpu at most, has 3/,
    },
  });
  cluster.apply({ type: 'vmDelete', name: 'shop.b' });
  t.match(cluster.apply(start), { ok: true, changed: true });
  t.equal(cluster.state.vm('shop.a')?.overQuota, undefined);
  t.equal(cluster.state.indexes.projectUse('shop').used.vcpu, 3);
  cluster.report('shop.a', { vcpu: 5, memoryMib: 512 });
  cluster.report('shop.a', { vcpu: 1, memoryMib: 512 });
  t.match(
    cluster.state.vm('shop.a'),
    { power: 'stopped', overQuota: undefined },
    'a smaller build takes the reason away',
  );
  t.end();
});

t.test('annotations of a project', (t) => {
  const cluster = withShop({});
  for (const name of ['shop', 'default']) {
    t.match(cluster.apply({ type: 'annotate', kind: 'project', name, set: { owner: 'kim' } }), { ok: true });
    t.same(cluster.state.project(name)?.annotations, { owner: 'kim' });
  }
  t.match(cluster.apply({ type: 'annotate', kind: 'project', name: 'nope', set: { a: 'b' } }), {
    error: { code: 'N3X_NOT_FOUND', message: /n3xctl project list/ },
  });
  t.end();
});

t.test('VMs that a guarantee covers do not give way to other projects, whatever the priorities', (t) => {
  const cluster = withShop({ vcpu: { guaranteed: 4 } });
  for (const name of ['shop.a', 'shop.b', 'shop.c']) {
    cluster.create(name, { vcpu: 2 });
    cluster.assign(name);
  }
  cluster.create('db', { vcpu: 4, priority: 9 });
  cluster.create('shop.db', { vcpu: 8, priority: 9 });
  const preempt = (name: string, ...victims: string[]) => {
    const { uid = '', modifiedIndex = 0 } = cluster.state.vm(name) ?? {};
    return cluster.apply({
      ...{ type: 'vmPreempt', name, uid, hostId: 1, baseIndex: modifiedIndex },
      victims: victims.map((victim) => {
        const vm = cluster.state.vm(victim);
        return { name: victim, uid: vm?.uid ?? '', epoch: vm?.assignment?.epoch ?? 0 };
      }),
    });
  };
  t.match(preempt('db', 'shop.a', 'shop.b'), {
    error: {
      code: 'N3X_REFUSED',
      message:
        'VM shop.a, shop.b cannot make room for db: project shop is guaranteed 4 vcpu and would keep 2. Decide again',
    },
  });
  t.match(preempt('db', 'shop.a'), { ok: true });
  t.match(preempt('shop.db', 'shop.b', 'shop.c'), { ok: false, error: { message: /cannot go to n1/ } });
  const { name = '', uid = '', assignment } = cluster.state.vm('shop.a') ?? {};
  cluster.apply({ type: 'vmRemoved', hostId: 1, name, uid, epoch: assignment?.epoch ?? 0 });
  t.match(preempt('shop.db', 'shop.b', 'shop.c'), { ok: true }, 'within a project priorities decide');
  t.end();
});

t.test('there are bounds', (t) => {
  const cluster = new SampleCluster();
  for (let n = 0; n < 1024; n++) cluster.apply({ type: 'projectCreate', name: `p${n}`, quotas: {} });
  t.match(cluster.apply({ type: 'projectCreate', name: 'one-more', quotas: {} }), {
    error: { code: 'N3X_REFUSED', message: /1024 projects, which is its limit/ },
  });
  t.same(checkInvariants(cluster.state), []);
  t.end();
});
