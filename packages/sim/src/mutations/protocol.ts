/** Planted bugs of elections, replication and snapshots: what a wrong node would say or believe. */
import { chunkChecksum } from '@n3x/core/loop/snapshot-checksum';
import { alterReceived, alterSent, HUNT_HOSTS, type Mutation } from './mutation.ts';

/** The planted bugs of the protocol. */
export const PROTOCOL_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'grant-every-vote', summary: 'a host votes for everybody who asks', budget: 60, workload: 'idle' },
    make: () =>
      alterSent((message) =>
        message.type === 'MsgVoteResp' && message.reject ? { ...message, reject: false } : message,
      ),
  },
  {
    ...{
      name: 'vote-for-old-logs',
      summary: 'a host takes every candidate to be up to date',
      budget: 40,
      workload: 'writes',
    },
    make: () =>
      alterReceived((message, from) => {
        if (message.type !== 'MsgVote' && message.type !== 'MsgPreVote') return [{ from, message }];
        return [{ from, message: { ...message, index: 1_000_000_000, logTerm: message.term } }];
      }),
  },
  {
    ...{
      name: 'accept-every-append',
      summary: 'a follower says yes to entries that do not follow its log',
      budget: 40,
    },
    workload: 'writes',
    make: () =>
      alterSent((message) =>
        message.type === 'MsgAppResp' && message.reject
          ? { ...message, reject: false, rejectHint: 0, logTerm: 0 }
          : message,
      ),
  },
  {
    ...{
      name: 'count-votes-twice',
      summary: 'a candidate counts each vote for its voter and for one more',
      budget: 40,
    },
    workload: 'writes',
    make: () =>
      alterReceived((message, from) => {
        if ((message.type !== 'MsgVoteResp' && message.type !== 'MsgPreVoteResp') || message.reject) {
          return [{ from, message }];
        }
        const other = (from % HUNT_HOSTS) + 1;
        return [from, other].map((voter) => ({ from: voter, message: { ...message, from: voter } }));
      }),
  },
  {
    ...{
      name: 'commit-with-a-minority',
      summary: 'a leader counts each answer for its follower and for one more',
      budget: 40,
    },
    workload: 'writes',
    make: () =>
      alterReceived((message, from) => {
        if (message.type !== 'MsgAppResp' || message.reject) return [{ from, message }];
        const other = (from % HUNT_HOSTS) + 1;
        if (other === message.to) return [{ from, message }];
        return [from, other].map((follower) => ({ from: follower, message: { ...message, from: follower } }));
      }),
  },
  {
    ...{
      name: 'entry-altered',
      summary: 'every two-hundredth entry that a follower takes has lost its content',
      budget: 10,
    },
    workload: 'writes',
    make: () => {
      let count = 0;
      return alterReceived((message, from) => {
        if (message.type !== 'MsgApp') return [{ from, message }];
        const entries = message.entries.map((entry) =>
          entry.type === 'normal' && ++count % 200 === 0 ? { ...entry, data: new Uint8Array() } : entry,
        );
        return [{ from, message: { ...message, entries } }];
      });
    },
  },
  {
    ...{
      name: 'commit-ahead',
      summary: 'a follower takes all that it is sent for committed',
      budget: 20,
      workload: 'writes',
    },
    make: () =>
      alterReceived((message, from) =>
        message.type === 'MsgApp'
          ? [{ from, message: { ...message, commit: message.index + message.entries.length } }]
          : [{ from, message }],
      ),
  },
  {
    ...{ name: 'snapshot-incomplete', summary: 'a snapshot lacks its last record', budget: 60, workload: 'writes' },
    make: () => ({
      input: (_host, input) => {
        if (input.type !== 'received' || input.message.type !== 'snapshotChunk' || !input.message.last) return [input];
        const records = input.message.records.slice(0, -1);
        return [{ ...input, message: { ...input.message, records, checksum: chunkChecksum(records) } }];
      },
    }),
  },
  {
    ...{ name: 'deaf-to-elections', summary: 'a host never answers a candidate', budget: 10, workload: 'idle' },
    make: () =>
      alterReceived((message, from) =>
        message.type === 'MsgVote' || message.type === 'MsgPreVote' ? [] : [{ from, message }],
      ),
  },
];
