/**
 * One machine with its daemon: a disk, clocks, VMs, and while the daemon runs the same loop as in
 * production, flushed after every input. Disk, clocks and machine outlive the daemon.
 */
import { describeError, ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { HostLoop } from '@n3x/core/loop/host-loop';
import type { LoopInput } from '@n3x/core/loop/input';
import { DEFAULT_LOOP_OPTIONS, type LoopOptions } from '@n3x/core/loop/options';
import type { FormatRange } from '@n3x/core/machine/format-range';
import type { Ports } from '@n3x/core/ports/ports';
import type { StorageWrite } from '@n3x/core/ports/storage';
import type { PeerAddress } from '@n3x/core/ports/transport';
import type { NodeId } from '@n3x/core/raft/types';
import { HostClock } from './clock.ts';
import { type CrashKind, SimulatedDisk } from './disk.ts';
import { type AskedCommand, type CommandDone, HostClients, type ReadDone } from './host-clients.ts';
import { factsOf } from './host-facts.ts';
import type { HostParts } from './host-parts.ts';
import { Inbox } from './inbox.ts';
import { type ObservedHost, Violation } from './observer.ts';
import { OrderlyStop } from './orderly-stop.ts';
import { SimulatedDriver } from './simulated-driver.ts';
import { SimulatedFence } from './simulated-fence.ts';
import { SimulatedVolumes } from './simulated-volumes.ts';

/** Ms until the supervisor starts a daemon again that has ended by itself. */
const RESTART_MS = 2_000;
/** Wall clock at the beginning of every world: 2026-01-01. */
const WALL_START_MS = 1_767_225_600_000;

/** One machine. */
export class SimulatedHost implements ObservedHost {
  readonly name: string;
  readonly clock: HostClock;
  readonly disk: SimulatedDisk;
  readonly driver: SimulatedDriver;
  readonly fence: SimulatedFence;
  readonly volumes: SimulatedVolumes;
  /** Its daemon's stops in good order. */
  readonly orderly: OrderlyStop;
  readonly #parts: HostParts<SimulatedHost>;
  /** How long the disk takes; changed in place by {@link SimulatedHost.slowDisk}. */
  readonly #latency: { minMs: number; maxMs: number; slowPermille: number; slowMs: number };
  readonly #clients: HostClients;
  readonly #inbox: Inbox;
  #id: NodeId = 0;
  #bootstrapPeers: readonly PeerAddress[] = [];
  #loop: HostLoop | undefined;
  /** The loop that a wake is under way for. */
  #wakes: HostLoop | undefined;
  #runs = false;
  #boots = 0;
  #fatal: string | undefined;
  #keepDown = false;
  #isRetired = false;
  #isDiscarded = false;
  #formats: FormatRange;
  #wasDowngraded = false;

  constructor(parts: HostParts<SimulatedHost>) {
    const { name, timeline, random } = parts;
    this.name = name;
    this.#parts = parts;
    this.#latency = { ...parts.latency };
    this.#formats = parts.formats;
    this.#clients = new HostClients(
      name,
      (input) => this.input(input),
      (requestId, outcome) => parts.observer.answered?.(this, requestId, outcome),
    );
    this.#inbox = new Inbox(
      (input) => this.#take(input),
      (input) => parts.tampering.input?.(this, input),
    );
    const clocks = random.fork('clock');
    this.clock = new HostClock(timeline, 1_000 + clocks.below(10_000_000), WALL_START_MS + clocks.below(2_000));
    this.disk = new SimulatedDisk({ clock: timeline, random: random.fork('disk'), latency: this.#latency });
    this.volumes = new SimulatedVolumes(
      timeline,
      random.fork('volumes'),
      (uid, event, content) => parts.observer.volume?.(this, uid, event, content),
      (sourceId, uid, move) => parts.readVolume(this, sourceId, { uid, move }),
    );
    this.driver = new SimulatedDriver(
      ...([timeline, random.fork('driver'), () => this.clock.wallMs, parts.driver] as const),
      (uid, runs) => parts.observer.vm?.(this, uid, runs),
      (course) => parts.observer.course?.(this, course),
      () => this.fence.holds,
      this.volumes,
    );
    this.fence = new SimulatedFence(timeline, this.clock, random.fork('fence'), parts.driver.failPermille, () => {
      this.orderly.fenced();
      this.driver.fence();
    });
    this.orderly = new OrderlyStop(this, (delayMs, run) => timeline.after(delayMs, run), parts.onViolation);
  }

  /** Zero before it has joined. */
  get id(): NodeId {
    return this.#id;
  }

  get loop(): HostLoop | undefined {
    return this.#loop;
  }

  /** Whether its daemon runs, stalled or not. */
  get isUp(): boolean {
    return this.#runs;
  }

  get isStalled(): boolean {
    return this.#inbox.isStalled;
  }

  /** Whether it is no member any more. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** Formats of commands that its build reads. */
  get formats(): FormatRange {
    return this.#formats;
  }

  /** Replaces the build by the next one, which reads one format more, and starts it again as a supervisor does. */
  upgrade(): void {
    const [lowest, highest] = this.#formats;
    this.replaceBuild([lowest, highest + 1]);
  }

  /** Puts the build before back, if there was one. */
  downgrade(): void {
    const [lowest, highest] = this.#formats;
    if (highest <= lowest) return;
    this.#wasDowngraded = true;
    this.replaceBuild([lowest, highest - 1]);
  }

  /** Whether a newer build ever ran here than its later ones. */
  get wasDowngraded(): boolean {
    return this.#wasDowngraded;
  }

  /** Replaces the build. A daemon that runs is stopped and started again. */
  replaceBuild(formats: FormatRange): void {
    this.#formats = formats;
    if (!this.#runs) return;
    this.crash('process');
    this.#parts.timeline.after(RESTART_MS, () => {
      if (!this.#keepDown) this.start();
    });
  }

  /**
   * Loses its data directory for good: the machine goes, and never starts under this id again. For the checkers its
   * disk stays as it was: what it had acknowledged may rightly be counted later.
   */
  wipe(): void {
    this.retire();
    this.keepDown('power');
  }

  /** Whether it has let go of everything. */
  get isDiscarded(): boolean {
    return this.#isDiscarded;
  }

  /** Lets go of everything, once it is retired and down. */
  discard(): void {
    this.#isDiscarded = true;
    this.disk.reset();
    this.driver.discard();
    this.volumes.discard();
  }

  /** Once its daemon ends it is not started again: the host has left the cluster. */
  retire(): void {
    this.#isRetired = true;
  }

  /** Its daemon learns who it is: the answer to a join. */
  becomeMember(id: NodeId, peers: readonly PeerAddress[]): void {
    this.#id = id;
    this.#bootstrapPeers = peers;
  }

  /** Starts the daemon unless it runs. */
  start(): void {
    this.#keepDown = false;
    if (this.#runs || this.#isRetired) return;
    this.orderly.forget();
    const { timeline, stateCodec, observer, tampering } = this.#parts;
    const loaded = this.disk.load();
    if (!loaded.ok) {
      this.#parts.onRefused(this, loaded.error);
      return;
    }
    const boot = ++this.#boots;
    this.#runs = true;
    this.#fatal = undefined;
    const stored = tampering.stored?.(this, loaded.state) ?? loaded.state;
    observer.started?.(this, stored);
    const alive = (): boolean => this.#boots === boot && this.#runs;
    const deliver = (input: LoopInput): void => {
      if (alive()) this.input(input);
    };
    const ports = this.#ports(boot, deliver);
    const options: LoopOptions = {
      ...DEFAULT_LOOP_OPTIONS,
      ...this.#parts.loop,
      hostId: this.#id,
      bootId: `b${boot}`,
      bootstrapPeers: this.#bootstrapPeers,
      commandFormats: this.#formats,
    };
    this.#guarded(() => {
      this.#loop = new HostLoop(tampering.options?.(options) ?? options, ports, stored, stateCodec);
    });
    if (this.#loop === undefined) return;
    const addresses = [`/memory/${this.name}`];
    deliver({ type: 'hostInfo', addresses, settings: this.#parts.settings, facts: factsOf(this.#formats) });
    const tick = (): void => {
      if (!alive()) return;
      if (!this.isStalled) deliver({ type: 'tick', nowMs: this.clock.nowMs, wallMs: this.clock.wallMs });
      timeline.after(this.clock.trueMs(DEFAULT_LOOP_OPTIONS.tickMs), tick);
    };
    tick();
  }

  /** Ends the daemon, or with `power` everything that runs here. */
  crash(kind: CrashKind): void {
    this.fence.detach(kind);
    if (kind === 'power') {
      this.orderly.forget();
      this.driver.detach('power');
      this.volumes.detach('power');
    }
    if (!this.#runs) {
      if (kind === 'power') this.disk.crash('power');
      return;
    }
    this.#runs = false;
    this.#loop = undefined;
    this.#inbox.clear();
    this.disk.crash(kind);
    this.#parts.network.detach(this.#id, kind);
    if (kind === 'process') {
      this.driver.detach('process');
      this.volumes.detach('process');
    }
    this.#parts.observer.stopped?.(this, kind);
    this.#clients.lose();
  }

  /** As {@link SimulatedHost.crash}, and the supervisor leaves the daemon alone until {@link SimulatedHost.start}. */
  keepDown(kind: CrashKind): void {
    this.#keepDown = true;
    this.crash(kind);
  }

  /** Stops the process in its tracks; time and network go on without it. */
  stall(): void {
    if (this.#runs) this.#inbox.stall();
  }

  /** Lets a stalled process go on. */
  resume(): void {
    this.#inbox.resume();
  }

  /** Makes the disk `factor` times slower than it is by nature; 1 makes it well again. */
  slowDisk(factor: number): void {
    const { minMs, maxMs, slowMs } = this.#parts.latency;
    Object.assign(this.#latency, { minMs: minMs * factor, maxMs: maxMs * factor, slowMs: slowMs * factor });
  }

  /**
   * Sends a command through this host; `done` gets undefined when the daemon ends first. Answers the way to go
   * away without waiting for the answer; undefined when no daemon takes it.
   */
  command(requestId: string, command: AskedCommand, timeoutMs: number, done: CommandDone): (() => void) | undefined {
    if (!this.#runs || this.isStalled) return undefined;
    return this.#clients.command(requestId, command, this.clock.nowMs + timeoutMs, done);
  }

  /** Asks for a linearizable read; `done` is called while the state is what was read. As {@link SimulatedHost.command}. */
  read(timeoutMs: number, done: ReadDone): (() => void) | undefined {
    if (!this.#runs || this.isStalled) return undefined;
    return this.#clients.read(this.clock.nowMs + timeoutMs, done);
  }

  /** Hands the loop an input and lets it do what follows; a stalled process takes it later. */
  input(input: LoopInput): void {
    if (this.#runs) this.#inbox.put(input);
  }

  #armWake(loop: HostLoop): void {
    const { wakeMs } = loop;
    if (wakeMs === null || this.#wakes === loop) return;
    this.#wakes = loop;
    this.#parts.timeline.after(this.clock.trueMs(wakeMs), () => {
      if (this.#wakes !== loop) return;
      this.#wakes = undefined;
      if (this.#loop === loop) this.input({ type: 'wake' });
    });
  }

  #take(input: LoopInput): void {
    const loop = this.#loop;
    if (loop === undefined) return;
    this.#guarded(() => {
      loop.clock(this.clock.nowMs);
      loop.handle(input);
      loop.flush();
      if (input.type === 'tick') this.#clients.checkDeadlines(input.nowMs);
      this.#armWake(loop);
      if (this.#fatal === undefined) this.#parts.observer.settled?.(this, loop.status);
    });
  }

  /** Runs the loop; a defect that it finds in itself is a violation, and a process that gives up is started again. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof N3xError && error.code === ERROR_CODES.version) {
        this.keepDown('process');
        this.#parts.onRefused(this, error);
        return;
      }
      this.#parts.onViolation(
        error instanceof Violation ? error : new Violation('no-crash', `${this.name}: ${describeError(error)}`),
      );
      return;
    }
    if (this.#fatal === undefined) return;
    this.crash('process');
    this.#parts.timeline.after(RESTART_MS, () => {
      if (!this.#keepDown) this.start();
    });
  }

  #ports(boot: number, deliver: (input: LoopInput) => void): Ports {
    const { network, observer, random, tampering } = this.#parts;
    const storage = this.disk.attach((stored) => {
      for (const { token, outcome } of stored) deliver({ type: 'stored', token, outcome });
    });
    const transport = network.attach(this.#id, {
      onMessage: (from, message) => deliver({ type: 'received', from, message }),
      onPeer: (id, connected) => deliver({ type: 'peer', id, connected }),
    });
    const driver = this.driver.attach({
      observed: (vms) => deliver({ type: 'observed', vms }),
      done: (token, outcome) => deliver({ type: 'driverDone', token, outcome }),
    });
    const volumes = this.volumes.attach({
      observed: (volumes, copies) => deliver({ type: 'volumesObserved', volumes, copies }),
      done: (token, outcome) => deliver({ type: 'volumeDone', token, outcome }),
    });
    const world: Ports = {
      storage,
      transport,
      driver,
      fence: this.fence.attach((deadlineMs, outcome) => deliver({ type: 'fenceArmed', deadlineMs, outcome })),
      volumes,
      client: this.#clients,
      journal: {
        log: () => undefined,
        fatal: (event) => {
          this.#fatal ??= event;
        },
      },
      random: random.fork(`boot/${boot}`),
    };
    const ports = tampering.ports?.(this, world, deliver) ?? world;
    return {
      ...ports,
      storage: {
        write: (write: StorageWrite) => {
          observer.writing?.(this, write);
          ports.storage.write(write);
        },
      },
      driver: {
        perform: (token, action) => {
          observer.acting?.(this, action);
          ports.driver.perform(token, action);
        },
        watch: (vms) => ports.driver.watch(vms),
      },
      transport: {
        send: (to, message) => {
          observer.sending?.(this, to, message);
          ports.transport.send(to, message);
        },
        setPeers: (peers) => ports.transport.setPeers(peers),
      },
    };
  }
}
