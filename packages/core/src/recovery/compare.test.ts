import fc from 'fast-check';
import t from 'tap';
import { N3xError } from '../base/errors.ts';
import type { ConfState } from '../raft/types.ts';
import { assess, commonUpTo, isQuorum, moreAdvanced } from './compare.ts';
import { plainConfState, type RecoveryReport } from './report.ts';

const CLUSTER = 'ab'.repeat(16);

function conf(voters: number[], votersOutgoing: number[] = []): ConfState {
  return { voters, votersOutgoing, learners: [], learnersNext: [], autoLeave: false };
}

/** The report of a host whose log has entries of these terms, the first at index 1. */
function report(id: number, log: readonly number[], commit: number, confState = conf([1, 2, 3])): RecoveryReport {
  const terms = [{ term: 0, from: 0 }];
  log.forEach((term, i) => {
    if (terms.at(-1)?.term !== term) terms.push({ term, from: i + 1 });
  });
  const tail = log
    .map((term, i) => ({ index: i + 1, term, text: `entry ${i + 1}` }))
    .filter(({ index }) => index > commit);
  return {
    kind: 'n3x-recovery-report',
    format: 1,
    n3xVersion: '0.1.0',
    madeAtMs: 0,
    clusterId: CLUSTER,
    clusterName: 'home',
    host: { id, name: `n${id}`, peerId: `peer-${id}` },
    hardState: { term: Math.max(0, ...log), vote: 0, commit },
    last: { index: log.length, term: log.at(-1) ?? 0 },
    commit,
    applied: { index: commit, term: log[commit - 1] ?? 0 },
    terms,
    confStates: [plainConfState(confState)],
    hosts: confState.voters.map((voter) => ({
      id: voter,
      name: `n${voter}`,
      peerId: `peer-${voter}`,
      role: 'server' as const,
      membership: 'voter' as const,
      addresses: [],
      reachable: true,
      reachableSinceMs: 0,
      vms: 0,
    })),
    counts: { hosts: 3, vms: 0, records: 0 },
    tail,
    tailOmitted: 0,
  };
}

t.test('the term of the last entry counts before its index', async (t) => {
  const { best, ranking, discarded } = assess([report(1, [1, 1, 1, 1, 1], 2), report(2, [1, 1, 2], 2)]);
  t.equal(best.host.name, 'n2');
  t.same(
    ranking.map(({ host }) => host.name),
    ['n2', 'n1'],
  );
  t.match(discarded, [{ host: 'n1', from: 3, to: 5, entries: [{ index: 3 }, { index: 4 }, { index: 5 }] }]);
});

t.test('of those that know the same, the one that is asked', async (t) => {
  const reports = [report(1, [1, 2], 2), report(2, [1, 2], 2), report(3, [1, 2], 1)];
  t.equal(assess(reports, 3).best.host.id, 3);
  t.equal(assess(reports).best.host.id, 1);
  const learner = report(1, [1, 2], 2, conf([2, 3]));
  t.equal(assess([learner, report(2, [1, 2], 2, conf([2, 3]))]).best.host.id, 2, 'one with a vote before one without');
});

t.test('what is known to be committed is the most that anyone knows; the rest is kept', async (t) => {
  const { committed, kept, keptOmitted, discarded } = assess([report(1, [1, 1, 2, 2], 1), report(2, [1, 1], 2)]);
  t.equal(committed, 2);
  t.same(
    kept.map(({ index }) => index),
    [3, 4],
  );
  t.equal(keptOmitted, 0);
  t.same(discarded, []);
});

t.test('what may be lost depends on who is missing', async (t) => {
  const of = (voters: number[], reported: number[], outgoing: number[] = []) =>
    assess(reported.map((id) => report(id, [1], 1, conf(voters, outgoing)))).mayBeLost;
  t.equal(of([1, 2, 3], [1]), true);
  t.equal(of([1, 2, 3], [1, 2]), false);
  t.equal(of([1, 2, 3, 4], [1, 2]), false, 'two of four are no majority');
  t.equal(of([1, 2, 3, 4], [1]), true);
  t.equal(of([1, 2, 3, 4, 5], [1, 2]), true);
  t.equal(of([1, 2, 3, 4, 5], [1, 2, 3]), false);
  t.equal(of([1], [2]), true, 'one without a vote');
  t.equal(of([1, 2, 3], [1], [1]), false, 'in a joint configuration both halves have to agree');
  t.equal(of([1, 2, 3], [1], [2, 3, 4]), true);
  const { missing, missingVoters } = assess([report(1, [1], 1)]);
  t.same(
    missing.map(({ name }) => name),
    ['n2', 'n3'],
  );
  t.same(missingVoters, [2, 3]);
});

t.test('isQuorum agrees with counting', async () => {
  const ids = [1, 2, 3, 4, 5, 6];
  const subset = fc.subarray(ids);
  fc.assert(
    fc.property(fc.subarray(ids, { minLength: 1 }), subset, subset, (voters, outgoing, present) => {
      const half = (list: number[]) =>
        list.length === 0 || list.filter((id) => present.includes(id)).length > list.length / 2;
      return isQuorum(conf(voters, outgoing), new Set(present)) === (half(voters) && half(outgoing));
    }),
  );
});

t.test('reports that do not belong together are refused', async (t) => {
  const refused = (...reports: RecoveryReport[]) => {
    try {
      assess(reports);
      return 'none';
    } catch (error) {
      return error instanceof N3xError ? `${error.code} ${error.message}` : String(error);
    }
  };
  t.match(refused(), /^N3X_INVALID/);
  t.match(refused(report(1, [1], 1), report(1, [1], 1)), /^N3X_CONFLICT there are two reports of host n1$/);
  t.match(
    refused(report(1, [1], 1), { ...report(2, [1], 1), clusterId: 'cd'.repeat(16) }),
    /^N3X_CONFLICT .* two clusters/,
  );
  t.match(refused({ ...report(1, [], 0), clusterName: null }), /^N3X_REFUSED host n1 had joined and not yet received/);
});

t.test('a store that went back in time is noticed', async (t) => {
  const { warnings } = assess([report(1, [1, 2], 2), report(2, [1, 1, 1, 1], 4)]);
  t.match(warnings, [/host n2 knows of committed entries up to 4, which the log of n1 does not reach/]);
});

/** A step of a Raft group, without messages: who leads, what is written, how far it gets. */
interface Step {
  readonly what: 'elect' | 'append' | 'replicate';
  readonly a: number;
  readonly b: number;
  readonly n: number;
}

/**
 * Raft's log as the thesis has it (chapter 3), played on arrays of terms: whoever is elected has a log that is as good as
 * those of a majority, and what the leader of a term has on a majority is committed.
 */
function play(nodes: number, steps: readonly Step[]): { logs: number[][]; commits: number[]; committed: number[] } {
  const logs: number[][] = Array.from({ length: nodes }, () => []);
  const terms = logs.map(() => 0);
  const commits = logs.map(() => 0);
  let committed: number[] = [];
  const leads = logs.map(() => 0);
  const last = (log: readonly number[]) => ({ index: log.length, term: log.at(-1) ?? 0 });
  for (const { what, a, b, n } of steps) {
    const leader = a % nodes;
    const log = logs[leader] ?? [];
    const term = terms[leader] ?? 0;
    if (what === 'elect') {
      const next = term + 1;
      const voters = logs.flatMap((other, i) =>
        i === leader || (((b >> i) & 1) === 1 && (terms[i] ?? 0) < next && !moreAdvanced(last(other), last(log)))
          ? [i]
          : [],
      );
      if (voters.length <= nodes / 2) continue;
      for (const voter of voters) {
        terms[voter] = next;
        leads[voter] = 0;
      }
      leads[leader] = next;
      log.push(next);
    } else if (leads[leader] !== term || term === 0) {
      // It leads no more.
    } else if (what === 'append') {
      for (let i = 0; i < n; i++) log.push(term);
    } else {
      const follower = b % nodes;
      if (follower === leader || (terms[follower] ?? 0) > term) continue;
      terms[follower] = term;
      leads[follower] = 0;
      const theirs = logs[follower] ?? [];
      let same = 0;
      while (same < theirs.length && same < log.length && theirs[same] === log[same]) same++;
      // A longer log that agrees is left as it is.
      if (same < log.length) logs[follower] = log.slice(0, Math.min(log.length, same + 1 + n));
      commits[follower] = Math.max(commits[follower] ?? 0, Math.min(commits[leader] ?? 0, logs[follower]?.length ?? 0));
      for (let length = log.length; length > committed.length; length--) {
        if (log[length - 1] !== term) break;
        const has = logs.filter((other) => log.slice(0, length).every((one, i) => one === other[i])).length;
        if (has <= nodes / 2) continue;
        committed = log.slice(0, length);
        commits[leader] = length;
        break;
      }
    }
  }
  return { logs, commits, committed };
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('elect', 'append', 'replicate', 'replicate', 'replicate'),
  a: fc.nat(4),
  b: fc.nat(31),
  n: fc.nat(3),
});

/** What is wrong with the assessment of `survivors`, held against all that happened; undefined when nothing is. */
function wrong(
  nodes: number,
  steps: readonly Step[],
  survivors: readonly number[],
  byIndex = false,
): string | undefined {
  const { logs, commits, committed } = play(nodes, steps);
  const all = conf(logs.map((_, i) => i + 1));
  const reports = survivors.map((i) => report(i + 1, logs[i] ?? [], commits[i] ?? 0, all));
  const told = byIndex ? reports.map((one) => ({ ...one, last: { ...one.last, term: 0 } })) : reports;
  const { best, mayBeLost, discarded, committed: sure } = assess(told);
  const own = logs[best.host.id - 1] ?? [];
  const known = Math.max(...survivors.map((i) => commits[i] ?? 0));
  if (committed.slice(0, known).some((term, i) => own[i] !== term))
    return 'lacks what a survivor knows to be committed';
  if (sure > committed.length) return 'takes for committed what is not';
  if (!mayBeLost && committed.some((term, i) => own[i] !== term)) return 'loses what it says is safe';
  for (const { entries } of discarded) {
    if (entries.some(({ index, term }) => committed[index - 1] === term)) return 'discards what was committed';
  }
  for (const other of reports) {
    const common = commonUpTo(reports.find(({ host }) => host.id === best.host.id) ?? best, other);
    const theirs = logs[other.host.id - 1] ?? [];
    const same = Math.max(
      own.findIndex((term, i) => theirs[i] !== term),
      -1,
    );
    if (common !== Math.min(theirs.length, own.length, same === -1 ? own.length : same))
      return 'finds another common part';
  }
  return undefined;
}

const history = fc.tuple(
  fc.integer({ min: 2, max: 5 }),
  fc.array(step, { maxLength: 60 }),
  fc.integer({ min: 1, max: 31 }),
);
const chosen = (nodes: number, mask: number) => {
  const list = Array.from({ length: nodes }, (_, i) => i).filter((i) => ((mask >> i) & 1) === 1);
  return list.length === 0 ? [0] : list;
};

t.test('the survivor that is chosen has all that any survivor knows to be committed', async () => {
  fc.assert(
    fc.property(history, ([nodes, steps, mask]) => wrong(nodes, steps, chosen(nodes, mask)) === undefined),
    { numRuns: 20_000 },
  );
});

t.test('choosing by the length of the log alone is found out', async (t) => {
  const details = fc.check(
    fc.property(history, ([nodes, steps, mask]) => wrong(nodes, steps, chosen(nodes, mask), true) === undefined),
    { numRuns: 20_000 },
  );
  t.equal(details.failed, true);
});
