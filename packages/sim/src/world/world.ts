/**
 * A cluster of simulated hosts, made as an operator makes one: the first host founds it, every other one
 * joins with a token through the log. Everything in it happens in virtual time and follows from one seed.
 */
import { assert } from '@n3x/core/base/assert';
import type { N3xError } from '@n3x/core/base/errors';
import type { Random } from '@n3x/core/base/random';
import type { VolumeRequest } from '@n3x/core/host/volume-serving';
import { BOOTSTRAP_CONF_STATE, BOOTSTRAP_POSITION, bootstrapRecords, FIRST_HOST_ID } from '@n3x/core/machine/bootstrap';
import type { Command, CommandResult } from '@n3x/core/machine/command';
import { COMMAND_FORMATS } from '@n3x/core/machine/command';
import type { FormatRange } from '@n3x/core/machine/format-range';
import type { StateCodec } from '@n3x/core/machine/state-codec';
import type { ClusterSettings } from '@n3x/core/model/cluster';
import type { HostRole } from '@n3x/core/model/host';
import type { NodeId } from '@n3x/core/raft/types';
import type { DiskLatency } from './disk.ts';
import { factsOf, SIMULATED_SETTINGS } from './host-facts.ts';
import type { HostParts } from './host-parts.ts';
import type { LinkProfile } from './link-profile.ts';
import { type NetworkEvent, SimNetwork } from './network.ts';
import type { Violation, WorldObserver } from './observer.ts';
import type { DriverProfile } from './simulated-driver.ts';
import { SimulatedHost } from './simulated-host.ts';
import type { Source } from './simulated-volumes.ts';
import type { Tampering } from './tampering.ts';
import { Timeline } from './timeline.ts';

/** What a world is made of. */
export interface WorldOptions {
  readonly random: Random;
  readonly links: LinkProfile;
  readonly latency: DiskLatency;
  readonly driver: DriverProfile;
  readonly loop: HostParts<SimulatedHost>['loop'];
  readonly cluster: ClusterSettings;
  /** As the network takes it. */
  readonly codec: 'wire' | 'reference';
  readonly stateCodec: StateCodec;
  readonly observer: WorldObserver;
  readonly tampering: Tampering;
  readonly onNetworkEvent: (event: NetworkEvent) => void;
  readonly onViolation: (violation: Violation) => void;
  /** A daemon will not run before somebody has done something about `error`. */
  readonly onRefused: (host: SimulatedHost, error: N3xError) => void;
}

/** Ms between two attempts of a joining host. */
const JOIN_AGAIN_MS = 500;
/** A far time for tokens that are not to expire. */
const FAR_MS = 4_000_000_000_000;

/** The hosts, the network between them, and time. */
export class World {
  readonly timeline = new Timeline();
  readonly network: SimNetwork;
  readonly #options: WorldOptions;
  readonly #hosts: SimulatedHost[] = [];
  #nextName = 1;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.network = new SimNetwork({
      clock: this.timeline,
      random: options.random.fork('network'),
      profile: options.links,
      codec: options.codec,
      onEvent: options.onNetworkEvent,
    });
  }

  /** All machines that were ever members, in the order of their joining. */
  get hosts(): readonly SimulatedHost[] {
    return this.#hosts;
  }

  /** The machine with this name. */
  host(name: string): SimulatedHost | undefined {
    return this.#hosts.find((host) => host.name === name);
  }

  /** The host that leads in the highest term, among those whose daemon runs. */
  get leader(): SimulatedHost | undefined {
    let best: SimulatedHost | undefined;
    let term = 0;
    for (const host of this.#hosts) {
      const status = host.loop?.status;
      if (status?.role !== 'leader' || status.term <= term) continue;
      best = host;
      term = status.term;
    }
    return best;
  }

  /** Founds the cluster. */
  found(): SimulatedHost {
    const host = this.#make('server');
    const addresses = [`/memory/${host.name}`];
    const records = bootstrapRecords({
      clusterId: '5'.repeat(32),
      clusterName: 'sim',
      settings: this.#options.cluster,
      atMs: host.clock.wallMs,
      host: {
        ...{ name: host.name, uid: `uid-${host.name}`, peerId: `sim-${host.name}`, addresses },
        ...{ settings: { ...SIMULATED_SETTINGS, role: 'server' }, facts: factsOf(host.formats) },
      },
    });
    host.disk.reset({ meta: { ...BOOTSTRAP_POSITION, confState: BOOTSTRAP_CONF_STATE }, records });
    host.becomeMember(FIRST_HOST_ID, []);
    this.#hosts.push(host);
    host.start();
    return host;
  }

  /** Formats of commands that the newest build in this world reads: what is installed on new machines. */
  get newestFormats(): FormatRange {
    const newest = Math.max(COMMAND_FORMATS[1], ...this.#hosts.map((host) => host.formats[1]));
    return [COMMAND_FORMATS[0], newest];
  }

  /** A new machine joins; `done` is called once its daemon runs. It tries until it is let in. */
  join(done: (host: SimulatedHost) => void, role: HostRole = 'server'): void {
    const host = this.#make(role);
    const secretHash = host.name.charCodeAt(1).toString(16).padStart(2, '0').repeat(32);
    const tokenId = Number(host.name.slice(1)).toString(16).padStart(16, '0');
    this.#persist({ type: 'tokenCreate', id: tokenId, secretHash, expiresAtMs: FAR_MS }, `token.${host.name}`, () => {
      const join: Command = {
        ...{ type: 'hostJoin', tokenId, secretHash, peerId: `sim-${host.name}` },
        ...{ uid: `uid-${host.name}`, name: host.name, addresses: [`/memory/${host.name}`] },
        ...{ settings: { ...SIMULATED_SETTINGS, role }, facts: factsOf(host.formats) },
      };
      this.#persist(join, `join.${host.name}`, (result, member) => {
        const id = Number(result.values?.['hostId']);
        assert(Number.isSafeInteger(id), `${host.name} was let in without an id`);
        const known = [...(member.loop?.state.hosts() ?? [])];
        const peers = known.map(({ id, peerId, addresses }) => ({ id, peerId, addresses }));
        host.disk.reset();
        host.becomeMember(id, peers);
        this.#hosts.push(host);
        host.start();
        done(host);
      });
    });
  }

  /** Lets go of what machines hold that are out of the cluster and down for good. They stay in the list of hosts. */
  discardGone(isMember: (id: NodeId) => boolean): void {
    for (const host of this.#hosts) {
      if (!host.isRetired || host.isUp || host.isDiscarded || isMember(host.id)) continue;
      host.discard();
      this.network.forget(host.id);
      this.#options.observer.discarded?.(host);
    }
  }

  /** Lets time pass until `ready` holds or `limitMs` is over; whether it holds. */
  runUntil(ready: () => boolean, limitMs: number, each: () => void): boolean {
    const end = this.timeline.nowMs + limitMs;
    while (!ready()) {
      if (this.timeline.nowMs >= end) return false;
      this.timeline.run(Math.min(end, this.timeline.nowMs + 100), each);
    }
    return true;
  }

  /** Sends a command, again and again under one request id and to one host after the other, until it succeeds. */
  #persist(
    command: Command,
    requestId: string,
    done: (result: CommandResult & { ok: true }, host: SimulatedHost) => void,
  ): void {
    let turn = 0;
    const attempt = (): void => {
      const up = this.#hosts.filter((host) => host.isUp);
      const host = up[turn++ % Math.max(1, up.length)];
      const again = (): void => void this.timeline.after(JOIN_AGAIN_MS, attempt);
      const sent = host?.command(requestId, command, 5_000, (outcome) => {
        if (outcome?.type === 'result' && outcome.result.ok) {
          const { result } = outcome;
          // Answered from inside the loop: what follows is for the next moment.
          this.timeline.after(0, () => done(result, host));
        } else again();
      });
      if (sent === undefined) again();
    };
    attempt();
  }

  #make(role: HostRole): SimulatedHost {
    const name = `n${this.#nextName++}`;
    const { random, loop, latency, driver, stateCodec, observer, tampering, onViolation, onRefused } = this.#options;
    return new SimulatedHost({
      ...{ formats: this.newestFormats, settings: { ...SIMULATED_SETTINGS, role }, onRefused },
      ...{ name, timeline: this.timeline, network: this.network, random: random.fork(`host/${name}`) },
      ...{ loop, latency, driver, stateCodec, observer, tampering, onViolation },
      readVolume: (reader, sourceId, request) => this.#readVolume(reader, sourceId, request),
    });
  }

  /** What the daemon of one machine lets that of another read. */
  #readVolume(reader: SimulatedHost, sourceId: NodeId, request: VolumeRequest): Source {
    const source = this.hostById(sourceId);
    const isThere = source?.loop !== undefined && !source.isStalled && this.network.isOpen(sourceId, reader.id);
    if (!isThere) return { refusal: `host ${sourceId} cannot be reached` };
    const served = source.loop.mayServe(reader.id, request);
    if (!served.ok) return { refusal: served.message };
    return source.volumes.image(request.uid) ?? { refusal: `${source.name} does not have volume ${request.uid}` };
  }

  /** The machine whose daemon has this Raft id. */
  hostById(id: NodeId): SimulatedHost | undefined {
    return this.#hosts.find((host) => host.id === id);
  }
}
