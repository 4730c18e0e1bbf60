/** Planted bugs of what clients are told. */
import type { Ports } from '@n3x/core/ports/ports';
import type { Tampering } from '../world/tampering.ts';
import { type Mutation, withClient } from './mutation.ts';

/** Ticks after which a write is given up. */
const GIVE_UP_TICKS = 2;

function givesUpEarly(): Tampering {
  const hosts = new Map<number, { readonly client: Ports['client']; readonly waiting: Map<number, number> }>();
  return {
    ports: (host, ports) => {
      hosts.set(host.id, { client: ports.client, waiting: new Map() });
      return ports;
    },
    input: (host, input) => {
      const at = hosts.get(host.id);
      if (at === undefined) return [input];
      if (input.type === 'command') at.waiting.set(input.id, 0);
      if (input.type !== 'tick') return [input];
      for (const [id, ticks] of at.waiting) {
        at.waiting.set(id, ticks + 1);
        if (ticks < GIVE_UP_TICKS) continue;
        at.waiting.delete(id);
        at.client.commandDone(id, { type: 'failure', failure: { code: 'timeout', outcome: 'none' } });
      }
      return [input];
    },
  };
}

/** The planted bugs of answers. */
export const CLIENT_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'stale-read', summary: 'a host answers reads from its own state, without asking anybody', budget: 20 },
    workload: 'tokens',
    make: () => {
      const clients = new Map<number, Ports['client']>();
      return {
        ports: (host, ports) => {
          clients.set(host.id, ports.client);
          return ports;
        },
        input: (host, input) => {
          if (input.type !== 'read') return [input];
          clients.get(host.id)?.readDone(input.id, { type: 'ready', index: 0 });
          return [];
        },
      };
    },
  },
  {
    ...{
      name: 'read-index-of-its-own',
      summary: 'a follower takes what it knows as committed for the read index',
      budget: 20,
    },
    workload: 'tokens',
    make: () => ({
      ports: (host, ports, deliver) => ({
        ...ports,
        transport: {
          setPeers: (peers) => ports.transport.setPeers(peers),
          send: (to, message) => {
            if (message.type !== 'raft' || message.message.type !== 'MsgReadIndex') {
              ports.transport.send(to, message);
              return;
            }
            const { status } = host.loop ?? {};
            if (status === undefined) return;
            const { context } = message.message;
            const answer = { type: 'MsgReadIndexResp', from: to, to: host.id, term: status.term } as const;
            deliver({
              type: 'received',
              from: to,
              message: { type: 'raft', message: { ...answer, index: status.appliedIndex, context } },
            });
          },
        },
      }),
    }),
  },
  {
    ...{ name: 'unknown-told-as-none', summary: 'a host gives a write up after 100 ms and says that it had no effect' },
    ...{ budget: 20, workload: 'tokens' },
    make: givesUpEarly,
  },
  {
    ...{
      name: 'failure-told-as-success',
      summary: 'a client whose write got no answer is told that it took effect',
      budget: 20,
    },
    workload: 'writes',
    make: () => ({
      ports: (_host, ports) =>
        withClient(ports, {
          commandDone: (id, outcome) =>
            ports.client.commandDone(
              id,
              outcome.type === 'failure' ? { type: 'result', result: { ok: true, index: 1, changed: true } } : outcome,
            ),
        }),
    }),
  },
  {
    ...{ name: 'retry-takes-effect-again', summary: 'each attempt at a request gets an id of its own', budget: 10 },
    workload: 'writes',
    make: () => {
      let attempt = 0;
      return {
        input: (_host, input) =>
          input.type === 'command' && input.requestId.startsWith('c')
            ? [{ ...input, requestId: `${input.requestId}.${++attempt}` }]
            : [input],
      };
    },
  },
];
