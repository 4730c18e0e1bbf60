import t from 'tap';
import { applyConfState } from './apply.ts';
import { COMMAND_FORMATS, commandSchema } from './command.ts';
import { hostsWithoutFormat, nextFormat, unreadable } from './command-format.ts';
import { COMMAND_SINCE } from './command-since.ts';
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
  report(made, 1, [2, 4]);
  report(made, 2, [2, 3]);
  t.equal(nextFormat(made.state), undefined, 'n3 does not');
  const refused = made.apply({ type: 'commandFormatRaise', format: 3 });
  t.match(refused, { ok: false, error: { code: 'N3X_REFUSED', details: { hosts: ['n3'] } } });
  report(made, 3, [2, 3]);
  t.equal(nextFormat(made.state), 3, 'the highest that all read');
  t.match(made.apply({ type: 'commandFormatRaise', format: 3 }), { ok: true, changed: true });
  t.equal(made.state.cluster?.commandFormat, 3);
  t.match(made.state.lastEvent, { reason: 'CommandFormatRaised' });
  t.equal(nextFormat(made.state), undefined);
  t.match(made.apply({ type: 'commandFormatRaise', format: 2 }), { ok: true, changed: false }, 'it never falls');
  t.equal(made.state.cluster?.commandFormat, 3);
});

t.test('an agent that is away does not hold the others up, a voter does', async (t) => {
  const made = cluster();
  report(made, 1, [2, 3]);
  made.apply({ type: 'hostReachable', hostId: 3, reachable: false });
  made.apply({ type: 'hostReachable', hostId: 2, reachable: false });
  t.same(
    hostsWithoutFormat(made.state, 3).map(({ name }) => name),
    ['n2'],
  );
  report(made, 2, [2, 3]);
  t.equal(nextFormat(made.state), 3);
});

t.test('a host that does not read what is in force cannot join', async (t) => {
  const made = cluster();
  for (const id of [1, 2, 3]) report(made, id, [2, 3]);
  made.apply({ type: 'commandFormatRaise', format: 3 });
  t.match(made.join('old'), { ok: false, error: { code: 'N3X_VERSION', details: { format: 3, reads: [2, 2] } } });
  t.match(made.join('new', { facts: { commandFormats: [3, 5] } }), { ok: true });
});

t.test('a client is told which hosts could not read its command', async (t) => {
  const made = cluster();
  const command = { type: 'hostUndrain', name: 'n1' } as const;
  t.equal(unreadable(made.state, 2, command), undefined);
  report(made, 2, [1, 1]);
  t.match(unreadable(made.state, 1, command), {
    ok: false,
    error: {
      code: 'N3X_VERSION',
      message: 'hostUndrain is of command format 2, and 1 is in force: install this n3x version on n2 first',
      details: { format: 1, since: 2, hosts: ['n2'] },
    },
  });
  t.equal(unreadable(made.state, 1, { type: 'hostLeave', name: 'n1' }), undefined);
});

t.test('the newest command is of the newest format', async (t) => {
  t.equal(Math.max(...Object.values(COMMAND_SINCE)), COMMAND_FORMATS[1]);
  const types = commandSchema.options.map(({ shape }) => shape.type.value);
  t.same(Object.keys(COMMAND_SINCE).sort(), types.sort());
});
