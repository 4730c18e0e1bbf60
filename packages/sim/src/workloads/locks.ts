/**
 * Clients of locks. Each claims a lock, works under it, renews and gives it back; now and then one dies, is frozen
 * past its session and goes on as if nothing had happened, gives up waiting, or breaks somebody else's claim. Their
 * clocks run too fast or too slow, as far as the product promises to bear.
 */
import type { Random } from '@n3x/core/base/random';
import type { Command, CommandResult } from '@n3x/core/machine/command';
import { holderLimitMs, LOCK_CLOCK_ERROR } from '@n3x/core/model/lock-timing';
import { FencedResource, type LockRules } from '../checkers/locks.ts';
import type { Trace } from '../trace/trace.ts';
import { HostClock } from '../world/clock.ts';
import type { World } from '../world/world.ts';
import { History } from './history.ts';

/** Slots of each lock. */
export const LOCK_SLOTS: ReadonlyMap<string, number> = new Map([
  ['deploy', 1],
  ['disk', 1],
  ['build', 2],
]);

const CLIENTS = 6;
/** Mean pause between two sessions, in ms. */
const PAUSE_MS = 800;
/** Shortest and longest session, in ms. */
const TTL_MS = [1_000, 5_000] as const;
/** How long a host may take over a request, and how long a client waits for it, in ms. */
const TIMEOUT_MS = 1_500;
const PATIENCE_MS = 2_000;
/** Pause before a request is tried at another host, in ms. */
const RETRY_MS = 50;
/** Mean pause between two writes to what the lock protects, in ms. */
const WRITE_MS = 150;
/** How long a write is under way, in ms; of a hundred some are held up for much longer. */
const WRITE_WAY_MS = 20;
const WRITE_LATE_PERCENT = 5;
const WRITE_LATE_MS = 8_000;
/** Of a hundred sessions: their ends, and what happens in them. */
const DIES_PERCENT = 15;
const FREEZES_PERCENT = 20;
const BREAKS_PERCENT = 5;
const WAITS_PERCENT = 80;
const GIVES_UP_PERCENT = 15;
const MILLION = 1_000_000;

/** All clients of locks in one run. */
export class LockClients {
  readonly #random: Random;
  readonly world: World;
  readonly trace: Trace;
  readonly rules: LockRules;
  /** What was asked and answered, by lock. */
  readonly history = new History();
  readonly resources = new Map(
    [...LOCK_SLOTS].filter(([, slots]) => slots === 1).map(([name]) => [name, new FencedResource(name)]),
  );
  readonly #ppm: number;
  #stopping = false;
  #busy = 0;
  #sequence = 1;

  /** Their clocks are off by up to `driftPpm` millionths, and never by more than the product bears. */
  constructor(world: World, random: Random, trace: Trace, rules: LockRules, driftPpm: number) {
    this.world = world;
    this.#random = random;
    this.trace = trace;
    this.rules = rules;
    this.#ppm = Math.min(driftPpm, LOCK_CLOCK_ERROR * MILLION);
    rules.expect(LOCK_SLOTS, () => world.timeline.nowMs);
  }

  /** Sessions under way. */
  get busy(): number {
    return this.#busy;
  }

  /** What was done so far. */
  get counts(): { readonly lockGrants: number; readonly lockWrites: number; readonly lockWritesRefused: number } {
    const all = [...this.resources.values()];
    return {
      lockGrants: this.rules.grants,
      lockWrites: all.reduce((sum, resource) => sum + resource.taken, 0),
      lockWritesRefused: all.reduce((sum, resource) => sum + resource.refused, 0),
    };
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /** Starts them all. */
  start(): void {
    for (let number = 1; number <= CLIENTS; number++) this.#rest(this.#random.fork(`client/${number}`));
  }

  /** Nobody claims anything new; who waits gives up, who holds gives back. */
  finish(): void {
    this.#stopping = true;
  }

  /** A number that no other request has. */
  next(): number {
    return this.#sequence++;
  }

  #rest(random: Random): void {
    this.world.timeline.after(random.below(2 * PAUSE_MS), () => {
      if (this.#stopping) return;
      this.#busy++;
      const clock = new HostClock(this.world.timeline, random.below(1_000_000), 0);
      clock.setRate(random.below(2 * this.#ppm + 1) - this.#ppm);
      new LockSession(this, random, clock, () => {
        this.#busy--;
        this.#rest(random);
      }).start();
    });
  }
}

/** One claim of one client, from its request to its end. */
class LockSession {
  readonly #all: LockClients;
  readonly #random: Random;
  readonly #clock: HostClock;
  readonly #done: () => void;
  readonly #name: string;
  readonly #holder: string;
  readonly #ttlMs: number;
  /** Time on its clock at which it means to give the lock back, or to wait no more. */
  #leavesAtMs = Number.POSITIVE_INFINITY;
  /** Time on its clock at which it stops, unless it has renewed. */
  #untilMs = 0;
  #renewAtMs = 0;
  #ticket = 0;
  #token = 0;
  #frozen = false;
  /** Whether it waits for a renewal that it sent when its time was over. */
  #hopes = false;
  /** Whether it gives the lock back. */
  #leaving = false;
  #isOver = false;

  constructor(all: LockClients, random: Random, clock: HostClock, done: () => void) {
    this.#all = all;
    this.#random = random;
    this.#clock = clock;
    this.#done = done;
    const names = [...LOCK_SLOTS.keys()];
    this.#name = names[random.below(names.length)] ?? 'deploy';
    this.#holder = `s${all.next()}`;
    this.#ttlMs = TTL_MS[0] + random.below(TTL_MS[1] - TTL_MS[0]);
  }

  start(): void {
    if (this.#random.below(100) < BREAKS_PERCENT) this.#break();
    const patient = this.#random.below(100) >= GIVES_UP_PERCENT;
    this.#leavesAtMs = this.#clock.nowMs + this.#random.below(patient ? 20_000 : 2_000);
    this.#claim(this.#random.below(100) < WAITS_PERCENT);
  }

  /** Does `work` after `ownMs` on its own clock. What was due while it was frozen it does when it goes on. */
  #after(ownMs: number, work: () => void): void {
    const run = (): void => {
      if (this.#isOver) return;
      if (this.#frozen) this.#all.world.timeline.after(10, run);
      else work();
    };
    this.#all.world.timeline.after(this.#clock.trueMs(ownMs), run);
  }

  /** Sends a command until some host answers it; `sentAtMs`, on its clock, is when it first did. */
  #ask(command: Command, answered: (result: CommandResult, sentAtMs: number) => void): void {
    const { world, trace } = this.#all;
    const requestId = `${this.#holder}.${this.#all.next()}`;
    const sentAtMs = this.#clock.nowMs;
    const { history } = this.#all;
    const operation = { type: 'write', object: `lock/${this.#name}`, command } as const;
    const recorded = history.invoke(0, operation, requestId, world.timeline.nowMs);
    trace.record({ type: 'invoke', client: 0, host: '', text: `${requestId} ${command.type} ${this.#name}` });
    const attempt = (): void => {
      if (this.#isOver) return;
      const up = world.hosts.filter((host) => host.isUp);
      const host = up[this.#random.below(Math.max(1, up.length))];
      let isOpen = true;
      const close = (then: () => void): void => {
        if (!isOpen) return;
        isOpen = false;
        then();
      };
      const again = (): void => close(() => this.#after(RETRY_MS, attempt));
      const leave = host?.command(requestId, command, TIMEOUT_MS, (outcome) => {
        if (outcome?.type !== 'result') again();
        else {
          close(() =>
            this.#after(0, () => {
              const { result } = outcome;
              const text = result.ok ? `${JSON.stringify(result.values ?? {})}` : result.error.code;
              history.return(recorded, { type: 'written', result }, world.timeline.nowMs);
              trace.record({ type: 'return', client: 0, host: host.name, text: `${requestId} ${text}` });
              answered(result, sentAtMs);
            }),
          );
        }
      });
      if (leave === undefined) again();
      else {
        world.timeline.after(PATIENCE_MS, () => {
          if (isOpen) leave();
          again();
        });
      }
    };
    attempt();
  }

  #claim(wait: boolean): void {
    const { stopping } = this.#all;
    if (stopping || this.#clock.nowMs >= this.#leavesAtMs) {
      // A place in the queue is given back; without one there is nothing to give back, as far as it knows.
      if (this.#ticket !== 0 && this.#random.below(2) === 0) this.#release(this.#ticket);
      else this.#end();
      return;
    }
    const slots = LOCK_SLOTS.get(this.#name) ?? 1;
    const base = {
      type: 'lockAcquire',
      name: this.#name,
      holder: this.#holder,
      reason: '',
      ttlMs: this.#ttlMs,
    } as const;
    this.#ask({ ...base, slots, wait }, (result, sentAtMs) => {
      if (!result.ok) this.#end();
      else if (result.values?.['state'] === 'held') this.#hold(Number(result.values['token']), sentAtMs);
      else {
        this.#ticket = Number(result.values?.['ticket']);
        this.#after(this.#random.below(Math.floor(this.#ttlMs / 3)) + 1, () => this.#claim(wait));
      }
    });
  }

  /** It has the lock, unless the answer came too late to be of use. */
  #hold(token: number, sentAtMs: number): void {
    this.#token = token;
    if (!this.#extend(sentAtMs)) {
      this.#end();
      return;
    }
    const lifeMs = 200 + this.#random.below(3 * this.#ttlMs);
    this.#leavesAtMs = this.#clock.nowMs + lifeMs;
    const fate = this.#random.below(100);
    if (fate < DIES_PERCENT) this.#after(this.#random.below(lifeMs), () => this.#die());
    else if (fate < DIES_PERCENT + FREEZES_PERCENT) this.#after(this.#random.below(lifeMs), () => this.#freeze());
    this.#write();
    this.#work();
  }

  /** A renewal came through that was sent at `sentAtMs`; whether that leaves it any time. */
  #extend(sentAtMs: number): boolean {
    this.#untilMs = sentAtMs + holderLimitMs(this.#ttlMs);
    this.#renewAtMs = sentAtMs + this.#ttlMs / 3;
    const leftMs = this.#untilMs - this.#clock.nowMs;
    if (leftMs <= 0) return false;
    const untilMs = this.#all.world.timeline.nowMs + this.#clock.trueMs(leftMs);
    this.#all.rules.believes(this.#name, this.#holder, this.#token, untilMs);
    return true;
  }

  /** Looks at the time every now and then, as a careful holder does. */
  #work(): void {
    this.#after(20, () => {
      if (this.#leaving) return;
      const { nowMs } = this.#clock;
      if (nowMs >= this.#untilMs && !this.#hopes) this.#end();
      else if (nowMs >= this.#leavesAtMs || this.#all.stopping) this.#release(this.#token);
      else {
        if (nowMs >= this.#renewAtMs) this.#renew();
        this.#work();
      }
    });
  }

  #renew(): void {
    this.#renewAtMs = Number.POSITIVE_INFINITY;
    const command = { type: 'lockRenew', name: this.#name, holder: this.#holder, token: this.#token } as const;
    this.#ask(command, (result, sentAtMs) => {
      this.#hopes = false;
      if (this.#leaving) return;
      if (!result.ok || !this.#extend(sentAtMs)) this.#end();
    });
  }

  /** Writes to what the lock protects, again and again. A write may be held up on its way. */
  #write(): void {
    const resource = this.#all.resources.get(this.#name);
    if (resource === undefined || this.#leaving) return;
    const late = this.#random.below(100) < WRITE_LATE_PERCENT;
    const wayMs = 1 + this.#random.below(late ? WRITE_LATE_MS : WRITE_WAY_MS);
    const { timeline } = this.#all.world;
    const [holder, token] = [this.#holder, this.#token];
    timeline.after(wayMs, () => void resource.write(holder, token));
    this.#after(this.#random.below(2 * WRITE_MS), () => this.#write());
  }

  /** Stands still, perhaps past its session, and then goes on where it was: with a write, before it looks at the time. */
  #freeze(): void {
    this.#frozen = true;
    const { timeline } = this.#all.world;
    timeline.after(this.#random.below(3 * this.#ttlMs), () => {
      this.#frozen = false;
      if (this.#isOver || this.#leaving) return;
      this.#write();
      // A timer that was due while it stood still: a renewal that may come too late, or just in time.
      this.#hopes = this.#random.below(2) === 0;
      if (this.#hopes) this.#renew();
    });
  }

  #release(token: number): void {
    this.#all.rules.ends(this.#name, this.#holder);
    const command = { type: 'lockRelease', name: this.#name, holder: this.#holder, token } as const;
    // It works no more, whatever becomes of the request.
    this.#leaving = true;
    const { timeline } = this.#all.world;
    timeline.after(10_000, () => this.#end());
    this.#ask(command, () => this.#end());
  }

  /** An operator breaks whatever it finds, knowing of nobody. */
  #break(): void {
    const { world, rules } = this.#all;
    const state = world.leader?.loop?.state;
    const found = state?.lock(this.#name)?.holders[0];
    if (found === undefined) return;
    rules.breaks(this.#name, found.holder);
    const command = { type: 'lockBreak', name: this.#name, holder: found.holder, reason: 'in the way' } as const;
    this.#ask(command, () => undefined);
  }

  /** Its process is gone: it neither works nor tells anybody. */
  #die(): void {
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#all.rules.ends(this.#name, this.#holder);
    this.#done();
  }
}
