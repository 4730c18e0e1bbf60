import { hostFactsSchema } from '@n3x/core/model/host';
import t from 'tap';
import { collectFacts } from './facts.ts';

t.test('facts fit their schema', async (t) => {
  const input = { n3xVersion: '1.2.3', commandFormats: [1, 2] as const, kvm: true };
  const facts = hostFactsSchema.parse(await collectFacts({ ...input, nixBinary: process.execPath }));
  t.ok(facts.vcpu >= 1 && facts.memoryMib > 0);
  t.ok(facts.features.includes('kvm') && facts.features.includes('nix'), 'what runs');
  const without = await collectFacts({ ...input, kvm: false, nixBinary: '/nonexistent/nix' });
  t.notOk(without.features.includes('kvm') || without.features.includes('nix'), 'what does not');
});
