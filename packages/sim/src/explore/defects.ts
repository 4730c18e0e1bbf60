/** The planted bugs of explorations. */
import { jointIds, jointVote } from '@n3x/core/raft/quorum/joint';
import type { RawNode } from '@n3x/core/raft/raw-node';
import type { LogIndex, NodeId } from '@n3x/core/raft/types';
import type { Defect } from './defect.ts';

/** The highest index that most of the voters have acknowledged to this leader, `from` up to `index` included. */
function acknowledged(raw: RawNode, from: NodeId, index: LogIndex): LogIndex {
  const { progress, confState } = raw.status();
  const matches = confState.voters.map((id) => Math.max(progress.get(id)?.match ?? 0, id === from ? index : 0));
  return matches.sort((a, b) => b - a)[Math.floor(matches.length / 2)] ?? 0;
}

/** Every one of them is a mistake that a Raft implementation has had, or could have in one line. */
export const DEFECTS: readonly Defect[] = [
  {
    ...{ name: 'vote-twice', summary: 'a node grants every vote that it is asked for', scenario: 'elections' },
    send: (message) => (message.type === 'MsgVoteResp' && message.reject ? { ...message, reject: false } : message),
  },
  {
    ...{ name: 'vote-forgotten', summary: 'a restarted node has forgotten whom it voted for', scenario: 'elections' },
    readHardState: (hardState) => ({ ...hardState, vote: 0 }),
  },
  {
    ...{ name: 'term-forgotten', summary: 'a restarted node begins a term earlier', scenario: 'elections' },
    readHardState: ({ term, commit }) => ({ term: Math.max(0, term - 1), vote: 0, commit }),
  },
  {
    ...{
      name: 'send-before-sync',
      summary: 'answers leave before what they promise is on disk',
      scenario: 'replication',
    },
    sendsBeforeSync: true,
  },
  {
    name: 'ask-before-sync',
    summary: 'votes are asked for before the candidate has its term and log on disk',
    ...{ scenario: 'elections', asksBeforeSync: true },
  },
  {
    ...{
      name: 'old-term-by-count',
      summary: "an older term's entry is committed by count alone",
      scenario: 'old-terms',
    },
    receive: (message, raw) => {
      if (message.type !== 'MsgAppResp' || message.reject || raw.softState.role !== 'leader') return [message];
      const index = Math.min(acknowledged(raw, message.from, message.index), raw.lastIndex);
      const term = raw.termAt(index) ?? 0;
      if (index === 0 || term === 0) return [message];
      // The one message by which a node can be told what is committed, without a leader.
      const told = { from: message.from, to: raw.id, term: raw.term, reject: true, committed: { index, term } };
      return [message, { type: 'MsgVoteResp', ...told }];
    },
  },
  {
    name: 'old-half-only',
    summary: 'in a joint configuration the outgoing half alone elects',
    scenario: 'joint-leave',
    receive: (message, raw) => {
      const { voters, votersOutgoing } = raw.confState;
      if (message.type !== 'MsgVoteResp' || message.reject || votersOutgoing.length === 0) return [message];
      const granted = new Set(raw.image().votes.flatMap((vote) => (vote.granted ? [vote.id] : [])));
      granted.add(message.from);
      const wins = votersOutgoing.filter((id) => granted.has(id)).length * 2 > votersOutgoing.length;
      const others = wins ? voters.filter((id) => !granted.has(id) && id !== raw.id) : [];
      return [message, ...others.map((from) => ({ ...message, from }))];
    },
  },
  {
    name: 'half-is-enough',
    summary: 'a candidate is elected by half of the voters',
    scenario: 'elections',
    receive: (message, raw) => {
      const { voters, votersOutgoing } = raw.confState;
      if (message.type !== 'MsgVoteResp' || message.reject || message.from !== raw.id) return [message];
      const sides = { incoming: new Set(voters), outgoing: new Set(votersOutgoing) };
      if (jointVote(sides, new Map([[raw.id, true]])) === 'won') return [message];
      const other = [...jointIds(sides)].find((id) => id !== raw.id) ?? raw.id;
      return [message, { ...message, from: other }];
    },
  },
  {
    name: 'old-logs-welcome',
    summary: 'a voter takes every candidate to be up to date',
    scenario: 'replication',
    receive: (message) => {
      if (message.type !== 'MsgVote') return [message];
      return [{ ...message, index: 1_000, logTerm: message.term }];
    },
  },
  {
    name: 'gaps-acknowledged',
    summary: 'a follower acknowledges entries that do not follow its log',
    scenario: 'old-terms',
    send: (message) =>
      message.type === 'MsgAppResp' && message.reject
        ? { ...message, reject: false, rejectHint: 0, logTerm: 0 }
        : message,
  },
  {
    name: 'commit-ahead',
    summary: 'a follower takes all that it is sent for committed',
    scenario: 'replication',
    receive: (message) =>
      message.type === 'MsgApp' ? [{ ...message, commit: message.index + message.entries.length }] : [message],
  },
  {
    name: 'read-index-of-its-own',
    summary: 'a follower takes what it knows as committed for the read index',
    scenario: 'reads',
    send: (message, raw) => {
      if (message.type !== 'MsgReadIndex') return message;
      const { context } = message;
      const answer = { from: message.to, to: raw.id, term: raw.term, index: raw.committed, context };
      return { type: 'MsgReadIndexResp', ...answer };
    },
  },
  {
    name: 'tail-lost',
    summary: 'a restarted node has lost its last entry',
    scenario: 'replication',
    restart: (disk) => {
      const last = disk.lastIndex();
      const { commit } = disk.initialState().hardState;
      if (last < disk.firstIndex() || commit >= last) return;
      const [before] = last > disk.firstIndex() ? disk.entries(last - 1, last, 0) : [];
      // Appending replaces all that follows.
      if (before !== undefined) disk.append([before]);
    },
  },
];
