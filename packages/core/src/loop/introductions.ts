/** Who this host talks to: the members of its state, and those it was told of when its state is older. */
import type { ClusterState } from '../machine/state.ts';
import type { TransportPort } from '../ports/transport.ts';
import type { NodeId } from '../raft/types.ts';
import type { MembersMessage } from '../wire/peer-message.ts';
import type { LoopOptions } from './options.ts';
import { type Introduced, membersOf, peersOf } from './peers.ts';

/**
 * How long an introduction is believed, in ms, unless the state gets there before: longer than a snapshot takes to
 * arrive, and not for ever, in case its index was never true.
 */
const INTRODUCTION_MS = 600_000;

/** The peers of one host. */
export class Introductions {
  readonly #options: Pick<LoopOptions, 'hostId' | 'bootstrapPeers'>;
  readonly #transport: TransportPort;
  #key = '';
  /** What the peers were worked out from. */
  #from: { state: ClusterState; hostsVersion: number; introduced: Introduced | null } | undefined;
  /** Members known from another host, as of an index that this one may not have reached. */
  #introduced: Introduced | null = null;
  #introducedAtMs = 0;

  constructor(options: Pick<LoopOptions, 'hostId' | 'bootstrapPeers'>, transport: TransportPort) {
    this.#options = options;
    this.#transport = transport;
  }

  /** Another host tells who the members are. */
  told(state: ClusterState, message: MembersMessage, nowMs: number): void {
    if (message.index <= Math.max(state.index, this.#introduced?.index ?? 0)) return;
    this.#introduced = message;
    this.#introducedAtMs = nowMs;
    this.update(state);
  }

  /** Time passed: no introduction is believed for ever. */
  tick(state: ClusterState, nowMs: number): void {
    if (this.#introduced === null || nowMs - this.#introducedAtMs <= INTRODUCTION_MS) return;
    this.#introduced = null;
    this.update(state);
  }

  /** Hands the transport the peers, when the state has others. */
  update(state: ClusterState): void {
    const { hostId, bootstrapPeers } = this.#options;
    const { hostsVersion, index } = state;
    const introduced = this.#introduced !== null && this.#introduced.index > index ? this.#introduced : null;
    const last = this.#from;
    if (last?.state === state && last.hostsVersion === hostsVersion && last.introduced === introduced) return;
    this.#from = { state, hostsVersion, introduced };
    const peers = peersOf(state, hostId, bootstrapPeers, this.#introduced);
    const key = JSON.stringify(peers);
    if (key === this.#key) return;
    this.#key = key;
    this.#transport.setPeers(peers);
    for (const peer of peers) this.introduce(state, peer.id);
  }

  /** Tells a peer who the members are, for the case that its state is older. */
  introduce(state: ClusterState, to: NodeId): void {
    if (state.hostCount === 0) return;
    this.#transport.send(to, { type: 'members', index: state.index, members: membersOf(state) });
  }
}
