import t from 'tap';
import { SampleCluster, sampleFacts, sampleSettings } from '../machine/sample.ts';
import { selfReport } from './self-report.ts';

t.test('a host reports when something is new, and never for its role', (t) => {
  const cluster = new SampleCluster();
  const host = () => {
    const found = cluster.state.host(1);
    if (found === undefined) throw new Error('the first host');
    return found;
  };
  const addresses = ['/ip4/192.0.2.1/tcp/7400'];
  t.equal(selfReport(host(), { addresses, settings: sampleSettings(), facts: sampleFacts() }), undefined);
  t.equal(
    selfReport(host(), { addresses, settings: sampleSettings({ role: 'agent' }), facts: sampleFacts() }),
    undefined,
  );
  const self = { addresses: [], settings: sampleSettings({ role: 'agent' }), facts: sampleFacts({ vcpu: 2 }) };
  const report = selfReport(host(), self);
  if (report === undefined) throw new Error('a report');
  t.match(cluster.apply(report), { ok: true, changed: true });
  t.equal(selfReport(host(), self), undefined);
  t.end();
});
