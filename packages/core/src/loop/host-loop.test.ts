import t from 'tap';
import { vmSpecSchema } from '../model/vm.ts';
import { TestWorld } from './test-world.ts';

const spec = vmSpecSchema.parse({ source: { kind: 'inline' } });

const create = (name: string) => ({ type: 'vmCreate', name, uid: `uid-${name}`, spec, power: 'stopped' }) as const;

function threeHosts(options = {}): TestWorld {
  const world = new TestWorld(options);
  world.run(2_000);
  world.join(2);
  world.join(3);
  return world;
}

t.test('hosts join as learners and become voters', async (t) => {
  const world = threeHosts();
  for (const host of world.hosts.values()) {
    t.same(host.loop.status.confState.voters, [1, 2, 3], `host ${host.id}`);
    t.same(
      [...host.loop.state.hosts()].map((h) => h.membership),
      ['voter', 'voter', 'voter'],
    );
  }
});

t.test('a command to a follower takes effect everywhere and is answered once', async (t) => {
  const world = threeHosts();
  const follower = [...world.hosts.values()].find((host) => host.loop.status.role === 'follower');
  if (follower === undefined) throw new Error('no follower');
  const id = world.command(follower, create('a'));
  world.run(100);
  t.match(follower.commands.get(id), { type: 'result', result: { ok: true, changed: true } });
  for (const host of world.hosts.values()) t.ok(host.loop.state.vm('a'), `host ${host.id} has it`);
  const hashes = new Set([...world.hosts.values()].map((host) => host.loop.state.hash()));
  t.equal(hashes.size, 1, 'the states are the same');
});

t.test('a repeated request id takes effect once and gets the same result', async (t) => {
  const world = threeHosts();
  const { leader } = world;
  const first = world.command(leader, create('a'), 'same');
  const again = world.command(world.host(leader.id === 2 ? 3 : 2), create('a'), 'same');
  world.run(200);
  t.same(leader.commands.get(first), world.host(leader.id === 2 ? 3 : 2).commands.get(again));
});

t.test('commands that come while two batches are under way go together once one of them is committed', async (t) => {
  const world = threeHosts();
  const { leader } = world;
  world.settle();
  const ids: number[] = [];
  for (let number = 0; number < 40; number++) {
    const id = 1_000 + number;
    ids.push(id);
    const command = create(`vm-${number}`);
    leader.loop.handle({ type: 'command', id, requestId: `${id}`, command, deadlineMs: world.nowMs + 5_000 });
    leader.loop.flush();
  }
  const batches = (): number[] =>
    leader.writes.flatMap(({ entries }) => (entries === undefined ? [] : [entries.length]));
  t.same(batches(), [1, 1]);
  world.settle();
  t.ok(
    ids.every((id) => leader.commands.get(id)?.type === 'result'),
    'all were answered',
  );
});

t.test('a read sees what was acknowledged before it', async (t) => {
  const world = threeHosts();
  world.must(create('a'));
  for (const host of world.hosts.values()) {
    host.loop.handle({ type: 'read', id: 900, deadlineMs: world.nowMs + 5_000 });
    world.settle();
    world.run(100);
    t.match(host.reads.get(900), { type: 'ready' });
    t.ok(host.loop.state.vm('a'));
  }
});

t.test('without a quorum a write fails as such within its grace, and has no effect later', async (t) => {
  const world = threeHosts();
  const { leader } = world;
  for (const host of world.hosts.values()) if (host !== leader) host.connected = false;
  world.run(1_500);
  const id = world.command(leader, create('late'));
  world.run(3_500);
  t.same(leader.commands.get(id), { type: 'failure', failure: { code: 'noQuorum', outcome: 'none' } });
  for (const host of world.hosts.values()) host.connected = true;
  world.run(3_000);
  t.equal(world.leader.loop.state.vm('late'), undefined);
});

t.test('a host that does not vote notices that the quorum is gone', async (t) => {
  const world = threeHosts();
  world.join(4, { role: 'agent' });
  const agent = world.host(4);
  world.run(1_000);
  t.match(agent.loop.status, { hasQuorum: true, leaderId: world.leader.id });
  for (const host of world.hosts.values()) if (host !== agent) host.connected = false;
  world.run(1_500);
  t.match(agent.loop.status, { hasQuorum: false, leaderId: 0 }, 'who is silent leads no more');
  const id = world.command(agent, create('late'));
  world.run(3_500);
  t.same(agent.commands.get(id), { type: 'failure', failure: { code: 'noQuorum', outcome: 'none' } });
  for (const host of world.hosts.values()) host.connected = true;
  world.run(3_000);
  t.match(agent.loop.status, { hasQuorum: true, leaderId: world.leader.id });
});

t.test('a write under way when the leader is lost waits for the next one and succeeds', async (t) => {
  const world = threeHosts();
  const old = world.leader;
  const follower = [...world.hosts.values()].find((host) => host !== old);
  if (follower === undefined) throw new Error('no follower');
  old.connected = false;
  const id = world.command(follower, create('kept'));
  world.run(3_000);
  t.match(follower.commands.get(id), { type: 'result', result: { ok: true } });
  old.connected = true;
  world.run(2_000);
  t.ok(old.loop.state.vm('kept'), 'the old leader caught up');
});

t.test('a host that was away for long gets a snapshot', async (t) => {
  const world = threeHosts({ compactAfterEntries: 50, keepEntries: 10 });
  const away = [...world.hosts.values()].find((host) => host.loop.status.role !== 'leader');
  if (away === undefined) throw new Error('no follower');
  away.connected = false;
  world.run(5_000);
  for (let i = 0; i < 120; i++) world.must(create(`vm${i}`));
  const resets = away.resets;
  away.connected = true;
  world.run(5_000);
  t.ok(away.resets > resets, 'its state was replaced');
  t.equal(away.loop.state.hash(), world.leader.loop.state.hash());
});

for (const [lagEntries, snapshots] of [
  [200, 0],
  [60, 1],
] as const) {
  t.test(
    `a host that lags by 120 entries gets ${snapshots} snapshots when ${lagEntries} are kept for it`,
    async (t) => {
      const world = threeHosts({ compactAfterEntries: 50, keepEntries: 10, lagEntries });
      const slow = [...world.hosts.values()].find((host) => host.loop.status.role !== 'leader');
      if (slow === undefined) throw new Error('no follower');
      const { resets } = slow;
      // Only for a moment: it is not taken for gone.
      slow.connected = false;
      for (let i = 0; i < 120; i++) world.must(create(`vm${i}`));
      slow.connected = true;
      world.run(5_000);
      t.equal(slow.resets - resets, snapshots);
      t.equal(slow.loop.state.hash(), world.leader.loop.state.hash());
    },
  );
}

t.test('leadership is handed over on request', async (t) => {
  const world = threeHosts();
  const { leader } = world;
  leader.loop.handle({ type: 'handOver' });
  world.settle();
  world.run(200);
  t.not(world.leader.id, leader.id);
});

t.test('a VM is placed, built, started, reported; and removed when deleted', async (t) => {
  const world = threeHosts();
  for (const host of world.hosts.values()) host.observe([]);
  world.must({ ...create('web'), power: 'running' });
  world.run(500);
  const { assignment } = world.leader.loop.state.vm('web') ?? {};
  const host = world.host(assignment?.hostId ?? 0);
  const [build] = host.actions.splice(0);
  t.match(build?.action, { type: 'build', vm: { name: 'web' } });
  world.run(200);
  t.equal(world.leader.loop.state.vm('web')?.status.phase, 'building');
  const managed = { uid: 'uid-web', epoch: assignment?.epoch ?? 0, builtGeneration: 1, restarts: 0 };
  host.observe([{ name: 'web', managed, currentRunner: '/nix/store/a', ready: false }]);
  host.loop.handle({ type: 'driverDone', token: build?.token ?? 0, outcome: { ok: true } });
  world.settle();
  const [start] = host.actions.splice(0);
  t.match(start?.action, { type: 'start' });
  const process = { pid: 7, startedAtMs: world.nowMs };
  const runner = { currentRunner: '/nix/store/a', bootedRunner: '/nix/store/a' };
  host.observe([{ name: 'web', managed, ...runner, process, ready: true }]);
  host.loop.handle({ type: 'driverDone', token: start?.token ?? 0, outcome: { ok: true } });
  world.run(300);
  t.match(world.leader.loop.state.vm('web')?.status, { phase: 'running', pid: 7 });

  world.must({ type: 'vmDelete', name: 'web' });
  world.run(200);
  const [stop] = host.actions.splice(0);
  t.match(stop?.action, { type: 'stop', name: 'web' });
  host.observe([{ name: 'web', managed, currentRunner: '/nix/store/a', ready: false }]);
  host.loop.handle({ type: 'driverDone', token: stop?.token ?? 0, outcome: { ok: true } });
  world.settle();
  const [remove] = host.actions.splice(0);
  t.match(remove?.action, { type: 'remove', name: 'web' });
  host.observe([]);
  host.loop.handle({ type: 'driverDone', token: remove?.token ?? 0, outcome: { ok: true } });
  world.run(300);
  t.equal(world.leader.loop.state.vm('web'), undefined);
});

t.test('a candidate asks for votes only once its term and its own vote are durable', async (t) => {
  const world = threeHosts();
  const old = world.leader;
  const durable = new Set<string>();
  let asked = 0;
  for (const host of world.hosts.values()) {
    const handle = host.loop.handle.bind(host.loop);
    const pending = new Map<number, string>();
    const push = host.writes.push.bind(host.writes);
    host.writes.push = (...writes) => {
      for (const { token, hardState } of writes) {
        if (hardState !== undefined) pending.set(token, `${host.id} ${hardState.term} ${hardState.vote}`);
      }
      return push(...writes);
    };
    host.loop.handle = (input) => {
      if (input.type === 'stored') durable.add(pending.get(input.token) ?? '');
      handle(input);
    };
  }
  const send = world.send.bind(world);
  world.send = (from, to, message) => {
    if (message.type === 'raft' && message.message.type === 'MsgVote') {
      asked++;
      t.ok(durable.has(`${from} ${message.message.term} ${from}`), `host ${from} has kept what it says`);
    }
    send(from, to, message);
  };
  old.connected = false;
  world.run(3_000);
  t.ok(asked > 0);
  t.not(world.leader, old);
});

t.test('a host that was away while another joined and came to lead learns of its leader', async (t) => {
  const world = threeHosts();
  const away = [...world.hosts.values()].find((host) => host !== world.leader);
  if (away === undefined) throw new Error('no follower');
  away.connected = false;
  world.join(4);
  world.run(1_000);
  t.notOk(away.peers.has(4), 'it has never heard of the new host');
  const { leader } = world;
  const third = [1, 2, 3].find((id) => id !== away.id && id !== leader.id);
  world.must({ type: 'hostSet', name: `h${third}`, role: 'agent' });
  world.run(1_000);
  t.ok(leader.loop.status.confState.voters.includes(4), 'it votes instead of one that does no longer');
  const ask = { type: 'MsgTransferLeader', from: 4, to: leader.id, term: 0 } as const;
  leader.loop.handle({ type: 'received', from: 4, message: { type: 'raft', message: ask } });
  world.settle();
  world.run(500);
  t.equal(world.leader.id, 4);
  away.connected = true;
  world.run(4_000);
  t.equal(away.loop.status.leaderId, 4);
  t.equal(away.loop.state.hash(), world.leader.loop.state.hash());
});

t.test('an introduction that is older than the state changes nothing', async (t) => {
  const world = threeHosts();
  const host = world.host(2);
  const members = [{ id: 9, peerId: 'peer9', addresses: [] }];
  host.loop.handle({ type: 'received', from: 1, message: { type: 'members', index: 1, members } });
  world.settle();
  t.notOk(host.peers.has(9));
  host.loop.handle({ type: 'received', from: 1, message: { type: 'members', index: 1e9, members } });
  world.settle();
  t.ok(host.peers.has(9));
});
