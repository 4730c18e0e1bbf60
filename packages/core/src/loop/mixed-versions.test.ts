import t from 'tap';
import { encodeProposal } from '../machine/proposal-codec.ts';
import { FACTS, SETTINGS, type TestHost, TestWorld } from './test-world.ts';

/** Three voters whose builds read formats 2 and 3, and say so only once they are told to. */
function upgrading(): TestWorld {
  const world = new TestWorld({ commandFormats: [2, 3] });
  world.run(2_000);
  world.join(2);
  world.join(3);
  return world;
}

function report(world: TestWorld, host: TestHost): void {
  const facts = { ...FACTS, commandFormats: [2, 3] as [number, number] };
  const addresses = [`/ip4/127.0.0.1/tcp/${host.id}`];
  host.loop.handle({ type: 'hostInfo', addresses, settings: SETTINGS, facts });
  world.run(2_000);
}

const formats = (world: TestWorld) => [...world.hosts.values()].map(({ loop }) => loop.state.cluster?.commandFormat);

t.test('the format rises when the last host is upgraded, and commands go on', async (t) => {
  const world = upgrading();
  report(world, world.host(1));
  report(world, world.host(2));
  t.same(formats(world), [2, 2, 2]);
  report(world, world.host(3));
  t.same(formats(world), [3, 3, 3]);
  world.must({ type: 'tokenRevoke', id: '0000000000000002' });
});

t.test('a proposal of a format that is not in force does not reach the log', async (t) => {
  const world = upgrading();
  const { leader } = world;
  const from = leader.id === 1 ? 2 : 1;
  const command = { type: 'tokenRevoke', id: '0000000000000002' } as const;
  const before = leader.loop.status.commitIndex;
  const propose = (format: number): void => {
    const data = encodeProposal({ format, requestId: `f${format}`, atMs: 1, command });
    const message = { type: 'MsgProp', from, to: leader.id, term: 0, entries: [{ type: 'normal', data }] } as const;
    leader.loop.handle({ type: 'received', from, message: { type: 'raft', message } });
    world.settle();
  };
  propose(3);
  t.equal(leader.loop.status.commitIndex, before);
  t.ok(leader.events.includes('loop.proposalRefused'));
  propose(2);
  t.equal(leader.loop.status.commitIndex, before + 1);
});

t.test('an old agent that was away does not hold the others up and stops before it reads on', async (t) => {
  const world = upgrading();
  world.join(4, { role: 'agent', commandFormats: [2, 2] });
  const agent = world.host(4);
  agent.connected = false;
  world.run(6_000);
  for (const id of [1, 2, 3]) report(world, world.host(id));
  t.same(formats(world).slice(0, 3), [3, 3, 3]);
  agent.connected = true;
  t.throws(() => world.run(5_000), { code: 'N3X_VERSION', details: { format: 3 } });
  t.equal(agent.loop.state.cluster?.commandFormat, 3, 'stopped at the entry that raised it');
});

t.test(
  'a command that some host cannot read is refused before it reaches the log, and its decisions wait',
  async (t) => {
    // As a build that still reads format 1 would be, beside one that reads nothing newer.
    const world = new TestWorld({ commandFormats: [1, 2] }, { ...FACTS, commandFormats: [1, 1] });
    world.run(2_000);
    const { leader } = world;
    t.equal(leader.loop.state.cluster?.commandFormat, 1);
    const before = leader.loop.status.commitIndex;
    const id = world.command(leader, { type: 'projectCreate', name: 'shop', quotas: {} });
    world.run(500);
    t.match(leader.commands.get(id), {
      type: 'result',
      result: {
        ok: false,
        error: {
          code: 'N3X_VERSION',
          message: /^projectCreate is of command format 2, and 1 is in force: .* on h1 first$/,
        },
      },
    });
    t.equal(leader.loop.status.commitIndex, before);
    world.must({
      type: 'eventRecord',
      about: { kind: 'cluster', name: 'test' },
      severity: 'info',
      reason: 'A',
      message: '',
    });
  },
);
