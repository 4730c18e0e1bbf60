/**
 * One run: a cluster is set up, works for a while under load and faults, is left in peace and has to come to
 * rest. Everything follows from the seed. The first rule that is found broken ends the run.
 */
import { assert } from '@n3x/core/base/assert';
import { SeededRandom } from '@n3x/core/base/random';
import type { ClusterSettings } from '@n3x/core/model/cluster';
import { DEFAULT_LEASE_TIMING } from '@n3x/core/model/lease-timing';
import { LeftAlone } from './checkers/adoption.ts';
import { CONVERGENCE, CONVERGENCE_MS, whyNotConverged } from './checkers/convergence.ts';
import { checkLinearizability, LinearizabilityJudge } from './checkers/linearizability.ts';
import { MembershipRules } from './checkers/membership.ts';
import { checkQueues } from './checkers/queue-bounds.ts';
import { RestartRules } from './checkers/restarts.ts';
import { SafetyCheckers } from './checkers/safety.ts';
import { VmOnce } from './checkers/vm-once.ts';
import { VolumeData } from './checkers/volume-data.ts';
import { AimedFaults } from './faults/aims.ts';
import { type Fault, formatFault, type TimedFault } from './faults/fault.ts';
import { Nemesis } from './faults/inflict.ts';
import { drawSchedule } from './faults/random-schedule.ts';
import { PROFILES, type Profile } from './profiles/profile.ts';
import type { TraceEvent } from './trace/event.ts';
import { Trace } from './trace/trace.ts';
import { Adopters } from './workloads/adopters.ts';
import { attachers as makeAttachers } from './workloads/attachers.ts';
import { Casualties } from './workloads/casualties.ts';
import { Clients } from './workloads/clients.ts';
import { History } from './workloads/history.ts';
import { LockClients } from './workloads/locks.ts';
import { MembershipChanges } from './workloads/membership.ts';
import { movers as makeMovers } from './workloads/moves.ts';
import { NetworkClients } from './workloads/networks.ts';
import type { ScriptedOperation, Workload } from './workloads/operation.ts';
import { Operators } from './workloads/operators.ts';
import { placers as makePlacers } from './workloads/placers.ts';
import { SetKeepers } from './workloads/sets.ts';
import { volumeKeepers as makeVolumeKeepers } from './workloads/volume-keepers.ts';
import type { HostLoopOptions } from './world/host-parts.ts';
import { Misbehaviours } from './world/misbehaviour.ts';
import { Observers, Violation } from './world/observer.ts';
import { SharedCodec } from './world/shared-codec.ts';
import type { Tampering } from './world/tampering.ts';
import { World } from './world/world.ts';

/** What a run is made of. */
export interface RunOptions {
  /** A safe integer. */
  readonly seed: number;
  readonly hosts: number;
  /** How long load and faults last, in virtual ms. */
  readonly durationMs: number;
  readonly profile: Profile;
  readonly workload: Workload;
  /** Instead of faults drawn from the profile. */
  readonly faults?: readonly TimedFault[];
  /** Instead of operations drawn from the workload. */
  readonly operations?: readonly ScriptedOperation[];
  readonly tampering?: Tampering;
  /** Whether a VM that runs twice at once ends the run; without it, when no clock may be wrong by more than leases bear. */
  readonly enforceVmOnce?: boolean;
  /** Gets every line of the trace. */
  readonly onLine?: (line: string) => void;
  /** Gets every event of the trace, and messages also when they are sent. */
  readonly onEvent?: (atMs: number, event: TraceEvent) => void;
  /** Whether the result has all operations: without it a long run keeps those of the last while, to stay small. */
  readonly wholeHistory?: boolean;
  /** Called once a virtual second; only to look. */
  readonly onSecond?: (atMs: number, world: World) => void;
}

/** What a run came to. */
export interface RunResult {
  readonly seed: number;
  readonly verdict: 'passed' | 'violated';
  /** The rule that does not hold, and how that showed. */
  readonly violation?: { readonly rule: string; readonly message: string; readonly atMs: number };
  /** Digest over the trace: the same for the same options, always. */
  readonly digest: string;
  readonly virtualMs: number;
  /** Virtual ms from the last fault until the cluster was at rest. */
  readonly convergedAfterMs?: number;
  /** When the setting up ended: times of faults and scripted operations are counted from here. */
  readonly workAtMs: number;
  /** All that were drawn, aimed or given: the same run follows from these. */
  readonly faults: readonly TimedFault[];
  readonly history: History;
  readonly counts: Readonly<Record<string, number>>;
}

/** Virtual ms that the setting up of a cluster may take per host. */
const SETUP_MS_PER_HOST = 30_000;
const SECOND_MS = 1_000;

/** How often logs are compacted; which of them is drawn from the seed. */
const COMPACTIONS: readonly HostLoopOptions[] = [
  { compactAfterEntries: 10_000, keepEntries: 5_000, lagEntries: 20_000 },
  { compactAfterEntries: 400, keepEntries: 150, lagEntries: 600 },
  { compactAfterEntries: 200, keepEntries: 100, lagEntries: 200 },
];

/** How long a voter may be silent before another host votes in its place. */
const REPLACE_AFTER_SECONDS = 15;
/** How long n3xd may take to restart: some take longer. */
const RESTART_LEASE_SECONDS = 10;

/** All hosts shall vote, as far as an odd number goes. */
function votersOf(hosts: number): ClusterSettings['voters'] {
  return hosts >= 7 ? 7 : hosts >= 5 ? 5 : hosts >= 3 ? 3 : 1;
}

/** Runs one world to its end. Throws only for what is wrong with the simulator itself. */
export function simulate(options: RunOptions): RunResult {
  return new Run(options).run();
}

/** One run. */
class Run {
  readonly #options: RunOptions;
  readonly #random: SeededRandom;
  readonly #stateCodec = new SharedCodec();
  readonly #checkers = new SafetyCheckers(this.#stateCodec);
  readonly #trace: Trace;
  readonly #history: History;
  readonly #judge: LinearizabilityJudge;
  readonly #restarts = new RestartRules(() => this.#state);
  readonly #once: VmOnce;
  readonly #volumeData = new VolumeData(() => this.#state);
  readonly #leftAlone = new LeftAlone();
  readonly #rules: MembershipRules;
  readonly #world: World;
  readonly #compaction: HostLoopOptions;
  readonly #operators: Operators;
  readonly #nemesis: Nemesis;
  readonly #aimed: AimedFaults;
  readonly #misbehaving: readonly Misbehaviours[];
  #faults: readonly TimedFault[] = [];
  readonly #aimedAt: TimedFault[] = [];
  #workAtMs = 0;
  #violation: Violation | undefined;
  #convergedAfterMs: number | undefined;
  #linearizable = { searched: 0, gaveUp: 0 };
  #faultsSeen = 0;
  #changes = 0;
  #dead = 0;
  #locks: LockClients | undefined;
  #networks: NetworkClients | undefined;
  #nextLookMs = 0;

  constructor(options: RunOptions) {
    const { seed, profile, tampering, onLine, onEvent } = options;
    this.#options = options;
    this.#random = new SeededRandom(seed);
    this.#history = new History(options.wholeHistory === true ? 'all' : 'recent');
    this.#judge = new LinearizabilityJudge(this.#history);
    this.#trace = new Trace(() => this.#world.timeline.nowMs, onLine, onEvent);
    const compaction = COMPACTIONS[this.#random.fork('compaction').below(COMPACTIONS.length)];
    assert(compaction !== undefined, 'there is a compaction to choose');
    this.#compaction = compaction;
    this.#once = new VmOnce(options.enforceVmOnce ?? profile.driftPpm <= DEFAULT_LEASE_TIMING.clockError * 1_000_000);
    const misbehaves =
      profile.faults.misbehave !== undefined ||
      options.faults?.some(({ fault }) => fault.type === 'misbehave') === true;
    // What every message goes through costs time: it is there only when it is needed.
    this.#misbehaving = misbehaves ? [new Misbehaviours(() => this.#world, this.#random.fork('misbehaviour'))] : [];
    const aims = profile.aims ?? { vote: 0, acknowledgement: 0 };
    this.#aimed = new AimedFaults(
      this.#random.fork('aims'),
      aims,
      (delayMs, fault) => {
        const { nowMs } = this.#world.timeline;
        // As it would be written down, so that the schedule of what happened can be run again.
        const timed = { atMs: Math.ceil((nowMs + delayMs - this.#workAtMs) * 1_000) / 1_000, fault };
        this.#aimedAt.push(timed);
        this.#nemesis.plan([timed], this.#workAtMs);
      },
      () => this.#world.hosts,
    );
    const voters = options.workload.voters ?? votersOf(options.hosts);
    const cluster = {
      ...{ voters, replaceAfterSeconds: REPLACE_AFTER_SECONDS },
      restartLeaseSeconds: RESTART_LEASE_SECONDS,
    };
    this.#rules = new MembershipRules({
      nowMs: () => this.#world.timeline.nowMs,
      views: this.#checkers.views,
      settings: cluster,
    });
    this.#world = new World({
      random: this.#random.fork('world'),
      ...{ links: PROFILES['calm']?.links ?? profile.links, latency: profile.disk, driver: profile.driver },
      loop: { ...this.#compaction, ...profile.loop },
      codec: profile.codec ?? 'reference',
      cluster,
      stateCodec: this.#stateCodec,
      observer: new Observers([
        this.#trace,
        this.#checkers,
        this.#rules,
        this.#once,
        this.#restarts,
        this.#volumeData,
        this.#leftAlone,
        this.#aimed,
        ...this.#misbehaving,
      ]),
      tampering: tampering ?? {},
      onNetworkEvent: (event) => {
        this.#trace.network(event);
        this.#rules.network(event);
      },
      onViolation: (violation) => {
        this.#violation ??= violation;
      },
      onRefused: (host, error) => this.#operators.refused(host, error),
    });
    this.#operators = new Operators({
      ...{ world: this.#world, trace: this.#trace, history: this.#history },
      membershipChanges: options.workload.membership,
      state: () => this.#state,
    });
    const tell = (fault: Fault): void => {
      this.#faultsSeen++;
      const text = formatFault({ atMs: 0, fault }).slice('at 0s '.length);
      const leader = `leader (${this.#world.leader?.name ?? 'nobody'})`;
      this.#trace.record({ type: 'fault', text: text.replace(/\bleader\b/, leader) });
    };
    this.#nemesis = new Nemesis(this.#world, tell, {
      mayLose: (host) => this.#operators.mayLose(host),
      wipe: (host) => this.#operators.wipe(host),
      remove: (host) => this.#operators.remove(host),
      join: () => this.#operators.join(),
      misbehave: (host, how) => this.#misbehaving[0]?.begin(host.name, how) ?? (() => undefined),
    });
  }

  run(): RunResult {
    try {
      this.#setUp();
      this.#work();
      this.#rest();
      this.#judge.finish();
      this.#linearizable = { ...this.#judge.counts };
      if (this.#locks !== undefined) {
        const { searched, gaveUp } = checkLinearizability(this.#locks.history);
        this.#linearizable.searched += searched;
        this.#linearizable.gaveUp += gaveUp;
      }
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#violation ??= error;
    }
    return this.#result();
  }

  /** Founds the cluster and lets the other hosts join, without faults. */
  #setUp(): void {
    const { hosts, profile } = this.#options;
    const { agents = 0 } = profile;
    this.#world.found();
    for (let number = 2; number <= hosts + agents; number++) {
      let joined = false;
      this.#world.join(
        () => {
          joined = true;
        },
        number <= hosts ? 'server' : 'agent',
      );
      this.#until(
        () => joined,
        SETUP_MS_PER_HOST,
        () => `host ${number} cannot join`,
      );
    }
    this.#until(
      () => this.#whyNotConverged() === undefined,
      SETUP_MS_PER_HOST,
      () => this.#whyNotConverged() ?? '',
    );
  }

  /** Load and faults. */
  #work(): void {
    const { durationMs, profile, workload } = this.#options;
    const world = this.#world;
    this.#workAtMs = world.timeline.nowMs;
    world.network.setProfile(profile.links);
    const clocks = this.#random.fork('clocks');
    for (const host of world.hosts) host.clock.setRate(clocks.below(2 * profile.driftPpm + 1) - profile.driftPpm);
    const names = world.hosts.map((host) => host.name);
    this.#faults = this.#options.faults ?? drawSchedule(this.#random.fork('faults'), profile, names, durationMs);
    this.#nemesis.plan(this.#faults, this.#workAtMs);
    this.#aimed.on = this.#options.faults === undefined;
    const clients = new Clients(world, workload, this.#random.fork('clients'), this.#history, this.#trace);
    clients.start(this.#options.operations);
    const membership = new MembershipChanges(world, this.#random.fork('membership'), this.#trace, () => this.#state);
    if (workload.membership) membership.start();
    const rules = this.#checkers.locks;
    const locks = new LockClients(world, this.#random.fork('locks'), this.#trace, rules, profile.driftPpm);
    if (workload.locks === true) locks.start();
    const networks = new NetworkClients(world, this.#random.fork('networks'), this.#trace, this.#checkers.addresses);
    if (workload.networks === true) networks.start();
    this.#networks = workload.networks === true ? networks : undefined;
    const casualties = new Casualties({
      ...{ world, random: this.#random.fork('casualties'), trace: this.#trace, state: () => this.#state },
      mayLose: (host) => this.#operators.mayLose(host),
      join: () => this.#operators.join(),
    });
    if (workload.casualties === true) casualties.start();
    const movers = makeMovers(world, this.#random.fork('movers'), this.#trace);
    if (workload.moves === true) movers.start();
    const volumeKeepers = makeVolumeKeepers(world, this.#random.fork('volumes'), this.#trace);
    if (workload.volumeKeepers === true) volumeKeepers.start();
    const placers = makePlacers(world, this.#random.fork('placers'), this.#trace);
    if (workload.placers === true) placers.start();
    const attachers = makeAttachers(world, this.#random.fork('attachers'), this.#trace);
    if (workload.attachers === true) attachers.start();
    const keepers = new SetKeepers(world, this.#random.fork('sets'), this.#trace, () => this.#state);
    if (workload.sets === true) keepers.start();
    const adopters = new Adopters(world, this.#random.fork('adopters'), this.#trace, this.#leftAlone);
    if (workload.adoption === true) adopters.start();
    this.#locks = locks;
    const end = world.timeline.nowMs + durationMs;
    this.#advance(end, () => membership.retire());
    clients.finish();
    membership.finish();
    locks.finish();
    networks.finish();
    placers.finish();
    casualties.finish();
    movers.finish();
    volumeKeepers.finish();
    attachers.finish();
    keepers.finish();
    adopters.finish();
    this.#dead = casualties.dead;
    this.#changes = membership.changes;
    this.#aimed.on = false;
    this.#nemesis.relent();
    for (const host of world.hosts)
      host.driver.setProfile({ ...profile.driver, failPermille: 0, hangPermille: 0, exitPermille: 0, illPermille: 0 });
    const relentedAt = world.timeline.nowMs;
    this.#until(
      () => {
        membership.retire();
        if (workload.sets === true && keepers.busy() !== undefined) return false;
        if (adopters.busy() !== undefined) return false;
        const atRest =
          clients.busy === 0 && !membership.busy && !this.#operators.busy && locks.busy + networks.busy === 0;
        return atRest && this.#whyNotConverged() === undefined;
      },
      CONVERGENCE_MS,
      () => {
        if (clients.busy > 0) return `${clients.busy} clients have no answer`;
        const sets = workload.sets === true ? keepers.busy() : undefined;
        if (sets !== undefined) return sets;
        const own = adopters.busy();
        if (own !== undefined) return own;
        if (locks.busy > 0) return `${locks.busy} clients of locks do not come to an end`;
        if (networks.busy > 0) return `${networks.busy} clients of a network have no answer`;
        if (this.#operators.busy) return 'a host that lost its data is not replaced';
        return membership.busy ? 'a host cannot join' : (this.#whyNotConverged() ?? '');
      },
    );
    this.#convergedAfterMs = world.timeline.nowMs - relentedAt;
  }

  /** A while without anything, in which everything has to stay as it is. */
  #rest(): void {
    this.#advance(this.#world.timeline.nowMs + SECOND_MS);
    this.#checkers.reference?.recount();
  }

  get #state() {
    return this.#checkers.reference?.state;
  }

  #whyNotConverged(): string | undefined {
    const state = this.#state;
    return state === undefined ? 'there is no state' : whyNotConverged(this.#world, state, this.#restarts);
  }

  #until(ready: () => boolean, limitMs: number, why: () => string): void {
    const { timeline } = this.#world;
    const end = timeline.nowMs + limitMs;
    while (!ready()) {
      if (timeline.nowMs >= end) throw new Violation(CONVERGENCE, `after ${limitMs / SECOND_MS} s: ${why()}`);
      this.#advance(Math.min(end, timeline.nowMs + SECOND_MS / 10));
    }
  }

  /** Lets time pass up to `untilMs`; throws the first violation. */
  #advance(untilMs: number, everySecond: () => void = () => undefined): void {
    const { timeline } = this.#world;
    while (timeline.nowMs < untilMs) {
      timeline.run(Math.min(untilMs, this.#nextLookMs), () => {
        if (this.#violation !== undefined) throw this.#violation;
      });
      if (timeline.nowMs < this.#nextLookMs) return;
      this.#nextLookMs += SECOND_MS;
      checkQueues(this.#world, this.#checkers.views, this.#compaction.lagEntries);
      this.#judge.judge();
      this.#world.discardGone((id) => this.#state?.host(id) !== undefined);
      this.#options.onSecond?.(timeline.nowMs, this.#world);
      everySecond();
    }
  }

  #result(): RunResult {
    const { timeline, network, hosts } = this.#world;
    const violation = this.#violation;
    if (violation !== undefined) this.#trace.record({ type: 'note', text: `${violation.rule}: ${violation.message}` });
    return {
      seed: this.#options.seed,
      verdict: violation === undefined ? 'passed' : 'violated',
      ...(violation === undefined
        ? {}
        : { violation: { rule: violation.rule, message: violation.message, atMs: timeline.nowMs } }),
      digest: this.#trace.digest(),
      virtualMs: timeline.nowMs,
      ...(this.#convergedAfterMs === undefined ? {} : { convergedAfterMs: this.#convergedAfterMs }),
      workAtMs: this.#workAtMs,
      faults: [...this.#faults, ...this.#aimedAt].sort((a, b) => a.atMs - b.atMs),
      history: this.#history,
      counts: {
        hosts: hosts.length,
        events: timeline.executed,
        messages: network.stats().delivered,
        faults: this.#faultsSeen,
        elections: this.#checkers.elections.elections,
        entries: this.#state?.index ?? 0,
        operations: this.#history.size,
        unanswered: this.#history.unknown,
        membershipChanges: this.#changes,
        voterChanges: this.#rules.changes,
        ...(this.#options.workload.casualties === true ? { dead: this.#dead } : {}),
        ...this.#locks?.counts,
        ...(this.#networks === undefined ? {} : { ...this.#checkers.addresses.counts, ...this.#networks.counts }),
        ...(this.#options.workload.sets === true ? { memberUpdates: this.#checkers.sets.updates } : {}),
        historiesSearched: this.#linearizable.searched,
        historiesGivenUp: this.#linearizable.gaveUp,
        ...this.#restarts.counts,
        vmCopiesAtOnce: this.#once.sightings,
        vmMoves: this.#once.moves,
        ...(this.#options.workload.adoption === true ? this.#leftAlone.counts : {}),
        restartsHeld: hosts.reduce((sum, host) => sum + host.orderly.held, 0),
        startsWithData: this.#volumeData.starts,
        startsWithMovedData: this.#volumeData.moved,
        startsWithDataHandedOn: this.#volumeData.handedOn,
      },
    };
  }
}
