import fc from 'fast-check';
import t from 'tap';
import { applyConfState, applyEmpty, applyProposal } from './apply.ts';
import { commandSchema, type Proposal } from './command.ts';
import type { StateLimits } from './history.ts';
import { checkInvariants, checkStep, firstDifference } from './invariants.ts';
import { decodeProposal, encodeProposal } from './proposal-codec.ts';
import { encodeRecord, type ObjectRecordChange } from './record-codec.ts';
import { SampleCluster, sampleRecords } from './sample.ts';
import { ClusterState } from './state.ts';
import { arbitraryConfState, arbitraryStep, type Step, VM_NAMES } from './test-arbitrary.ts';

const LIMITS: StateLimits = { events: 16, requests: 8 };
const RUNS = { numRuns: 200 };

function fresh(): ClusterState {
  return ClusterState.fromRecords(1, sampleRecords(), LIMITS);
}

/** Takes one step and hands back the records that it changed. */
function take(state: ClusterState, step: Step): readonly ObjectRecordChange[] {
  const index = state.index + 1;
  if (step.type === 'conf') return applyConfState(state, index, step.confState).changes;
  const proposal: Proposal = {
    format: 2,
    requestId: step.requestId ?? `r${index}`,
    atMs: step.atMs,
    command: step.make(state),
  };
  const outcome = applyProposal(state, { index, term: 1 }, proposal);
  if (outcome.type !== 'applied') throw new Error('the format is supported');
  const wrong = checkStep(state, outcome.objectChanges);
  if (wrong.length > 0) throw new Error(wrong.join('; '));
  return outcome.changes;
}

t.test('every command that is made here fits the schema', (t) => {
  fc.assert(
    fc.property(arbitraryStep, (step) => {
      if (step.type === 'command') commandSchema.parse(step.make(fresh()));
    }),
    RUNS,
  );
  t.end();
});

t.test('whatever is applied, the invariants hold after every entry', (t) => {
  fc.assert(
    fc.property(fc.array(arbitraryStep, { minLength: 30, maxLength: 80, size: 'max' }), (steps) => {
      const state = fresh();
      for (const step of steps) {
        take(state, step);
        const wrong = checkInvariants(state);
        if (wrong.length > 0) throw new Error(wrong.join('; '));
      }
    }),
    RUNS,
  );
  t.end();
});

t.test('the random commands have every kind of effect', (t) => {
  const effects = new Set<string>();
  const count = (steps: readonly Step[]): void => {
    const state = fresh();
    for (const step of steps) {
      if (step.type !== 'command') take(state, step);
      else {
        const command = step.make(state);
        const index = state.index + 1;
        const proposal = { format: 2, requestId: `r${index}`, atMs: step.atMs, command };
        const outcome = applyProposal(state, { index, term: 1 }, proposal);
        const result = outcome.type === 'applied' ? outcome.result : undefined;
        if (result?.ok === true && result.changed) effects.add(command.type);
        if (result?.ok === false) effects.add(result.error.code);
      }
    }
  };
  for (const steps of fc.sample(fc.array(arbitraryStep, { minLength: 50, maxLength: 100 }), {
    numRuns: 3600,
    seed: 1,
  })) {
    count(steps);
  }
  const types = commandSchema.options.map((option) => option.shape.type.value);
  t.same(
    types.filter((type) => type !== 'eventRecord' && !effects.has(type)),
    [],
  );
  const codes = ['N3X_CONFLICT', 'N3X_INVALID', 'N3X_NOT_FOUND', 'N3X_REFUSED'];
  t.same(
    [...codes, 'N3X_TOKEN_EXPIRED', 'N3X_TOKEN_INVALID', 'N3X_TOKEN_USED'].filter((code) => !effects.has(code)),
    [],
  );
  t.end();
});

t.test('the stored records are the state, at every entry', (t) => {
  fc.assert(
    fc.property(fc.array(arbitraryStep, { maxLength: 40, size: 'max' }), (steps) => {
      const state = fresh();
      const stored = new Map(sampleRecords());
      for (const step of steps) {
        for (const [key, value] of take(state, step)) {
          if (value === null) stored.delete(key);
          else stored.set(key, encodeRecord(value));
        }
        const sorted = [...stored].sort(([a], [b]) => (a < b ? -1 : 1));
        const copy = ClusterState.fromRecords(state.index, sorted, LIMITS);
        const difference = firstDifference(state, copy);
        if (difference !== undefined) throw new Error(difference);
        if (copy.hash() !== state.hash()) throw new Error('the hashes differ');
        const wrong = checkInvariants(copy);
        if (wrong.length > 0) throw new Error(wrong.join('; '));
      }
    }),
    { numRuns: 100 },
  );
  t.end();
});

t.test('two hosts that apply the same come to the same, also one that was restored midway', (t) => {
  fc.assert(
    fc.property(fc.array(arbitraryStep, { maxLength: 40, size: 'max' }), fc.nat(40), (steps, midway) => {
      const first = fresh();
      let second = fresh();
      steps.forEach((step, i) => {
        if (i === midway) second = ClusterState.fromRecords(first.index, [...first.records()], LIMITS);
        // The commands are made from the first's state, as a log would hold them.
        const made: Step = step.type === 'command' ? { ...step, make: () => command } : step;
        const command = step.type === 'command' ? step.make(first) : { type: 'vmDelete' as const, name: 'unused' };
        const a = take(first, made);
        const b = take(second, made);
        if (i >= midway) t.same(a, b);
        if (first.hash() !== second.hash()) throw new Error(firstDifference(first, second) ?? 'only the hash differs');
      });
    }),
    { numRuns: 100 },
  );
  t.end();
});

t.test('a retried request takes effect once', (t) => {
  fc.assert(
    fc.property(fc.array(arbitraryStep, { maxLength: 20, size: 'max' }), arbitraryStep, (steps, last) => {
      if (last.type !== 'command') return;
      const state = fresh();
      for (const step of steps) take(state, step);
      const command = last.make(state);
      const proposal = { format: 2, requestId: 'once', atMs: 5, command };
      const index = state.index + 1;
      const first = applyProposal(state, { index, term: 1 }, proposal);
      const before = state.hash();
      const again = applyProposal(state, { index: index + 1, term: 2 }, { ...proposal, atMs: 6 });
      if (first.type !== 'applied' || again.type !== 'applied') throw new Error('the format is supported');
      t.same(again.result, first.result);
      t.same(again.changes, []);
      t.equal(state.hash(), before);
    }),
    { numRuns: 50 },
  );
  t.end();
});

t.test('results are kept for as many requests as is said', (t) => {
  const cluster = new SampleCluster({ events: 4096, requests: 2 });
  const create = () => cluster.apply({ type: 'vmDelete', name: 'web' }, { requestId: 'first' });
  const first = create();
  cluster.create('a');
  t.same(create(), first);
  cluster.create('b');
  t.not(create().index, first.index);
  t.end();
});

t.test('a proposal of another format is not touched', (t) => {
  const state = fresh();
  const command = { type: 'vmDelete', name: 'web' } as const;
  const before = state.hash();
  t.same(applyProposal(state, { index: 2, term: 1 }, { format: 3, requestId: 'r', atMs: 0, command }), {
    type: 'unsupportedFormat',
    format: 3,
  });
  t.equal(state.index, 1);
  t.equal(state.hash(), before);
  t.end();
});

t.test('an entry without effect only counts', (t) => {
  const state = fresh();
  applyEmpty(state, 2);
  t.equal(state.index, 2);
  t.throws(() => applyEmpty(state, 2), /invariant broken/);
  t.end();
});

t.test('before its first snapshot a host refuses everything, and keeps nothing', (t) => {
  const state = new ClusterState();
  const command = { type: 'vmDelete', name: 'web' } as const;
  const outcome = applyProposal(state, { index: 1, term: 1 }, { format: 2, requestId: 'r', atMs: 0, command });
  t.match(outcome, { result: { ok: false, error: { code: 'N3X_NOT_INITIALISED' } }, changes: [] });
  t.end();
});

t.test('proposals survive their encoding', (t) => {
  fc.assert(
    fc.property(arbitraryStep, (step) => {
      if (step.type !== 'command') return;
      const proposal: Proposal = { format: 2, requestId: 'r:1', atMs: 1.5, command: step.make(fresh()) };
      t.same(decodeProposal(encodeProposal(proposal)), { ok: true, proposal });
    }),
    { numRuns: 50 },
  );
  t.end();
});

t.test('a history that runs over stays bounded and in order', (t) => {
  const state = fresh();
  for (let i = 0; i < 100; i++) {
    const name = VM_NAMES[i % VM_NAMES.length] ?? 'a';
    const about = { kind: 'vm' as const, name };
    const command = { type: 'eventRecord' as const, about, severity: 'info' as const, reason: 'R', message: `${i}` };
    applyProposal(state, { index: state.index + 1, term: 1 }, { format: 2, requestId: `q${i}`, atMs: i, command });
  }
  t.equal(state.eventCount, LIMITS.events);
  t.equal([...state.events()].at(-1)?.message, '99');
  t.same(
    [...state.events(99)].map((event) => event.index),
    [99, 100, 101],
  );
  t.same(checkInvariants(state), []);
  t.end();
});

t.test('arbitrary configurations are sorted and disjoint', (t) => {
  fc.assert(fc.property(arbitraryConfState, (conf) => conf.voters.every((id) => !conf.learners.includes(id))));
  t.end();
});
