import { createIdentity, type Identity } from '@n3x/agent/transport/identity';
import { Libp2pTransport } from '@n3x/agent/transport/libp2p-transport';
import { PeerNode } from '@n3x/agent/transport/node';
import { testPort } from '@n3x/agent/transport/test-port';
import type { NodeId } from '@n3x/core/raft/types';
import { type TransportHost, type TransportWorld, transportCompliance } from './suite.ts';

interface Running {
  readonly node: PeerNode;
  readonly transport: Libp2pTransport;
}

/** Real hosts on loopback, each with a port of its own that it keeps over restarts. */
class LoopbackWorld implements TransportWorld {
  readonly #running = new Map<NodeId, Running>();
  readonly #places = new Map<NodeId, { readonly identity: Identity; readonly listen: string }>();

  async start(id: NodeId): Promise<TransportHost> {
    const place = this.#places.get(id) ?? {
      identity: await createIdentity(),
      listen: `/ip4/127.0.0.1/tcp/${await testPort()}`,
    };
    const log = (): void => undefined;
    const node = await PeerNode.start({ identity: place.identity, listen: [place.listen], log });
    this.#places.set(id, place);
    const received: TransportHost['received'] = [];
    const connected: TransportHost['connected'] = new Map();
    const transport = new Libp2pTransport({
      node,
      clusterId: 'c1'.repeat(16),
      hostId: id,
      log,
      onMessage: (from, message) => received.push({ from, message }),
      onPeer: (peer, now) => connected.set(peer, now),
    });
    await transport.start();
    this.#running.set(id, { node, transport });
    return { address: { id, peerId: node.peerId, addresses: node.addresses() }, transport, received, connected };
  }

  async kill(id: NodeId): Promise<void> {
    const host = this.#running.get(id);
    this.#running.delete(id);
    await host?.transport.stop();
    await host?.node.stop();
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`still waiting: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.kill(id)));
  }
}

transportCompliance('libp2p', async () => new LoopbackWorld());
