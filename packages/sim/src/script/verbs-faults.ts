/** The commands that break things, and mend them. */
import type { Verb } from './verbs-raft.ts';

/** Crashes and partitions. */
export const FAULT_VERBS: Readonly<Record<string, Verb>> = {
  // `crash 2`: queued writes reach the disk. `crash 2 lose-unsynced`: they do not.
  crash: (env, args) => {
    const id = args.number('node');
    const mode = args.word();
    if (mode !== undefined && mode !== 'lose-unsynced') args.fail(`unknown word '${mode}'`);
    env.crash(id, mode !== undefined);
  },
  restart: (env, args) => env.restart(args.number('node')),
  // `partition (1,2)|(3)`.
  partition: (env, args) => {
    const text = args.word() ?? args.fail('name the groups');
    const groups = text.split('|').map((group) => {
      const match = /^\((\d+(?:,\d+)*)\)$/.exec(group);
      return match?.[1]?.split(',').map(Number) ?? args.fail(`'${group}' is no group like (1,2)`);
    });
    env.partition(groups);
  },
  heal: (env) => env.heal(),
};
