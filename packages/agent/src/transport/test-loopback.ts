/** For tests: hosts on loopback. */
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import { createIdentity, type Identity } from './identity.ts';
import { Libp2pTransport } from './libp2p-transport.ts';
import { PeerNode, type PeerNodeOptions } from './node.ts';
import { testPort } from './test-port.ts';
import type { TransportTuning } from './tuning.ts';

/** The cluster that test hosts are in. */
export const TEST_CLUSTER = 'c1'.repeat(16);

/** A line of a log. */
export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A node on loopback and its log. */
export interface LoopbackNode {
  readonly identity: Identity;
  readonly node: PeerNode;
  readonly lines: LogLine[];
}

/** A member on loopback. */
export interface LoopbackMember extends LoopbackNode {
  readonly id: number;
  readonly transport: Libp2pTransport;
  readonly received: { from: number; message: PeerMessage }[];
  readonly connected: Map<number, boolean>;
  /** Peers that have gone on in what became of this member's cluster. */
  readonly superseded: number[];
}

/** A node that listens on a port of its own. */
export async function loopbackNode(options: Partial<PeerNodeOptions> = {}): Promise<LoopbackNode> {
  const identity = options.identity ?? (await createIdentity());
  const lines: LogLine[] = [];
  const node = await PeerNode.start({
    identity,
    listen: [`/ip4/127.0.0.1/tcp/${await testPort()}`],
    log: (level, event, fields) => lines.push({ level, event, fields }),
    ...options,
  });
  return { identity, node, lines };
}

/** A member with a started transport and no peers yet. */
export async function loopbackMember(
  id: number,
  options: {
    clusterId?: string;
    tuning?: Partial<TransportTuning>;
    node?: Partial<PeerNodeOptions>;
    /** Clusters that this member's is what became of. */
    supersedes?: readonly string[];
  } = {},
): Promise<LoopbackMember> {
  const base = await loopbackNode(options.node);
  const received: LoopbackMember['received'] = [];
  const connected: LoopbackMember['connected'] = new Map();
  const superseded: number[] = [];
  const transport = new Libp2pTransport({
    node: base.node,
    clusterId: options.clusterId ?? TEST_CLUSTER,
    hostId: id,
    log: (level, event, fields) => base.lines.push({ level, event, fields }),
    onMessage: (from, message) => received.push({ from, message }),
    onPeer: (peer, now) => connected.set(peer, now),
    supersedes: (former) => options.supersedes?.includes(former) === true,
    onSuperseded: (peer) => superseded.push(peer),
    ...(options.tuning === undefined ? {} : { tuning: options.tuning }),
  });
  await transport.start();
  return { ...base, id, transport, received, connected, superseded };
}

/** Makes members know each other. */
export function introduce(...members: LoopbackMember[]): void {
  const peers = members.map(({ id, node }) => ({ id, peerId: node.peerId, addresses: node.addresses() }));
  for (const member of members) member.transport.setPeers(peers);
}

/** How long a condition may take on a machine that is busy, in ms. */
const UNTIL_MS = 60_000;

/** Resolves once the condition holds. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + UNTIL_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`still waiting: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Ends members and nodes. */
export async function stopAll(...all: (LoopbackNode | LoopbackMember)[]): Promise<void> {
  for (const one of all) {
    if ('transport' in one) await one.transport.stop();
    await one.node.stop();
  }
}
