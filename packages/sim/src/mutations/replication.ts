/** Planted bugs of replication: what a follower takes, what it says it has, and what a leader makes of it. */
import { ONE_ENTRY_PER_MESSAGE } from './circumstances.ts';
import type { Mutation } from './mutation.ts';
/** The planted bugs of replication that are edits of the core. */
export const REPLICATION_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'previous-term-unchecked', summary: 'a follower takes entries after an entry of another term' },
    ...{ budget: 40, workload: 'writes', profile: 'contested' },
    rewrites: [
      {
        file: 'raft/log',
        find: "if (!this.matches(index, term)) return { result: 'mismatch' };",
        replace: "if (index > this.lastIndex()) return { result: 'mismatch' };",
      },
    ],
  },
  {
    ...{ name: 'conflict-ignored', summary: 'a follower keeps the entries it has, whatever their terms' },
    ...{ budget: 40, workload: 'writes', profile: 'contested' },
    rewrites: [
      {
        file: 'raft/log',
        find: 'if (!this.matches(entry.index, entry.term)) return entry.index;',
        replace: 'if (entry.index > this.lastIndex()) return entry.index;',
      },
    ],
  },
  {
    ...{ name: 'late-append-cuts-the-log', summary: 'entries that come late or twice cut off what follows them' },
    ...{ budget: 100, workload: 'writes', profile: 'contested' },
    rewrites: [
      {
        file: 'raft/log',
        find: 'const conflict = this.#firstDifference(entries);',
        replace: 'const conflict = entries.find((entry) => entry.index > this.committed)?.index;',
      },
    ],
  },
  {
    ...{
      name: 'heartbeat-commits-too-much',
      summary: 'heartbeats carry the commit index also to those whose logs may differ',
    },
    ...{ budget: 60, workload: 'writes', profile: 'contested' },
    rewrites: [
      {
        file: 'raft/replication',
        find: 'const commit = Math.min(progress.match, r.log.committed);',
        replace: 'const commit = r.log.committed;',
      },
    ],
  },
  {
    ...{
      name: 'old-term-committed-by-count',
      summary: 'a leader commits an entry of an earlier term once a majority has it',
    },
    ...{ budget: 200, workload: 'writes', profile: 'contested' },
    rewrites: [
      {
        file: 'raft/replication',
        find: 'r.log.maybeCommit(index, r.term)',
        replace: 'r.log.maybeCommit(index, r.log.term(index) ?? 0)',
      },
      ONE_ENTRY_PER_MESSAGE,
    ],
  },
  {
    ...{
      name: 'match-from-a-refusal',
      summary: 'a leader takes the place that a follower proposes to try for one that matches',
    },
    ...{ budget: 60, workload: 'writes', profile: 'contested' },
    rewrites: [
      {
        file: 'raft/leader',
        find: 'if (progress.maybeDecreaseTo(m.index, hint)) {',
        replace: 'if (progress.maybeUpdate(m.rejectHint) || progress.maybeDecreaseTo(m.index, hint)) {',
      },
    ],
  },
  {
    ...{
      name: 'acknowledges-before-it-is-durable',
      summary: 'a follower acknowledges entries before they are written',
    },
    ...{ budget: 40, workload: 'writes', profile: 'contested' },
    rewrites: [
      {
        file: 'raft/follower',
        find: 'r.acknowledge(m.from, outcome.last);',
        replace:
          'r.acknowledge(m.from, outcome.last);\n    const early = r.messagesAfterAppend.pop();\n    if (early !== undefined) r.send(early);',
      },
    ],
  },
  {
    ...{
      name: 'leader-counts-what-it-has-not-written',
      summary: "a leader's own entries count for the majority before they are durable",
    },
    ...{ budget: 60, workload: 'writes', profile: 'contested' },
    rewrites: [
      {
        file: 'raft/replication',
        find: 'const index = r.tracker.committed();',
        replace:
          'const index = r.tracker.quorumReached((id) => (id === r.id ? r.log.lastIndex() : (r.tracker.progress.get(id)?.match ?? 0)));',
      },
    ],
  },
  {
    ...{ name: 'old-leader-obeyed', summary: 'a follower takes entries from a leader of an earlier term' },
    ...{ budget: 300, workload: 'writes', profile: 'contested' },
    rewrites: [
      {
        file: 'raft/step',
        find: 'm.term !== 0 && m.term < r.term',
        replace: "m.term !== 0 && m.term < r.term && !(m.type === 'MsgApp' && r.role === 'follower')",
      },
    ],
  },
  {
    ...{ name: 'new-leader-drops-its-tail', summary: 'a new leader begins after what it knows to be committed' },
    ...{ budget: 40, workload: 'writes', profile: 'contested' },
    rewrites: [
      {
        file: 'raft/node-state',
        find: 'const first = this.log.lastIndex() + 1;',
        replace:
          'const first = (this.log.term(this.log.lastIndex()) === term ? this.log.lastIndex() : this.log.committed) + 1;',
      },
    ],
  },
  {
    ...{
      name: 'mismatch-unanswered',
      summary: 'a follower passes over entries that do not follow its log without a word',
    },
    ...{ budget: 40, workload: 'writes', profile: 'contested' },
    rewrites: [
      {
        file: 'raft/follower',
        find: 'const hint = r.log.findConflictByTerm(',
        replace: 'if (m.index > 0) return STEPPED;\n  const hint = r.log.findConflictByTerm(',
      },
    ],
  },
  {
    ...{ name: 'probe-never-resumes', summary: 'an answer to a heartbeat does not end the wait for a lost probe' },
    ...{ budget: 40, workload: 'writes', profile: 'contested' },
    rewrites: [
      {
        file: 'raft/leader',
        find: 'progress.recentActive = true;\n      progress.paused = false;',
        replace: 'progress.recentActive = true;',
      },
    ],
  },
  {
    ...{ name: 'window-never-freed', summary: 'acknowledged messages go on counting as under way' },
    ...{ budget: 40, workload: 'writes', profile: 'calm' },
    rewrites: [{ file: 'raft/leader', find: 'progress.inflights.freeTo(m.index);', replace: '' }],
  },
];
