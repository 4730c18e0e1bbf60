import { SeededRandom } from '@n3x/core/base/random';
import type { NodeId } from '@n3x/core/raft/types';
import { SimNetwork, type SimNetworkOptions } from '@n3x/sim/world/network';
import { Timeline } from '@n3x/sim/world/timeline';
import { type TransportHost, type TransportWorld, transportCompliance } from './suite.ts';

/** Virtual hosts in virtual time. */
class VirtualWorld implements TransportWorld {
  readonly #timeline = new Timeline();
  readonly #network: SimNetwork;

  constructor(codec: NonNullable<SimNetworkOptions['codec']>) {
    this.#network = new SimNetwork({ clock: this.#timeline, random: new SeededRandom(1), codec });
  }

  async start(id: NodeId): Promise<TransportHost> {
    const received: TransportHost['received'] = [];
    const connected: TransportHost['connected'] = new Map();
    const transport = this.#network.attach(id, {
      onMessage: (from, message) => received.push({ from, message }),
      onPeer: (peer, now) => connected.set(peer, now),
    });
    return { address: this.#network.addressOf(id), transport, received, connected };
  }

  async kill(id: NodeId): Promise<void> {
    this.#network.detach(id, 'process');
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    const deadlineMs = this.#timeline.nowMs + 60_000;
    while (!condition()) {
      if (this.#timeline.nowMs > deadlineMs) throw new Error(`still waiting: ${what}`);
      this.#timeline.run(this.#timeline.nowMs + 1, () => undefined);
    }
  }

  async stop(): Promise<void> {
    // Nothing goes on by itself in virtual time.
  }
}

for (const codec of ['reference', 'wire'] as const) {
  transportCompliance(`sim, ${codec}`, async () => new VirtualWorld(codec));
}
