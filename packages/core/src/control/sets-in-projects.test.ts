/** Sets of VMs in projects: names, labels and quotas are those of the project. */
import t from 'tap';
import type { Command, CommandResult } from '../machine/command.ts';
import { checkInvariants, checkStep } from '../machine/invariants.ts';
import { SampleCluster, sampleSpec } from '../machine/sample.ts';
import { setProgress, whatSetWaitsFor } from '../machine/set-progress.ts';
import { planSets } from './vm-sets.ts';

/** A cluster with the project `shop`, whose leader makes what is asked for. */
class Shop extends SampleCluster {
  constructor(quotas: Extract<Command, { type: 'projectCreate' }>['quotas']) {
    super();
    this.apply({ type: 'projectCreate', name: 'shop', quotas });
  }

  override apply(command: Command): CommandResult {
    const result = super.apply(command);
    const wrong = [...checkInvariants(this.state), ...checkStep(this.state, this.last.objectChanges)];
    if (wrong.length > 0) throw new Error(wrong.join('; '));
    return result;
  }

  make(name: string, replicas: number, vcpu = 1): CommandResult {
    const limits = { replicas, maxUnavailable: 1, onFailure: 'rollback' } as const;
    return this.apply({
      type: 'vmSetCreate',
      name,
      uid: `s-${name}`,
      template: sampleSpec({ vcpu, memoryMib: 64 }),
      ...limits,
    });
  }

  lead(): void {
    for (let round = 0; round < 20; round++) {
      const decisions = planSets(this.state);
      if (decisions.length === 0) return;
      for (const decision of decisions) if (decision.type === 'command') this.apply(decision.command);
    }
    throw new Error('no rest');
  }

  waitsFor(name: string): string {
    const set = this.state.vmSet(name);
    if (set === undefined) throw new Error(`${name} is missing`);
    return whatSetWaitsFor(set, setProgress(this.state, set));
  }

  get names(): string[] {
    return [...this.state.vms()].map(({ name }) => name);
  }
}

t.test('sets of two projects with one name have nothing to do with each other', (t) => {
  const shop = new Shop({});
  t.match(shop.make('blog.web', 1), { error: { message: /^project blog does not exist/ } });
  t.ok(shop.make('shop.web', 2).ok);
  t.ok(shop.make('web', 1).ok);
  shop.lead();
  t.same(shop.names, ['shop.web-0', 'shop.web-1', 'web-0']);
  const { spec } = shop.state.vm('shop.web-0') ?? {};
  t.match(spec, { labels: { 'n3x/set': 'web' }, placement: { spread: [{ label: 'n3x/set=web', per: 'host' }] } });
  t.match(shop.apply({ type: 'projectDelete', name: 'shop' }), { ok: false });
  shop.apply({ type: 'vmSetDelete', name: 'shop.web' });
  shop.lead();
  t.same(shop.names, ['web-0']);
  t.equal(shop.state.vmSet('shop.web'), undefined);
  t.end();
});

t.test('a set grows as far as the quotas of its project go, says so, and goes on once they are raised', (t) => {
  const shop = new Shop({ vms: { maximum: 2 } });
  t.ok(shop.make('shop.web', 3).ok);
  shop.lead();
  t.same(shop.names, ['shop.web-0', 'shop.web-1']);
  t.equal(
    shop.waitsFor('shop.web'),
    'shop.web-2 waits for room in its project: project shop may have 2 VMs at most, has 2, and 1 more is asked for. ' +
      'Raise it: n3xctl project set shop vms=3',
  );
  shop.apply({ type: 'projectSet', name: 'shop', quotas: { vms: { maximum: 3 } } });
  shop.lead();
  t.same(shop.names, ['shop.web-0', 'shop.web-1', 'shop.web-2']);
  t.match(shop.waitsFor('shop.web'), /^shop\.web-0, shop\.web-1, shop\.web-2 are not ready$/);
  t.end();
});

t.test('an update that the quotas have no room for fails on the first VM, and is taken back', (t) => {
  const shop = new Shop({ vcpu: { maximum: 3 } });
  shop.make('shop.web', 2);
  shop.lead();
  const template = sampleSpec({ vcpu: 3, memoryMib: 64 });
  shop.apply({ type: 'vmSetUpdate', name: 'shop.web', template, rebuild: false });
  shop.lead();
  const failed = shop.state.vmSet('shop.web')?.revisions.at(-1);
  t.match(failed, {
    outcome: 'failed',
    message:
      /^shop\.web-1: VM shop\.web-1 cannot be changed so: project shop may have 3 vcpu at most, has 2, and 2 more/,
  });
  t.same(
    [...shop.state.vms()].map(({ spec }) => spec.vcpu),
    [1, 1],
  );
  t.end();
});
