import { SampleCluster } from '@n3x/core/machine/sample';
import type { ObjectChange } from '@n3x/core/model/object';
import type { Vm } from '@n3x/core/model/vm';
import t from 'tap';
import { ADDRESS_HOLD, ADDRESS_ONCE, AddressRules } from './addresses.ts';

const cluster = new SampleCluster();
cluster.create('any');
const ANY = cluster.state.vm('any');

/** A change after which the VM of this name has an address; without one it is gone. */
function has(name: string, address?: string, uid = name): ObjectChange[] {
  if (ANY === undefined) throw new Error('it was made');
  const addresses = [{ position: 0, network: 'lan', ipv4: { address: address ?? '', prefix: 24 } }];
  const vm: Vm = { ...ANY, name, uid, allocation: { ...ANY.allocation, addresses } };
  return [{ index: 9, kind: 'vm', name, object: address === undefined ? null : vm }];
}

/** Rules for a hold of one second, at a time that the test sets. */
function lab(): { rules: AddressRules; at: (ms: number) => void } {
  const rules = new AddressRules();
  let nowMs = 0;
  rules.expect(1_000, () => nowMs);
  return {
    rules,
    at: (ms) => {
      nowMs = ms;
    },
  };
}

t.test('one after the other, with the hold between them, is right', (t) => {
  const { rules, at } = lab();
  rules.applied(has('a', '10.0.0.1'));
  rules.applied(has('a', '10.0.0.1'));
  rules.applied(has('b', '10.0.0.2'));
  at(500);
  rules.applied(has('a'));
  at(1_500);
  rules.applied(has('c', '10.0.0.1'));
  t.same(rules.counts, { addressGrants: 3, addressesGivenAgain: 1 });
  t.end();
});

t.test('two at once', (t) => {
  const { rules } = lab();
  rules.applied(has('a', '10.0.0.1'));
  t.throws(() => rules.applied(has('b', '10.0.0.1')), { rule: ADDRESS_ONCE, message: /given to b, and a has it/ });
  t.end();
});

t.test('too early, also to a VM of the same name', (t) => {
  for (const next of ['a', 'b']) {
    const { rules, at } = lab();
    rules.applied(has('a', '10.0.0.1'));
    at(500);
    rules.applied(has('a'));
    at(1_499);
    t.throws(() => rules.applied(has(next, '10.0.0.1', 'other')), {
      rule: ADDRESS_HOLD,
      message: new RegExp(`given to ${next} 999 of 1000 ms after a had it`),
    });
  }
  t.end();
});
