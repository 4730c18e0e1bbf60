import t from 'tap';
import { describeProgress, describeSummary, describeViolation, type SoakResult, summarise } from './soak-report.ts';

function result(seed: number, rule?: string): SoakResult {
  return {
    ...{ seed, profile: seed % 2 === 0 ? 'lossy' : 'calm', workload: 'mixed', virtualMs: 60_000, realMs: 100 },
    counts: { faults: 3, operations: 10, elections: 1, entries: 20, unanswered: 0, vmCopiesAtOnce: 0 },
    ...(rule === undefined
      ? { verdict: 'passed' }
      : {
          verdict: 'violated',
          violation: { rule, message: 'm'.repeat(400), atMs: 1_000 },
          replay: `n3x-sim replay --seed ${seed}`,
        }),
  };
}

const RESULTS = [result(4, 'S1 log-matching'), result(1), result(2, 'L1 convergence'), result(3, 'S1 log-matching')];

t.test('a soak is summed up by rule and by profile', async (t) => {
  const summary = summarise(RESULTS, 10, 2_000, 'time');
  t.match(summary, {
    ...{ seeds: 4, wanted: 10, end: 'time', passed: 1, virtualMs: 240_000 },
    rules: [
      { rule: 'S1 log-matching', seeds: [3, 4] },
      { rule: 'L1 convergence', seeds: [2] },
    ],
    profiles: [
      { profile: 'calm', runs: 2, operations: 20, faults: 6 },
      { profile: 'lossy', runs: 2 },
    ],
  });
  t.same(
    summary.violated.map(({ seed }) => seed),
    [2, 3, 4],
  );
  const text = describeSummary(summary);
  t.match(
    text,
    /^4 of 10 seeds in 2 s, 2\.0 seeds per s, 120 virtual s per s \(the time was up\): 1 passed, 3 violated$/m,
  );
  t.match(text, /^ {2}S1 log-matching: seeds 3, 4$/m);
  t.match(text, /^shrink: {2}n3x-sim shrink --seed 2$/m, 'the way on from the first violation');
});

t.test('progress tells the rate and how long it will take', async (t) => {
  t.match(describeProgress(summarise(RESULTS, 10, 2_000, 'seeds')), /2\.0 seeds per s.*, 3 violated, 3 s to go$/);
  t.match(describeProgress(summarise(RESULTS, 4, 2_000, 'seeds')), /done$/);
  t.match(describeProgress(summarise([], 4, 0, 'seeds')), /an unknown time to go$/);
});

t.test('a violation is told at once, cut to a line that can be read', async (t) => {
  const [line = '', replay] = describeViolation(result(4, 'S1 log-matching')).split('\n');
  t.ok(line.length < 340 && line.startsWith('seed 4: S1 log-matching: mmm') && line.endsWith('...'));
  t.equal(replay, '  n3x-sim replay --seed 4');
});
