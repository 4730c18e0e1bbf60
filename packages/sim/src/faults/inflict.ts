/** Lets faults happen to a world, and takes all of them back. */
import type { NodeId } from '@n3x/core/raft/types';
import { between, type Obstacle } from '../world/reachability.ts';
import type { SimulatedHost } from '../world/simulated-host.ts';
import type { World } from '../world/world.ts';
import type { Fault, FaultTarget, TimedFault } from './fault.ts';
import type { FaultLink, Misbehaviour, NetworkFault } from './fault-kinds.ts';

/** How much slower a slow disk is. */
const SLOW_FACTOR = 100;

/** What only people and other parts of a run can do. */
export interface NemesisHelp {
  /** Whether the cluster can do without the data of `host` for good. */
  mayLose(host: SimulatedHost): boolean;
  /** `host` lost its data directory: it is removed, and its machine joins as a new host. */
  wipe(host: SimulatedHost): void;
  /** `host` is asked to leave. */
  remove(host: SimulatedHost): void;
  /** A new machine joins. */
  join(): void;
  /** `host` sends what it should not; answers what ends that. */
  misbehave(host: SimulatedHost, how: Misbehaviour): () => void;
}

type HostFault = Extract<Fault, { host: FaultTarget }>;

/** Inflicts faults on one world. */
export class Nemesis {
  readonly #world: World;
  readonly #tell: (fault: Fault) => void;
  readonly #help: NemesisHelp;
  /** What takes back each fault that lasts: those of the network apart, as they heal together. */
  readonly #obstacles = new Set<() => void>();
  readonly #others = new Set<() => void>();
  /** Cuts by direction. */
  readonly #cuts = new Map<string, Set<() => void>>();
  /** Grows when everything is taken back, so that what was to happen later does not. */
  #era = 0;

  /** `tell` is called with every fault as it happens. */
  constructor(world: World, tell: (fault: Fault) => void, help: NemesisHelp) {
    this.#world = world;
    this.#tell = tell;
    this.#help = help;
  }

  /** Lets `schedule` happen, its times counted from `fromMs`. */
  plan(schedule: readonly TimedFault[], fromMs: number): void {
    const era = this.#era;
    for (const { atMs, fault } of schedule) {
      this.#world.timeline.at(fromMs + atMs, () => {
        if (era !== this.#era) return;
        this.#tell(fault);
        this.inflict(fault);
      });
    }
  }

  /** Takes everything back for good: every daemon runs, every disk and link is well. Clocks and builds stay as they are. */
  relent(): void {
    this.#era++;
    this.#heal();
    for (const undo of [...this.#others]) undo();
    for (const host of this.#world.hosts) {
      host.slowDisk(1);
      host.disk.mend();
      host.disk.resume();
      host.resume();
      host.start();
    }
  }

  /** Lets one fault happen now. Faults that make no sense at the moment change nothing. */
  inflict(fault: Fault): void {
    switch (fault.type) {
      case 'partition':
      case 'cut':
      case 'mend':
      case 'flap':
      case 'slow-link':
      case 'heal':
        this.#onNetwork(fault);
        return;
      case 'join':
        this.#help.join();
        return;
      default: {
        const host = this.#find(fault.host);
        if (host !== undefined) this.#onHost(host, fault);
      }
    }
  }

  #onNetwork(fault: NetworkFault): void {
    switch (fault.type) {
      case 'partition': {
        const groups = fault.groups.map((group) => group.flatMap((name) => this.#find(name)?.id ?? []));
        this.#block(between(groups), fault.forMs);
        return;
      }
      case 'cut':
        for (const [from, to] of this.#ways(fault)) {
          const name = `${from}>${to}`;
          const cuts = this.#cuts.get(name) ?? new Set();
          this.#cuts.set(name, cuts);
          cuts.add(this.#block((sender, receiver) => sender === from && receiver === to, fault.forMs));
        }
        return;
      case 'mend':
        for (const [from, to] of this.#ways(fault)) {
          for (const undo of this.#cuts.get(`${from}>${to}`) ?? []) undo();
          this.#cuts.delete(`${from}>${to}`);
        }
        return;
      case 'flap':
        this.#flap(fault);
        return;
      case 'slow-link':
        for (const [from, to] of this.#ways(fault)) {
          this.#lasts(this.#others, this.#world.network.slow(from, to, fault.by), fault.forMs);
        }
        return;
      case 'heal':
        this.#heal();
        return;
    }
  }

  /** Cuts and mends in turn. */
  #flap(fault: Extract<NetworkFault, { type: 'flap' }>): void {
    const ways = this.#ways(fault);
    const cut: Obstacle = (sender, receiver) => ways.some(([from, to]) => sender === from && receiver === to);
    let open: (() => void) | undefined;
    let ended = false;
    const turn = (): void => {
      if (ended) return;
      if (open === undefined) open = this.#world.network.block(cut);
      else {
        open();
        open = undefined;
      }
      this.#world.timeline.after(fault.everyMs, turn);
    };
    turn();
    const end = (): void => {
      ended = true;
      open?.();
    };
    this.#lasts(this.#obstacles, end, fault.forMs);
  }

  #onHost(host: SimulatedHost, fault: HostFault): void {
    const { id } = host;
    switch (fault.type) {
      case 'isolate':
        this.#block((from, to) => from === id || to === id, fault.forMs);
        return;
      case 'deaf':
        this.#block((_from, to) => to === id, fault.forMs);
        return;
      case 'mute':
        this.#block((from) => from === id, fault.forMs);
        return;
      case 'crash':
      case 'power':
        host.keepDown(fault.type === 'crash' ? 'process' : 'power');
        if (fault.downMs !== undefined) this.#later(fault.downMs, () => host.start());
        return;
      case 'stop':
        this.#stop(host, fault.downMs);
        return;
      case 'restart':
        host.start();
        return;
      case 'stall':
        host.stall();
        this.#later(fault.forMs, () => host.resume());
        return;
      case 'slow-disk':
        host.slowDisk(SLOW_FACTOR);
        this.#later(fault.forMs, () => host.slowDisk(1));
        return;
      case 'stuck-disk':
        host.disk.stall();
        this.#later(fault.forMs, () => host.disk.resume());
        return;
      case 'full-disk':
      case 'broken-disk':
        host.disk.fail(fault.type === 'full-disk' ? 'full' : 'io');
        this.#later(fault.forMs, () => host.disk.mend());
        return;
      case 'slow-driver':
      case 'failing-driver':
      case 'hanging-driver':
        this.#lasts(this.#others, host.driver.trouble(fault.type), fault.forMs);
        return;
      case 'rot':
        if (this.#help.mayLose(host)) host.disk.rot();
        return;
      case 'wipe':
        if (this.#help.mayLose(host)) this.#help.wipe(host);
        return;
      case 'remove':
        this.#help.remove(host);
        return;
      case 'upgrade':
        host.upgrade();
        return;
      case 'downgrade':
        host.downgrade();
        return;
      case 'drift':
        host.clock.setRate(fault.ppm);
        return;
      case 'jump':
        host.clock.jumpWall(fault.byMs);
        return;
      case 'misbehave':
        this.#lasts(this.#others, this.#help.misbehave(host, fault.how), fault.forMs);
        return;
    }
  }

  /** As `crash`, in good order, which takes a while: what was to follow does, unless everything was taken back meanwhile. */
  #stop(host: SimulatedHost, downMs: number | undefined): void {
    const era = this.#era;
    host.orderly.begin(() => {
      if (era !== this.#era) host.start();
      else if (downMs !== undefined) this.#later(downMs, () => host.start());
    });
  }

  /** The directions that a link has, between hosts that there are. */
  #ways({ from, to, both }: FaultLink): (readonly [NodeId, NodeId])[] {
    const [one, other] = [this.#find(from)?.id, this.#find(to)?.id];
    if (one === undefined || other === undefined || one === other) return [];
    return both ? [[one, other] as const, [other, one] as const] : [[one, other]];
  }

  #block(obstacle: Obstacle, forMs: number | undefined): () => void {
    return this.#lasts(this.#obstacles, this.#world.network.block(obstacle), forMs);
  }

  /** Remembers what takes a fault back, and lets it happen after `forMs`; answers a way to do it sooner. */
  #lasts(among: Set<() => void>, undo: () => void, forMs: number | undefined): () => void {
    const once = (): void => {
      if (among.delete(once)) undo();
    };
    among.add(once);
    if (forMs !== undefined) this.#later(forMs, once);
    return once;
  }

  #heal(): void {
    for (const undo of [...this.#obstacles]) undo();
    this.#cuts.clear();
    this.#world.network.heal();
  }

  #find(target: FaultTarget): SimulatedHost | undefined {
    return target === 'leader' ? this.#world.leader : this.#world.host(target);
  }

  #later(delayMs: number, action: () => void): void {
    const era = this.#era;
    this.#world.timeline.after(delayMs, () => {
      if (era === this.#era) action();
    });
  }
}
