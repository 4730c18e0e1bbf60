/**
 * Clients that make and delete VMs on a network which has fewer addresses than there are VMs that want one: it is full most of the
 * time, and each address goes from one VM to the next. Now and then one asks for a certain address.
 */
import type { Random } from '@n3x/core/base/random';
import type { Command } from '@n3x/core/machine/command';
import { networkSpecSchema } from '@n3x/core/model/network';
import { vmSpecSchema } from '@n3x/core/model/vm';
import type { AddressRules } from '../checkers/addresses.ts';
import type { Trace } from '../trace/trace.ts';
import type { World } from '../world/world.ts';

const NETWORK = 'lan';
/** Six addresses, of which one is the gateway's. */
const SPEC = networkSpecSchema.parse({ ipv4: { subnet: '10.0.0.0/29', gateway: '10.0.0.1' }, holdSeconds: 3 });
const FIRST = 2;
const ADDRESSES = 5;

const CLIENTS = 5;
/** Mean pause between two VMs of one client, and the mean life of a VM, in ms. */
const PAUSE_MS = 400;
const LIFE_MS = 2_000;
/** How long a host may take over a request, how long a client waits for it, and the pause before it tries again, in ms. */
const TIMEOUT_MS = 1_500;
const PATIENCE_MS = 2_000;
const RETRY_MS = 100;
/** Of a hundred VMs: those that ask for an address, and those that run. */
const ASKS_PERCENT = 25;
const RUNS_PERCENT = 50;

/** All of them in one run. */
export class NetworkClients {
  readonly #world: World;
  readonly #random: Random;
  readonly #trace: Trace;
  #stopping = false;
  #busy = 0;
  #sequence = 1;
  #refused = 0;

  constructor(world: World, random: Random, trace: Trace, rules: AddressRules) {
    this.#world = world;
    this.#random = random;
    this.#trace = trace;
    rules.expect(SPEC.holdSeconds * 1_000, () => world.timeline.nowMs);
  }

  /** Requests under way. */
  get busy(): number {
    return this.#busy;
  }

  /** What was done so far. */
  get counts(): { readonly addressesRefused: number } {
    return { addressesRefused: this.#refused };
  }

  /** Makes the network, and then starts them all. */
  start(): void {
    const random = this.#random.fork('network');
    this.#ask(random, { type: 'networkCreate', name: NETWORK, spec: SPEC }, () => {
      for (let number = 1; number <= CLIENTS; number++) this.#rest(this.#random.fork(`client/${number}`), number);
    });
  }

  /** Nobody makes anything new. */
  finish(): void {
    this.#stopping = true;
  }

  #rest(random: Random, number: number): void {
    this.#world.timeline.after(random.below(2 * PAUSE_MS), () => {
      if (!this.#stopping) this.#live(random, number);
    });
  }

  /** The life of one VM, from the request for it to the one to delete it. */
  #live(random: Random, number: number): void {
    const name = `net-${number}`;
    const ipv4 = `10.0.0.${FIRST + random.below(ADDRESSES)}`;
    const asks = random.below(100) < ASKS_PERCENT;
    const tap = { type: 'tap' as const, network: NETWORK, ...(asks ? { ipv4 } : {}) };
    const spec = vmSpecSchema.parse({ source: { kind: 'inline', interfaces: [tap] }, memoryMib: 64 });
    const power = random.below(100) < RUNS_PERCENT ? 'running' : 'stopped';
    this.#ask(random, { type: 'vmCreate', name, uid: `n${this.#sequence++}`, spec, power }, (made) => {
      if (!made) this.#refused++;
      this.#world.timeline.after(made ? random.below(2 * LIFE_MS) : 0, () => {
        this.#ask(random, { type: 'vmDelete', name }, () => this.#rest(random, number));
      });
    });
  }

  /** Sends a command until some host answers it, or there is no use any more. */
  #ask(random: Random, command: Command, answered: (ok: boolean) => void): void {
    const { timeline } = this.#world;
    const requestId = `net.${this.#sequence++}`;
    this.#busy++;
    this.#trace.record({ type: 'invoke', client: 0, host: '', text: `${requestId} ${command.type}` });
    const attempt = (): void => {
      const up = this.#world.hosts.filter((host) => host.isUp);
      const host = up[random.below(Math.max(1, up.length))];
      let isOpen = true;
      const close = (then: () => void): void => {
        if (!isOpen) return;
        isOpen = false;
        then();
      };
      const again = (): void => close(() => timeline.after(RETRY_MS, attempt));
      const leave = host?.command(requestId, command, TIMEOUT_MS, (outcome) => {
        if (outcome?.type !== 'result') again();
        else {
          close(() => {
            const { result } = outcome;
            this.#busy--;
            const text = `${requestId} ${result.ok ? 'ok' : result.error.code}`;
            this.#trace.record({ type: 'return', client: 0, host: host.name, text });
            answered(result.ok);
          });
        }
      });
      if (leave === undefined) again();
      else {
        timeline.after(PATIENCE_MS, () => {
          if (isOpen) leave();
          again();
        });
      }
    };
    attempt();
  }
}
