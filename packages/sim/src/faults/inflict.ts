/** Lets faults happen to a world, and takes all of them back. */
import type { SimulatedHost } from '../world/simulated-host.ts';
import type { World } from '../world/world.ts';
import type { Fault, FaultTarget, TimedFault } from './fault.ts';

/** How much slower a slow disk is. */
const SLOW_FACTOR = 100;

/** Inflicts faults on one world. */
export class Nemesis {
  readonly #world: World;
  readonly #tell: (fault: Fault) => void;
  /** Grows when everything is taken back, so that what was to end later has ended. */
  #era = 0;

  /** `tell` is called with every fault as it happens. */
  constructor(world: World, tell: (fault: Fault) => void) {
    this.#world = world;
    this.#tell = tell;
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

  /** Takes everything back for good: every daemon runs, every disk and link is well. Clocks stay as they are. */
  relent(): void {
    this.#era++;
    this.#world.network.heal();
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
    const { network } = this.#world;
    switch (fault.type) {
      case 'partition':
        network.partition(fault.groups.map((group) => group.flatMap((name) => this.#find(name)?.id ?? [])));
        return;
      case 'cut':
      case 'mend': {
        const [from, to] = [this.#find(fault.from), this.#find(fault.to)];
        if (from !== undefined && to !== undefined && from !== to) network[fault.type](from.id, to.id);
        return;
      }
      case 'heal':
        network.heal();
        return;
      default: {
        const host = this.#find(fault.host);
        if (host !== undefined) this.#onHost(host, fault);
      }
    }
  }

  #onHost(host: SimulatedHost, fault: Extract<Fault, { host: FaultTarget }>): void {
    switch (fault.type) {
      case 'crash':
      case 'power':
        host.keepDown(fault.type === 'crash' ? 'process' : 'power');
        if (fault.downMs !== undefined) this.#later(fault.downMs, () => host.start());
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
        host.disk.fail('full');
        this.#later(fault.forMs, () => host.disk.mend());
        return;
      case 'drift':
        host.clock.setRate(fault.ppm);
        return;
      case 'jump':
        host.clock.jumpWall(fault.byMs);
        return;
    }
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
