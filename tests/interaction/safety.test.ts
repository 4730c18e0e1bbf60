/** The safety properties of the Raft paper (figure 3) under random faults, and checkers that are known to fire. */
import t from 'tap';
import { type PlantedBug, RandomCluster, type RunOptions, SafetyViolation } from './random-cluster.ts';

function run(options: RunOptions): RandomCluster {
  const cluster = new RandomCluster(options);
  try {
    cluster.run();
  } catch (error) {
    if (error instanceof Error) error.message = `${JSON.stringify(options)}: ${error.message}`;
    throw error;
  }
  return cluster;
}

const SEEDS = 30;
const variants: readonly Omit<RunOptions, 'seed'>[] = [
  { nodes: 3, steps: 12_000, async: false },
  { nodes: 3, steps: 12_000, async: true },
  { nodes: 5, steps: 16_000, async: true },
  { nodes: 5, steps: 16_000, async: false, raft: { preVote: false, checkQuorum: false } },
  { nodes: 5, steps: 16_000, async: true, reconfigure: true },
  { nodes: 5, steps: 16_000, async: false, reconfigure: true, raft: { stepDownOnRemoval: false } },
  {
    nodes: 3,
    steps: 24_000,
    async: true,
    drift: 0.04,
    raft: { readOnlyOption: 'leaseBased', electionTick: 10, heartbeatTick: 1 },
  },
];

for (const variant of variants) {
  t.test(`safe and live: ${JSON.stringify(variant)}`, (t) => {
    let committed = 0;
    let reads = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const cluster = run({ ...variant, seed });
      committed += cluster.maxCommitted;
      reads += cluster.servedReads;
    }
    t.ok(committed > SEEDS * 100, `${committed} entries were committed`);
    t.ok(reads > SEEDS * 10, `${reads} reads were served`);
    t.end();
  });
}

const bugs: readonly (Omit<RunOptions, 'seed'> & { readonly bug: PlantedBug })[] = [
  { nodes: 3, steps: 12_000, async: false, bug: 'votesTwice', raft: { preVote: false, checkQuorum: false } },
  { nodes: 3, steps: 8000, async: false, bug: 'forgetsVote', raft: { preVote: false, checkQuorum: false } },
  { nodes: 3, steps: 12_000, async: true, bug: 'answersBeforeWriting' },
  { nodes: 3, steps: 12_000, async: false, bug: 'commitsAlone' },
  {
    nodes: 3,
    steps: 20_000,
    async: true,
    drift: 0,
    bug: 'staleClock',
    raft: { readOnlyOption: 'leaseBased', electionTick: 10, heartbeatTick: 1 },
  },
];

for (const options of bugs) {
  t.test(`the checkers find ${options.bug}`, (t) => {
    for (let seed = 1; seed <= 300; seed++) {
      try {
        new RandomCluster({ ...options, seed }).run();
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        // A broken invariant inside the node is a find as well; failing to converge is not.
        if (error instanceof SafetyViolation || error.name === 'InvariantError') {
          t.pass(`seed ${seed}: ${error.message}`);
          return t.end();
        }
      }
    }
    t.fail('nothing found');
    return t.end();
  });
}
