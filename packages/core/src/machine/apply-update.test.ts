/** What `vm update` refuses, and what it says then. */
import t from 'tap';
import type { VmSpecInput } from '../model/vm.ts';
import { applyConfState } from './apply.ts';
import type { Command, CommandResult } from './command.ts';
import { checkInvariants, checkStep } from './invariants.ts';
import { SampleCluster, sampleSpec } from './sample.ts';

/** A cluster that is judged after every command. */
class Judged extends SampleCluster {
  override apply(command: Command): CommandResult {
    const result = super.apply(command);
    const wrong = [...checkInvariants(this.state), ...checkStep(this.state, this.last.objectChanges)];
    if (wrong.length > 0) throw new Error(wrong.join('; '));
    return result;
  }

  /** A VM on n1. */
  put(name: string, changes: Partial<VmSpecInput> = {}): void {
    for (const result of [this.create(name, changes), this.assign(name)]) {
      if (!result.ok) throw new Error(result.error.message);
    }
  }

  update(name: string, changes: Partial<VmSpecInput>, condition: object = {}): CommandResult {
    return this.apply({ type: 'vmUpdate', name, spec: sampleSpec(changes), rebuild: false, ...condition });
  }
}

const refused = (message: RegExp | string, code = 'N3X_REFUSED') => ({ ok: false, error: { code, message } });
const disks = (...volumes: { name: string; sizeMib: number; pool?: string; fsType?: 'ext4' | 'xfs' }[]) =>
  ({ source: { kind: 'inline', volumes } }) as const;

t.test('what its volumes cannot do in place', (t) => {
  const cluster = new Judged();
  cluster.put('db', disks({ name: 'data', sizeMib: 64 }));
  const anew =
    /^the volumes of db are not changed with its spec, .*: attach, detach or create them by name, `n3xctl volume attach/;
  t.match(cluster.update('db', disks({ name: 'data', sizeMib: 64 }, { name: 'more', sizeMib: 8 })), refused(anew));
  t.match(cluster.update('db', { ...disks(), failover: 'stay' }), refused(anew));
  t.match(cluster.update('db', disks({ name: 'data', sizeMib: 64, pool: 'fast' })), refused(anew));
  t.match(
    cluster.update('db', disks({ name: 'data', sizeMib: 128 })),
    refused('volume data of db is there with sizeMib 64, and its disk is not made anew: give another volume 128'),
  );
  t.match(
    cluster.update('db', disks({ name: 'data', sizeMib: 64, fsType: 'xfs' })),
    refused(/^volume data of db is there with fsType ext4/),
  );
  t.equal(cluster.state.vm('db')?.generation, 1, 'nothing has changed');
  t.end();
});

t.test('what its networks and its failover cannot do in place', (t) => {
  const cluster = new Judged();
  const subnet = { ipv4: { subnet: '10.0.0.0/24' }, holdSeconds: 0 };
  for (const name of ['lan', 'dmz']) {
    const ipv4 = { subnet: name === 'lan' ? '10.0.0.0/24' : '10.0.1.0/24' };
    t.match(cluster.apply({ type: 'networkCreate', name, spec: { ...subnet, ipv4 } }), { ok: true });
  }
  const on = (network: string) =>
    ({ source: { kind: 'inline', interfaces: [{ type: 'tap', network }] } }) as Partial<VmSpecInput>;
  cluster.put('web', on('lan'));
  t.match(
    cluster.update('web', on('dmz')),
    refused('the networks of web and its addresses on them cannot change in place: make it anew'),
  );
  cluster.put('fenced');
  t.match(
    cluster.update('fenced', { failover: 'stay' }),
    refused(
      'fenced was started under failover restart, which cannot change while it has a host: say --failover restart, or make it anew',
    ),
  );
  cluster.create('free');
  t.match(cluster.update('free', { failover: 'stay' }), { ok: true, changed: true }, 'without a host it can');
  t.end();
});

t.test('what does not fit where it is', (t) => {
  const cluster = new Judged();
  cluster.put('a', { vcpu: 4, labels: { app: 'a' } });
  cluster.put('b', { vcpu: 4, labels: { app: 'b' } });
  const here = (what: string) =>
    refused(`VM a cannot be changed so where it is, on n1: it ${what}. Make room there, or move it first`);
  t.match(cluster.update('a', { vcpu: 6, labels: { app: 'a' } }), here('has 4 vcpu free of 8'));
  t.match(cluster.update('a', { vcpu: 4, memoryMib: 20_480 }), here('has 15.5G of memory free of 16G'));
  t.match(
    cluster.update('a', { vcpu: 4, placement: { apart: ['app=b'] } }),
    here('has a VM with app=b, which it keeps apart from'),
  );
  t.match(cluster.update('a', { vcpu: 4, placement: { host: 'n9' } }), {
    error: { code: 'N3X_NOT_FOUND', message: /^host n9, on which VM a is to run, does not exist/ },
  });
  t.match(
    cluster.update('a', { vcpu: 4, placement: { requireLabels: { disk: 'ssd' } } }),
    here('lacks the label disk=ssd'),
  );
  cluster.apply({ type: 'hostSet', name: 'n1', cordoned: true });
  t.match(cluster.update('a', { vcpu: 2, labels: { app: 'a' } }), { ok: true }, 'who is there already may stay');
  t.end();
});

t.test('what is not the time for it', (t) => {
  const cluster = new Judged();
  cluster.join('n2');
  const confState = { voters: [1, 2], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  applyConfState(cluster.state, cluster.state.index + 1, confState);
  cluster.put('web');
  t.match(
    cluster.update('wbe', {}),
    refused('VM wbe does not exist: `n3xctl vm list` shows those that do', 'N3X_NOT_FOUND'),
  );
  t.match(
    cluster.update('web', { vcpu: 2 }, { ifGeneration: 7 }),
    refused(/it is at generation 1, .* for 7/, 'N3X_CONFLICT'),
  );
  t.match(cluster.update('web', { vcpu: 2 }, { ifModifiedIndex: 1 }), refused(/^VM web has changed/, 'N3X_CONFLICT'));
  t.match(
    cluster.apply({ type: 'vmRollback', name: 'web' }),
    refused('VM web has no earlier build that was ready: `n3xctl vm history web` shows what there was'),
  );
  t.match(
    cluster.apply({ type: 'vmRollback', name: 'web', to: 5 }),
    refused('VM web cannot go back to generation 5: it has no earlier build'),
  );
  const { uid = '', assignment } = cluster.state.vm('web') ?? {};
  const epoch = assignment?.epoch ?? 0;
  cluster.apply({ type: 'vmMove', name: 'web', uid, epoch, cause: 'migrate', targetId: 2 });
  t.match(
    cluster.update('web', { vcpu: 2 }),
    refused('VM web is changing hosts: wait until it is where it goes', 'N3X_CONFLICT'),
  );
  cluster.apply({ type: 'vmDelete', name: 'web' });
  t.match(
    cluster.update('web', { vcpu: 2 }),
    refused('VM web is being deleted: wait until it is gone', 'N3X_CONFLICT'),
  );
  t.end();
});

t.test('a change counts against the quotas of the project, and only what it asks for more', (t) => {
  const cluster = new Judged();
  const quotas = { vcpu: { maximum: 4 }, memoryMib: { maximum: 1024 } };
  cluster.apply({ type: 'projectCreate', name: 'shop', quotas });
  cluster.put('shop.web', { vcpu: 2, memoryMib: 512 });
  cluster.put('shop.db', { vcpu: 1, memoryMib: 256 });
  t.match(
    cluster.update('shop.web', { vcpu: 4, memoryMib: 512 }),
    refused(
      /^VM shop\.web cannot be changed so: project shop may have 4 vcpu at most, has 3, and 2 more are asked for\. Delete VMs of shop, ask for less, or raise it: n3xctl project set shop vcpu=5/,
    ),
  );
  t.match(
    cluster.update('shop.web', { vcpu: 2, memoryMib: 1024 }),
    refused(/1G of memory at most, has 768M, and 512M more/),
  );
  t.match(cluster.update('shop.web', { vcpu: 3, memoryMib: 512 }), { ok: true, changed: true });
  cluster.apply({ type: 'projectSet', name: 'shop', quotas: { vcpu: { maximum: 2 } } });
  t.match(cluster.update('shop.db', { vcpu: 1, memoryMib: 128 }), { ok: true }, 'less is never too much');
  t.end();
});
