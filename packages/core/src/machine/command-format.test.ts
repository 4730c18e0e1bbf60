import t from 'tap';
import { applyConfState } from './apply.ts';
import { hostsWithoutFormat, nextFormat } from './command-format.ts';
import { SampleCluster, sampleFacts, sampleSettings } from './sample.ts';

/** Three hosts, of which n1 and n2 vote. */
function cluster(): SampleCluster {
  const made = new SampleCluster();
  made.join('n2');
  made.join('n3');
  const confState = { voters: [1, 2], votersOutgoing: [], learners: [3], learnersNext: [], autoLeave: false };
  applyConfState(made.state, made.state.index + 1, confState);
  return made;
}

function report(made: SampleCluster, hostId: number, formats: [number, number]): void {
  const host = made.state.host(hostId);
  if (host === undefined) throw new Error(`no host ${hostId}`);
  const { addresses } = host;
  made.apply({
    ...{ type: 'hostReport', hostId, addresses, settings: sampleSettings() },
    facts: sampleFacts({ commandFormats: formats }),
  });
}

t.test('a format comes into force once all read it', async (t) => {
  const made = cluster();
  report(made, 1, [1, 3]);
  report(made, 2, [1, 2]);
  t.equal(nextFormat(made.state), undefined, 'n3 does not');
  const refused = made.apply({ type: 'commandFormatRaise', format: 2 });
  t.match(refused, { ok: false, error: { code: 'N3X_REFUSED', details: { hosts: ['n3'] } } });
  report(made, 3, [1, 2]);
  t.equal(nextFormat(made.state), 2, 'the highest that all read');
  t.match(made.apply({ type: 'commandFormatRaise', format: 2 }), { ok: true, changed: true });
  t.equal(made.state.cluster?.commandFormat, 2);
  t.match(made.state.lastEvent, { reason: 'CommandFormatRaised' });
  t.equal(nextFormat(made.state), undefined);
  t.match(made.apply({ type: 'commandFormatRaise', format: 1 }), { ok: true, changed: false }, 'it never falls');
  t.equal(made.state.cluster?.commandFormat, 2);
});

t.test('an agent that is away does not hold the others up, a voter does', async (t) => {
  const made = cluster();
  report(made, 1, [1, 2]);
  made.apply({ type: 'hostReachable', hostId: 3, reachable: false });
  made.apply({ type: 'hostReachable', hostId: 2, reachable: false });
  t.same(
    hostsWithoutFormat(made.state, 2).map(({ name }) => name),
    ['n2'],
  );
  report(made, 2, [1, 2]);
  t.equal(nextFormat(made.state), 2);
});

t.test('a host that does not read what is in force cannot join', async (t) => {
  const made = cluster();
  for (const id of [1, 2, 3]) report(made, id, [1, 2]);
  made.apply({ type: 'commandFormatRaise', format: 2 });
  t.match(made.join('old'), { ok: false, error: { code: 'N3X_VERSION', details: { format: 2, reads: [1, 1] } } });
  t.match(made.join('new', { facts: { commandFormats: [2, 4] } }), { ok: true });
});
