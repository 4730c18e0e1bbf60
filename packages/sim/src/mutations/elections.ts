/** Planted bugs of elections: votes, terms, logs that are compared, and who may campaign. */
import type { Mutation } from './mutation.ts';

/** The planted bugs of elections that are edits of the core. */
export const ELECTION_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'vote-twice-in-a-term', summary: 'a voter looks only at whether it knows a leader, not at its vote' },
    ...{ budget: 40, workload: 'idle', profile: 'elections' },
    rewrites: [{ file: 'raft/election', find: 'r.vote === 0 && r.leader === 0', replace: 'r.leader === 0' }],
  },
  {
    ...{ name: 'own-vote-not-kept', summary: 'a candidate counts its vote for itself and does not write it down' },
    ...{ budget: 40, workload: 'idle', profile: 'elections' },
    rewrites: [{ file: 'raft/node-state', find: 'this.vote = this.id;', replace: '' }],
  },
  {
    ...{ name: 'vote-kept-for-ever', summary: 'a new term does not free the vote of the old one' },
    ...{ budget: 20, workload: 'idle', profile: 'elections' },
    rewrites: [
      { file: 'raft/node-state', find: 'this.term = term;\n      this.vote = NONE;', replace: 'this.term = term;' },
    ],
  },
  {
    ...{ name: 'vote-for-a-shorter-log', summary: 'of two logs that end in the same term, any counts as up to date' },
    ...{ budget: 40, workload: 'writes', profile: 'elections' },
    rewrites: [
      {
        file: 'raft/log',
        find: 'term > lastTerm || (term === lastTerm && index >= this.lastIndex())',
        replace: 'term >= lastTerm',
      },
    ],
  },
  {
    ...{ name: 'vote-for-the-longer-log', summary: 'logs are compared by their length, not by their last term first' },
    ...{ budget: 150, workload: 'writes', profile: 'contested' },
    rewrites: [
      {
        file: 'raft/log',
        find: 'term > lastTerm || (term === lastTerm && index >= this.lastIndex())',
        replace: 'index > this.lastIndex() || (index === this.lastIndex() && term >= lastTerm)',
      },
    ],
  },
  {
    ...{
      name: 'votes-of-old-terms-counted',
      summary: 'a candidate counts votes that were given to it in an earlier term',
    },
    ...{ budget: 300, workload: 'idle', profile: 'elections' },
    rewrites: [
      {
        file: 'raft/step',
        find: 'm.term !== 0 && m.term < r.term',
        replace: "m.term !== 0 && m.term < r.term && m.type !== 'MsgVoteResp'",
      },
    ],
  },
  {
    ...{ name: 'pre-votes-counted-as-votes', summary: 'a candidate counts late answers to its pre-vote as votes' },
    ...{ budget: 60, workload: 'idle', profile: 'elections' },
    rewrites: [
      { file: 'raft/candidate', find: "if (r.role === 'preCandidate') countVote(r, m);", replace: 'countVote(r, m);' },
    ],
  },
  {
    ...{ name: 'majority-rounded-down', summary: 'half of the voters, rounded down, count as a majority' },
    ...{ budget: 10, workload: 'writes' },
    rewrites: [
      {
        file: 'raft/quorum/majority',
        find: 'Math.floor(count / 2) + 1',
        replace: 'Math.max(1, Math.floor(count / 2))',
      },
    ],
  },
  {
    ...{ name: 'asks-for-votes-before-its-own', summary: 'a candidate asks before its term and vote are durable' },
    ...{ budget: 60, workload: 'idle', profile: 'elections' },
    rewrites: [
      { file: 'loop/consensus', find: "else if (message.type === 'MsgVote') this.#votes.push(message);", replace: '' },
    ],
  },
  {
    ...{ name: 'vote-before-it-is-durable', summary: 'a vote leaves before it is written' },
    ...{ budget: 200, workload: 'idle', profile: 'elections' },
    rewrites: [
      {
        file: 'raft/election',
        find: 'committedTerm === undefined) r.sendAfterAppend(answer);',
        replace: 'committedTerm === undefined) to === r.id ? r.sendAfterAppend(answer) : r.send(answer);',
      },
    ],
  },
];
