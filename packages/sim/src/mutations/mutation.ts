/**
 * Planted bugs: what they break and where a search for them is best made. They change what passes between a
 * loop and its world, or the source text that a search's own thread loads, so the production code has no trace
 * of them.
 */
import type { LoopInput } from '@n3x/core/loop/input';
import type { Ports } from '@n3x/core/ports/ports';
import type { Message, NodeId } from '@n3x/core/raft/types';
import type { ObservedHost } from '../world/observer.ts';
import type { Tampering } from '../world/tampering.ts';
import type { Rewrite } from './rewrite.ts';

/** A planted bug. */
export interface Mutation {
  readonly name: string;
  /** One line: what a host with it does wrong. */
  readonly summary: string;
  /** Seeds within which a soak has to find it. */
  readonly budget: number;
  readonly workload: string;
  /** Name of a profile; `hostile` without one. */
  readonly profile?: string;
  /** Hosts of the cluster; {@link HUNT_HOSTS} without it. */
  readonly hosts?: number;
  /** Virtual ms of load and faults in one run of a search; {@link HUNT_MS} without it. */
  readonly durationMs?: number;
  /** What is changed between loop and world; a new one for each run. */
  make?(): Tampering;
  /** What is changed in the core itself. */
  readonly rewrites?: readonly Rewrite[];
}

/** Hosts of the cluster in which planted bugs are searched for. */
export const HUNT_HOSTS = 5;

/** Virtual ms of load and faults in one run of a search. */
export const HUNT_MS = 15_000;

/** Whether the cluster is set up, as far as `host` knows: a bug that spoils that already shows nothing else. */
function isWhole(host: ObservedHost): boolean {
  return host.loop?.status.confState.voters.length === HUNT_HOSTS;
}

/** A defect in what a host sends to its peers. */
export function alterSent(alter: (message: Message) => Message): Tampering {
  return {
    ports: (host, ports) => ({
      ...ports,
      transport: {
        send: (to, message) => {
          const altered = message.type === 'raft' && isWhole(host);
          ports.transport.send(to, altered ? { ...message, message: alter(message.message) } : message);
        },
        setPeers: (peers) => ports.transport.setPeers(peers),
      },
    }),
  };
}

/** A defect in what a host makes of what it receives: any number of messages in place of one. */
export function alterReceived(
  alter: (message: Message, from: NodeId) => readonly { readonly from: NodeId; readonly message: Message }[],
): Tampering {
  return {
    input: (host, input): readonly LoopInput[] => {
      if (input.type !== 'received' || input.message.type !== 'raft' || !isWhole(host)) return [input];
      return alter(input.message.message, input.from).map(({ from, message }) => ({
        type: 'received',
        from,
        message: { type: 'raft', message },
      }));
    },
  };
}

/** The ports of `ports` with another way to answer clients. */
export function withClient(ports: Ports, client: Partial<Ports['client']>): Ports {
  const { client: own } = ports;
  // Its methods are those of an object: they work on that one only.
  const kept: Ports['client'] = {
    commandDone: (id, outcome) => own.commandDone(id, outcome),
    readDone: (id, outcome) => own.readDone(id, outcome),
    changed: (changes) => own.changed(changes),
    reset: (index) => own.reset(index),
  };
  return { ...ports, client: { ...kept, ...client } };
}
