/** Planted bugs of configurations: which configuration counts, and when it may change. */
import type { Mutation } from './mutation.ts';

/** The planted bugs of configurations. */
export const CONFIGURATION_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'old-half-alone-commits', summary: 'in a joint configuration the old voters alone commit' },
    ...{ budget: 60, workload: 'membership' },
    rewrites: [
      {
        file: 'raft/tracker/tracker',
        find: 'return jointCommitted(this.config.voters, this.#match);',
        replace:
          'const { incoming, outgoing } = this.config.voters;\n    return jointCommitted({ incoming: outgoing.size > 0 ? outgoing : incoming, outgoing: new Set() }, this.#match);',
      },
    ],
  },
  {
    ...{ name: 'new-half-alone-commits', summary: 'in a joint configuration the new voters alone commit' },
    ...{ budget: 60, workload: 'membership' },
    rewrites: [
      {
        file: 'raft/tracker/tracker',
        find: 'return jointCommitted(this.config.voters, this.#match);',
        replace: 'return jointCommitted({ incoming: this.config.voters.incoming, outgoing: new Set() }, this.#match);',
      },
    ],
  },
  {
    ...{ name: 'old-half-alone-elects', summary: 'in a joint configuration the votes of the old voters alone elect' },
    ...{ budget: 400, workload: 'membership', profile: 'elections' },
    rewrites: [
      {
        file: 'raft/tracker/tracker',
        find: 'jointVote(this.config.voters, this.#votes)',
        replace:
          'jointVote({ incoming: this.config.voters.outgoing.size > 0 ? this.config.voters.outgoing : this.config.voters.incoming, outgoing: new Set() }, this.#votes)',
      },
    ],
  },
  {
    ...{ name: 'learners-count', summary: 'what learners have counts for the majority' },
    ...{ budget: 60, workload: 'membership' },
    rewrites: [
      {
        file: 'raft/tracker/tracker',
        find: 'return jointCommitted(this.config.voters, this.#match);',
        replace:
          'return jointCommitted({ incoming: new Set(this.progress.keys()), outgoing: new Set() }, this.#match);',
      },
    ],
  },
  {
    ...{ name: 'two-changes-at-once', summary: 'a leader begins a configuration change while another is under way' },
    ...{ budget: 60, workload: 'membership' },
    rewrites: [
      {
        file: 'raft/proposal',
        find: 'if (r.pendingConfIndex > r.log.applied) {',
        replace: 'if (r.pendingConfIndex < 0) {',
      },
      {
        file: 'loop/leader-control',
        find: 'confChangePending: consensus.applied.index < this.#confChangeIndex,',
        replace: 'confChangePending: false,',
      },
    ],
  },
];
