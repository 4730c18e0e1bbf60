/** Planted bugs of what clients are told. */
import type { Ports } from '@n3x/core/ports/ports';
import { type Mutation, withClient } from './mutation.ts';

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
    ...{
      name: 'unknown-told-as-none',
      summary: 'a client is told that a write had no effect when it may have',
      budget: 60,
    },
    workload: 'tokens',
    make: () => ({
      ports: (_host, ports) =>
        withClient(ports, {
          commandDone: (id, outcome) =>
            ports.client.commandDone(
              id,
              outcome.type === 'failure'
                ? { type: 'failure', failure: { ...outcome.failure, outcome: 'none' } }
                : outcome,
            ),
        }),
    }),
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
