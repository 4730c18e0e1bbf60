/**
 * The membership rules against a model of a cluster: hosts come, go, die and come back while the leader plans and
 * each plan is carried out. Every change is judged by counting, and once nothing happens any more the steps have
 * to come to an end, at voters that no other choice would better.
 */
import fc from 'fast-check';
import t from 'tap';
import { applyConfState } from '../machine/apply.ts';
import { SAMPLE_START_MS, SampleCluster } from '../machine/sample.ts';
import type { Host } from '../model/host.ts';
import { Changer } from '../raft/confchange/changer.ts';
import { Tracker } from '../raft/tracker/tracker.ts';
import type { ConfChange, ConfState, NodeId } from '../raft/types.ts';
import { isSafeChange } from './change-safety.ts';
import { CONTROL_OPTIONS, type LeaderView, type PeerView, type Planner, plan } from './plan.ts';
import { crowding } from './voters.ts';

const HOSTS = 8;
const COMMITTED = 10_000;

interface Machine {
  up: boolean;
  /** It came back and has yet to catch up. */
  lags: boolean;
  lastHeardMs: number;
  heardSinceMs: number;
}

function majority(voters: readonly NodeId[], counts: (id: NodeId) => boolean): boolean {
  return voters.filter(counts).length > voters.length / 2;
}

class Model {
  readonly cluster = new SampleCluster();
  readonly machines = new Map<NodeId, Machine>();
  readonly problems: string[] = [];
  changes = 0;
  nowMs = 1_000_000;
  confState: ConfState;
  #tracker = new Tracker({ maxInflightMsgs: 1, maxInflightBytes: 1 });
  #leader: { id: NodeId; sinceMs: number } | undefined;
  #confSinceMs = 0;
  #transferTriedMs: number | null = null;
  readonly #plan: Planner;

  constructor(planner: Planner = plan) {
    this.#plan = planner;
    this.#switch({ transition: 'auto', changes: [{ type: 'addVoter', node: 1 }], context: new Uint8Array() });
    this.confState = this.#tracker.confState();
    this.#meet(1);
  }

  #meet(id: NodeId): void {
    this.machines.set(id, { up: true, lags: false, lastHeardMs: this.nowMs, heardSinceMs: this.nowMs });
  }

  join(name: string, role: Host['settings']['role'], zone: string): void {
    const result = this.cluster.join(name, { settings: { role, labels: zone === '' ? {} : { zone } } });
    if (result.ok) this.#meet(Number(result.values?.['hostId']));
  }

  isUp(id: NodeId): boolean {
    return this.machines.get(id)?.up === true;
  }

  /** Time passes; then whoever leads plans, and it is carried out. */
  round(ms: number): boolean {
    this.nowMs += ms;
    for (const machine of this.machines.values()) {
      if (!machine.up) continue;
      if (machine.lastHeardMs === 0) machine.heardSinceMs = this.nowMs;
      machine.lastHeardMs = this.nowMs;
      machine.lags = false;
    }
    return this.decide();
  }

  /** One look of the leader at things as they are; whether it did anything. */
  decide(): boolean {
    const { voters } = this.confState;
    if (!majority(voters, (id) => this.isUp(id))) {
      // It leads for a moment more without knowing; what it proposes then is committed by nobody.
      if (this.#leader === undefined || !this.isUp(this.#leader.id)) return false;
      const decisions = this.#plan(this.cluster.state, this.#view(this.#leader), this.nowMs);
      if (decisions.some(({ type }) => type === 'confChange')) this.problems.push('a change without a majority');
      this.#leader = undefined;
      return false;
    }
    if (this.#leader === undefined || !voters.includes(this.#leader.id) || !this.isUp(this.#leader.id)) {
      const next = voters.find((id) => this.isUp(id) && this.machines.get(id)?.lags === false);
      if (next === undefined) return false;
      this.#leader = { id: next, sinceMs: this.nowMs };
      this.#confSinceMs = this.nowMs;
      this.#transferTriedMs = null;
    }
    const decisions = this.#plan(this.cluster.state, this.#view(this.#leader), this.nowMs);
    for (const decision of decisions) {
      if (decision.type === 'command') {
        this.cluster.apply(decision.command, { atMs: SAMPLE_START_MS + this.nowMs });
      } else if (decision.type === 'transferLeader') {
        if (!this.isUp(decision.to) || !voters.includes(decision.to)) this.problems.push('handed over to nobody');
        this.#leader = { id: decision.to, sinceMs: this.nowMs };
        this.#confSinceMs = this.nowMs;
      } else this.#carryOut(decision.change);
    }
    return decisions.length > 0;
  }

  #view({ id: selfId, sinceMs }: { id: NodeId; sinceMs: number }): LeaderView {
    const peers = [...this.machines].map(
      ([id, machine]) =>
        [
          id,
          {
            match: machine.lags ? 1 : COMMITTED,
            lastHeardMs: machine.lastHeardMs === 0 ? null : machine.lastHeardMs,
            heardSinceMs: Math.max(machine.heardSinceMs, sinceMs),
            unreachableSinceMs: null,
          },
        ] as const,
    );
    return {
      selfId,
      wallMs: 0,
      confState: this.confState,
      confChangePending: false,
      transferring: false,
      committed: COMMITTED,
      leaderSinceMs: sinceMs,
      confSinceMs: this.#confSinceMs,
      transferTriedMs: this.#transferTriedMs,
      connected: new Set([...this.cluster.state.hosts()].map((host) => host.id)),
      peers: new Map(peers.filter(([id]) => id !== selfId)),
      inFlight: new Set(),
    };
  }

  /** Takes the change through the joint configuration, and judges it. */
  #carryOut(change: ConfChange): void {
    const before = this.confState.voters;
    this.#switch(change);
    this.confState = this.#tracker.confState();
    const after = this.confState.voters;
    if (`${before}` !== `${after}`) this.changes++;
    this.#confSinceMs = this.nowMs;
    const isUp = (id: NodeId): boolean => this.isUp(id);
    const text = `${before} to ${after}`;
    if (!majority(before, isUp) || !majority(after, isUp)) this.problems.push(`${text} without a majority`);
    for (const id of after) {
      if (before.includes(id)) continue;
      const machine = this.machines.get(id);
      if (machine?.up !== true || machine.lags) this.problems.push(`${id} was given a vote and is not fit for it`);
      const host = this.cluster.state.host(id);
      if (host?.settings.role === 'agent') this.problems.push(`${host.name} was given a vote and is an agent`);
    }
    applyConfState(this.cluster.state, this.cluster.state.index + 1, this.confState);
  }

  #switch(change: ConfChange): void {
    for (const next of [change, { transition: 'auto', changes: [], context: change.context } as const]) {
      if (next.changes.length === 0 && this.#tracker.config.voters.outgoing.size === 0) continue;
      const result = new Changer(this.#tracker, COMMITTED).change(next);
      if (!result.ok) throw new Error(result.reason);
      this.#tracker.config = result.config;
      this.#tracker.progress = result.progress;
    }
  }
}

type Event =
  | { readonly type: 'down' | 'up' | 'leave' | 'remove' | 'agent' | 'auto'; readonly host: number }
  | { readonly type: 'want'; readonly voters: 1 | 3 | 5 | 7 }
  | { readonly type: 'join'; readonly role: Host['settings']['role']; readonly zone: string }
  | { readonly type: 'pass'; readonly ms: number };

const host = fc.integer({ min: 1, max: HOSTS });
const join = fc.record({
  type: fc.constant('join' as const),
  role: fc.constantFrom('auto' as const, 'auto' as const, 'server' as const, 'agent' as const),
  zone: fc.constantFrom('', 'a', 'b', 'c'),
});
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constantFrom('down' as const, 'up' as const), host }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('leave' as const, 'remove' as const), host }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('agent' as const, 'auto' as const), host }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('want' as const), voters: fc.constantFrom(1 as const, 3, 5, 7) }),
  },
  { weight: 2, arbitrary: join },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('pass' as const),
      ms: fc.constantFrom(200, 3_000, 30_000, 61_000, 700_000),
    }),
  },
);

function happen(model: Model, what: Event): void {
  if (what.type === 'pass') {
    model.round(what.ms);
    return;
  }
  if (what.type === 'want') {
    model.cluster.apply({ type: 'clusterSet', settings: { voters: what.voters } });
    return;
  }
  if (what.type === 'join') {
    if (model.machines.size < HOSTS) model.join(`n${model.machines.size + 1}`, what.role, what.zone);
    return;
  }
  const machine = model.machines.get(what.host);
  const name = model.cluster.state.host(what.host)?.name;
  if (machine === undefined || name === undefined) return;
  switch (what.type) {
    case 'down':
      machine.up = false;
      // The leader cannot know of it sooner.
      machine.lastHeardMs = Math.min(machine.lastHeardMs, model.nowMs - CONTROL_OPTIONS.backWithinMs - 1);
      return;
    case 'up':
      if (machine.up) return;
      Object.assign(machine, { up: true, lags: true, lastHeardMs: model.nowMs, heardSinceMs: model.nowMs });
      return;
    case 'leave':
      model.cluster.apply({ type: 'hostLeave', name });
      return;
    case 'remove':
      model.cluster.apply({ type: 'hostRemove', name, force: true });
      return;
    case 'agent':
    case 'auto':
      model.cluster.apply({ type: 'hostSet', name, role: what.type });
  }
}

/** Lets nothing more happen until the leader has nothing to do for a long time; false when that never comes. */
function settle(model: Model): boolean {
  let idle = 0;
  for (let round = 0; round < 120; round++) {
    idle = model.round(round % 4 === 3 ? 700_000 : 31_000) ? 0 : idle + 1;
    if (idle === 8) return true;
  }
  return false;
}

/** Every subset of `list` with `size` members. */
function* subsets<T>(list: readonly T[], size: number): Generator<T[]> {
  const [first, ...rest] = list;
  if (size === 0) yield [];
  else if (first !== undefined) {
    for (const subset of subsets(rest, size - 1)) yield [first, ...subset];
    yield* subsets(rest, size);
  }
}

/** What is better about other voters than these; undefined when nothing is. */
function whyNotBest(model: Model): string | undefined {
  const { state } = model.cluster;
  const { voters } = model.confState;
  const wanted = state.cluster?.settings.voters ?? 0;
  const eligible = [...state.hosts()].filter(
    ({ id, membership, settings }) =>
      membership !== 'leaving' && settings.role !== 'agent' && (model.isUp(id) || voters.includes(id)),
  );
  const members = eligible.filter(({ id }) => voters.includes(id));
  // Where nobody is left who may vote, the last ones go on rather than nobody.
  const stuck = !eligible.some(({ id }) => model.isUp(id));
  if (members.length !== voters.length) return stuck ? undefined : 'one votes that should not';
  const bears = (set: readonly Host[]): number =>
    set.filter(({ id }) => model.isUp(id)).length - Math.floor(set.length / 2) - 1;
  const worth = (set: readonly Host[]): number[] => {
    const servers = set.filter(({ settings }) => settings.role === 'server').length;
    // With a dead one among them the others are left alone.
    const whole = set.every(({ id }) => model.isUp(id))
      ? [servers, -crowding(set.map((h) => h.settings.labels['zone'] ?? ''))]
      : [];
    return [bears(set), set.length, ...whole];
  };
  const own = worth(members);
  for (let size = 1; size <= wanted; size += 2) {
    for (const set of subsets(eligible, size)) {
      const other = worth(set);
      const at = own.findIndex((mark, i) => mark !== other[i]);
      const more = at >= 0 && (other[at] ?? Number.NEGATIVE_INFINITY) > (own[at] ?? 0);
      if (more) return `${set.map(({ id }) => id)} (${other}) instead of ${voters} (${own})`;
    }
  }
  return undefined;
}

const wantedAtFirst = fc.constantFrom(3 as const, 5 as const);

/** Runs of the model under `planner`; what is wrong with one is thrown. `rested` is called with the changes until rest. */
function property(planner: Planner, rested: (changes: number) => void) {
  const atOnce = fc.array(event, { minLength: 1, maxLength: 5 });
  return fc.property(
    wantedAtFirst,
    fc.array(join, { maxLength: 6 }),
    fc.array(atOnce, { maxLength: 15 }),
    (voters, first, events) => {
      const model = new Model(planner);
      happen(model, { type: 'want', voters });
      for (const what of first) happen(model, what);
      for (let round = 0; round < 12; round++) model.round(200);
      for (const together of events) {
        for (const what of together) happen(model, what);
        model.decide();
      }
      if (model.problems.length > 0) throw new Error(model.problems.join('; '));
      fc.pre(majority(model.confState.voters, (id) => model.isUp(id)));
      const before = model.changes;
      if (!settle(model)) throw new Error('it does not come to an end');
      rested(model.changes - before);
      if (model.problems.length > 0) throw new Error(model.problems.join('; '));
      const better = whyNotBest(model);
      if (better !== undefined) throw new Error(`better: ${better}`);
    },
  );
}

t.test('changes are safe, come to an end, and end at the best voters', async (t) => {
  let rested = 0;
  let changes = 0;
  const count = (more: number): void => {
    rested++;
    changes += more;
  };
  fc.assert(property(plan, count), { numRuns: 400 });
  t.ok(rested > 100 && changes > 50, `${rested} came to rest, after ${changes} changes`);
});

/** A view in which every peer is as `peer` says. */
function seeing(view: LeaderView, peer: Partial<PeerView>): LeaderView {
  return { ...view, peers: new Map([...view.peers].map(([id, one]) => [id, { ...one, ...peer }])) };
}

const PLANTED: Readonly<Record<string, Planner>> = {
  'nobody asks who is heard from': (state, view, nowMs) => plan(state, view, nowMs, CONTROL_OPTIONS, () => true),
  'only the new voters are counted': (state, view, nowMs) =>
    plan(state, view, nowMs, CONTROL_OPTIONS, ({ from, to }, heard, well) =>
      isSafeChange({ from: from.filter(heard), to }, heard, well),
    ),
  'only the old voters are counted': (state, view, nowMs) =>
    plan(state, view, nowMs, CONTROL_OPTIONS, ({ from, to }, heard) =>
      isSafeChange({ from, to: to.filter(heard) }, heard, heard),
    ),
  'a lagging host is promoted': (state, view, nowMs) => plan(state, seeing(view, { match: COMMITTED }), nowMs),
  'a silent host is promoted': (state, view, nowMs) =>
    plan(state, seeing(view, { lastHeardMs: nowMs, heardSinceMs: 0 }), nowMs),
  'voters are exchanged for no reason': (state, view, nowMs) => {
    const { voters, learners } = view.confState;
    const [out] = voters.filter((id) => id !== view.selfId);
    const [one] = learners;
    const decisions = plan(state, view, nowMs);
    if (decisions.length > 0 || out === undefined || one === undefined) return decisions;
    const changes = [
      { type: 'addVoter', node: one },
      { type: 'addLearner', node: out },
    ] as const;
    return [{ type: 'confChange', key: 'x', change: { transition: 'auto', changes, context: new Uint8Array() } }];
  },
};

for (const [name, planner] of Object.entries(PLANTED)) {
  t.test(`it is found when ${name}`, async (t) => {
    const details = fc.check(
      property(planner, () => undefined),
      { numRuns: 20_000, endOnFailure: true },
    );
    t.ok(details.failed, `after ${details.numRuns} runs`);
  });
}

t.test('a host that comes and goes for ever is not given a vote again and again', async () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1_000, max: 200_000 }), { minLength: 20, maxLength: 40 }), (spells) => {
      const model = new Model();
      for (let number = 2; number <= 5; number++) model.join(`n${number}`, 'auto', '');
      for (let round = 0; round < 12; round++) model.round(200);
      const flapping = model.confState.voters.at(-1) ?? 0;
      const before = model.changes;
      for (const [at, ms] of spells.entries()) {
        happen(model, { type: at % 2 === 0 ? 'down' : 'up', host: flapping });
        for (let passed = 0; passed < ms; passed += 5_000) model.round(5_000);
      }
      return model.changes - before <= 1;
    }),
    { numRuns: 50 },
  );
});
