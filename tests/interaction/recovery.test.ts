/**
 * What a recovery says of survivors, held against what really happened: groups run under random faults, some of their disks
 * are lost, and the rest is compared.
 */
import { SeededRandom } from '@n3x/core/base/random';
import { assess, moreAdvanced } from '@n3x/core/recovery/compare';
import { configurationAfter } from '@n3x/core/recovery/replay';
import { plainConfState, type RecoveryReport, recoveryReportSchema } from '@n3x/core/recovery/report';
import t from 'tap';
import { RandomCluster, type RunOptions } from './random-cluster.ts';

type Disk = RandomCluster['disks'][number];

function reportOf({ id, disk, applied }: Disk): RecoveryReport {
  const { hardState, confState } = disk.initialState();
  const last = disk.lastIndex();
  const before = disk.firstIndex() - 1;
  const terms = [{ term: disk.term(before), from: before }];
  const confStates = [confState];
  const tail: { index: number; term: number; text: string }[] = [];
  const commit = Math.min(last, Math.max(hardState.commit, applied));
  for (let index = before + 1; index <= last; index++) {
    const [entry] = disk.entries(index, index + 1, 0);
    if (entry === undefined) throw new Error('an entry');
    if (terms.at(-1)?.term !== entry.term) terms.push({ term: entry.term, from: index });
    if (entry.type === 'confChange' && index > applied) {
      confStates.push(configurationAfter(confStates.at(-1) ?? confState, entry.change));
    }
    if (index > commit) tail.push({ index, term: entry.term, text: entry.type });
  }
  return recoveryReportSchema.parse({
    kind: 'n3x-recovery-report',
    format: 1,
    n3xVersion: '0.1.0',
    madeAtMs: 0,
    clusterId: 'ab'.repeat(16),
    clusterName: 'home',
    host: { id, name: `n${id}`, peerId: `peer-${id}` },
    hardState,
    last: { index: last, term: disk.term(last) },
    commit,
    applied: { index: applied, term: 0 },
    terms,
    confStates: confStates.map(plainConfState),
    hosts: [],
    counts: { hosts: 0, vms: 0, records: 0 },
    tail: tail.slice(-500),
    tailOmitted: Math.max(0, tail.length - 500),
  });
}

/** Term of an entry on a disk; undefined where there is none, or none any more. */
function termOn({ disk }: Disk, index: number): number | undefined {
  return index < disk.firstIndex() - 1 || index > disk.lastIndex() ? undefined : disk.term(index);
}

interface Tally {
  compared: number;
  maybeLost: number;
  reallyLost: number;
  discarded: number;
  kept: number;
}

/** What is planted in the reports, to show that it would be seen. */
type Lie = (report: RecoveryReport) => RecoveryReport;

function check(
  cluster: RandomCluster,
  survivors: readonly Disk[],
  tally: Tally,
  lie: Lie = (report) => report,
): string | undefined {
  const assessment = assess(survivors.map((disk) => lie(reportOf(disk))));
  const best = survivors.find(({ id }) => id === assessment.best.host.id);
  if (best === undefined) return 'the best one is none of them';
  tally.compared++;
  for (const other of survivors) {
    const [a, b] = [lie(reportOf(other)).last, assessment.best.last];
    if (moreAdvanced(a, b)) return `${other.id} knows more than ${best.id}`;
    // Whatever a survivor knows to be committed, the best one has.
    const { hardState } = other.disk.initialState();
    for (const [index, term] of cluster.committed) {
      if (index > Math.max(hardState.commit, other.applied) || index > other.disk.lastIndex()) continue;
      const own = termOn(best, index);
      if (own !== term && index > best.applied)
        return `${best.id} lacks ${index}, which ${other.id} knows to be committed`;
      if (index > best.disk.lastIndex())
        return `${best.id} ends before ${index}, which ${other.id} knows to be committed`;
    }
  }
  let lost = 0;
  for (const [index, term] of cluster.committed) {
    const own = termOn(best, index);
    if (index > best.disk.lastIndex() || (own !== undefined && own !== term)) lost++;
  }
  if (lost > 0 && !assessment.mayBeLost) return `${lost} committed entries are lost, and it is said that none can be`;
  if (assessment.committed > best.disk.lastIndex()) return 'more is said to be committed than there is';
  for (const { index, term } of assessment.kept) if (termOn(best, index) !== term) return `${index} is not kept`;
  for (const { host, entries } of assessment.discarded) {
    for (const { index, term } of entries) {
      if (cluster.committed.get(index) === term) return `${index} of ${host} was committed, and is said to go`;
      if (termOn(best, index) === term) return `${index} of ${host} does not go`;
    }
    tally.discarded += entries.length;
  }
  tally.kept += assessment.kept.length;
  if (assessment.mayBeLost) tally.maybeLost++;
  if (lost > 0) tally.reallyLost++;
  return undefined;
}

const variants: readonly Omit<RunOptions, 'seed'>[] = [
  { nodes: 3, steps: 0, async: true },
  { nodes: 4, steps: 0, async: false },
  { nodes: 5, steps: 0, async: true, raft: { preVote: false, checkQuorum: false } },
  { nodes: 5, steps: 0, async: true, reconfigure: true },
];

/** Compares random survivors of many random groups; gives the first thing that is wrong. */
function search(variant: Omit<RunOptions, 'seed'>, tally: Tally, lie?: Lie): string | undefined {
  for (let seed = 1; seed <= 25; seed++) {
    const cluster = new RandomCluster({ ...variant, seed });
    const random = new SeededRandom(seed);
    for (let round = 0; round < 30; round++) {
      cluster.runSteps(400);
      const survivors = cluster.disks.filter(() => random.below(2) === 0);
      if (survivors.length === 0) continue;
      const problem = check(cluster, survivors, tally, lie);
      if (problem !== undefined) return `seed ${seed}, round ${round}: ${problem}`;
    }
  }
  return undefined;
}

const total: Tally = { compared: 0, maybeLost: 0, reallyLost: 0, discarded: 0, kept: 0 };

for (const variant of variants) {
  t.test(`survivors of ${JSON.stringify(variant)}`, async (t) => {
    const before = { ...total };
    t.equal(search(variant, total), undefined);
    t.ok(total.compared - before.compared > 400);
    t.ok(total.reallyLost - before.reallyLost > 10, 'there was something to lose');
    t.ok(total.kept - before.kept > 100, 'there were entries of which nobody knew whether they were committed');
  });
}

t.test('the comparison has seen everything it speaks of', async (t) => {
  t.ok(total.discarded > 20 && total.maybeLost > 400 && total.maybeLost < total.compared, JSON.stringify(total));
});

t.test('a wrong rule is found out', async (t) => {
  const [three] = variants;
  if (three === undefined) throw new Error('variants');
  const voterAlone: Lie = (report) => ({
    ...report,
    confStates: report.confStates.map((conf) => ({ ...conf, voters: [report.host.id], votersOutgoing: [] })),
  });
  const found = search(three, { ...total }, voterAlone);
  t.match(found, /committed entries are lost, and it is said that none can be/);
});
