import fc from 'fast-check';
import t from 'tap';
import { confStateOf, describeConfig, type GroupConfig, Tracker } from '../tracker/tracker.ts';
import type { ConfChangeSingle } from '../types.ts';
import { type ChangeResult, Changer } from './changer.ts';
import { confChange, describeChanges, parseChanges } from './describe.ts';
import { restoreConfig } from './restore.ts';

const LIMITS = { maxInflightMsgs: 10, maxInflightBytes: 1000 };
const single = fc.record({
  type: fc.constantFrom<ConfChangeSingle['type']>('addVoter', 'addLearner', 'remove', 'update'),
  node: fc.integer({ min: 1, max: 6 }),
});

function group(text: string): Tracker {
  const tracker = new Tracker(LIMITS);
  for (const change of parseChanges(text)) take(tracker, new Changer(tracker, 1).simple([change]));
  return tracker;
}

function take(tracker: Tracker, result: ChangeResult): boolean {
  if (!result.ok) return false;
  tracker.config = result.config;
  tracker.progress = result.progress;
  return true;
}

/** Whether `ids` can decide in `config`: a majority of every half. */
function decides(config: GroupConfig, ids: ReadonlySet<number>): boolean {
  return [config.voters.incoming, config.voters.outgoing].every(
    (half) => half.size === 0 || [...half].filter((id) => ids.has(id)).length * 2 > half.size,
  );
}

/** Whether two disjoint sets of nodes could decide, one in each configuration. */
function disjointDecisions(a: GroupConfig, b: GroupConfig): boolean {
  for (let bits = 0; bits < 64; bits++) {
    const side = new Set([1, 2, 3, 4, 5, 6].filter((id) => bits & (1 << (id - 1))));
    const other = new Set([1, 2, 3, 4, 5, 6].filter((id) => !side.has(id)));
    if (decides(a, side) && decides(b, other)) return true;
  }
  return false;
}

t.test('no step of any sequence of changes allows two disjoint majorities (thesis 4.1, 4.3)', (t) => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('simple' as const), changes: fc.array(single, { minLength: 1, maxLength: 3 }) }),
    fc.record({ kind: fc.constant('enter' as const), changes: fc.array(single, { minLength: 1, maxLength: 5 }) }),
    fc.record({ kind: fc.constant('leave' as const), changes: fc.constant([]) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const tracker = group('v1 v2 v3');
      for (const { kind, changes } of steps) {
        const before = tracker.config;
        const progress = tracker.progress;
        const changer = new Changer(tracker, 1);
        const result =
          kind === 'simple'
            ? changer.simple(changes)
            : kind === 'enter'
              ? changer.enterJoint(false, changes)
              : changer.leaveJoint();
        if (tracker.config !== before || tracker.progress !== progress) return false;
        if (!take(tracker, result)) continue;
        if (disjointDecisions(before, tracker.config)) return false;
      }
      return true;
    }),
    { numRuns: 300 },
  );
  t.end();
});

t.test('going through a joint configuration ends where single steps end', (t) => {
  fc.assert(
    fc.property(fc.array(single, { minLength: 1, maxLength: 6 }), (changes) => {
      const stepwise = group('v1 v2 v3');
      for (const change of changes) {
        // A step may be impossible on its own (the last voter); then there is nothing to compare.
        if (!take(stepwise, new Changer(stepwise, 1).simple([change]))) return true;
      }
      const joint = group('v1 v2 v3');
      if (!take(joint, new Changer(joint, 1).enterJoint(true, changes))) return false;
      if (!take(joint, new Changer(joint, 1).leaveJoint())) return false;
      return describeConfig(joint.config) === describeConfig(stepwise.config);
    }),
    { numRuns: 500 },
  );
  t.end();
});

t.test('a stored configuration is restored as it was', (t) => {
  fc.assert(
    fc.property(
      fc.array(single, { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      fc.boolean(),
      (changes, leave, auto) => {
        const tracker = group('v1 v2 v3 l4');
        if (!take(tracker, new Changer(tracker, 1).enterJoint(auto, changes))) return true;
        if (leave) take(tracker, new Changer(tracker, 1).leaveJoint());
        const restored = restoreConfig(LIMITS, 1, confStateOf(tracker.config));
        return describeConfig(restored.config) === describeConfig(tracker.config);
      },
    ),
    { numRuns: 500 },
  );
  t.end();
});

t.test('what is refused says why', (t) => {
  const reason = (result: ChangeResult): string => (result.ok ? 'done' : result.reason);
  const three = new Changer(group('v1 v2 v3'), 1);
  t.match(reason(three.simple(parseChanges('v4 v5'))), /more than one voter/);
  t.match(reason(three.simple(parseChanges('r1 r2 r3'))), /no voter/);
  t.match(reason(three.leaveJoint()), /not joint/);
  t.equal(reason(three.simple(parseChanges('v4 l5 l6'))), 'done', 'learners come along');
  const tracker = group('v1 v2 v3');
  take(tracker, new Changer(tracker, 1).enterJoint(false, parseChanges('v4')));
  t.match(reason(new Changer(tracker, 1).enterJoint(false, parseChanges('v5'))), /joint already/);
  t.match(reason(new Changer(tracker, 1).simple(parseChanges('v5'))), /left first/);
  t.match(reason(new Changer(new Tracker(LIMITS), 1).enterJoint(false, parseChanges('v1'))), /without voters/);
  t.end();
});

t.test('a demoted voter votes on until the joint configuration is left', (t) => {
  const tracker = group('v1 v2 v3');
  take(tracker, new Changer(tracker, 1).change(confChange(parseChanges('l3'), 'implicit')));
  t.equal(describeConfig(tracker.config), 'voters=(1 2)&&(1 2 3) learners_next=(3) autoleave');
  t.equal(tracker.progress.get(3)?.isLearner, false);
  take(tracker, new Changer(tracker, 1).change(confChange([])));
  t.equal(describeConfig(tracker.config), 'voters=(1 2) learners=(3)');
  t.equal(tracker.progress.get(3)?.isLearner, true);
  t.end();
});

t.test('the mini-language reads what it writes', (t) => {
  fc.assert(
    fc.property(fc.array(single), (changes) => {
      t.same(parseChanges(describeChanges(changes)), changes);
    }),
  );
  t.throws(() => parseChanges('v1 x2'), { code: 'N3X_INVALID' });
  t.throws(() => parseChanges('v'), { code: 'N3X_INVALID' });
  t.end();
});
