import fc from 'fast-check';
import t from 'tap';
import { RaftLog } from './log.ts';
import { MemoryStorage } from './memory-storage.ts';
import type { Entry } from './types.ts';

/** The model: terms of all entries ever kept, by index, and three positions. */
interface Model {
  readonly terms: number[];
  committed: number;
  compacted: number;
}

const entry = (index: number, term: number, size: number): Entry => ({
  type: 'normal',
  index,
  term,
  data: new Uint8Array(size),
});

const command = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('replace' as const), back: fc.nat(5), count: fc.nat(4) }),
  fc.record({ kind: fc.constant('write' as const) }),
  fc.record({ kind: fc.constant('stable' as const), lag: fc.nat(2) }),
  fc.record({ kind: fc.constant('commit' as const), by: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('apply' as const) }),
  fc.record({ kind: fc.constant('compact' as const) }),
);

t.test('a log behaves like an array, wherever its entries are', (t) => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), fc.nat(40), (commands, maxBytes) => {
      const storage = new MemoryStorage();
      const log = new RaftLog(storage, Number.POSITIVE_INFINITY);
      const model: Model = { terms: [0], committed: 0, compacted: 0 };
      let term = 1;
      const applied: number[] = [];
      // Writes under way, in order; each ends in a position that it will report.
      const writes: { index: number; term: number; epoch: number }[] = [];
      let epoch = 0;
      const last = (): number => model.terms.length - 1;
      for (const c of commands) {
        if (c.kind === 'append') {
          const entries = Array.from({ length: c.count }, (_, i) => entry(last() + 1 + i, term, i));
          log.append(entries);
          model.terms.push(...entries.map((e) => e.term));
        } else if (c.kind === 'replace') {
          // What a new leader does: keep a prefix that includes everything committed, then go on in its term.
          term++;
          epoch++;
          const from = Math.max(model.committed, last() - c.back);
          const entries = Array.from({ length: c.count }, (_, i) => entry(from + 1 + i, term, i));
          const result = log.maybeAppend(from, model.terms[from] ?? 0, entries, 0);
          t.equal(result.result, 'appended');
          if (entries.length > 0) model.terms.splice(from + 1, Number.POSITIVE_INFINITY, ...entries.map(() => term));
        } else if (c.kind === 'write') {
          const next = log.unstable.nextEntries();
          log.unstable.acceptInProgress();
          storage.append(next);
          const end = next.at(-1);
          if (end !== undefined) writes.push({ index: end.index, term: end.term, epoch });
        } else if (c.kind === 'stable') {
          const done = writes.splice(0, Math.max(0, writes.length - c.lag));
          // Like the node: an answer of an earlier term is passed over.
          for (const w of done) if (w.epoch === epoch) log.unstable.stableTo(w.index, w.term);
        } else if (c.kind === 'commit') {
          model.committed = Math.min(last(), model.committed + c.by);
          log.commitTo(model.committed);
        } else if (c.kind === 'apply') {
          const entries = log.nextCommitted(false);
          const end = entries.at(-1);
          if (end !== undefined) {
            log.acceptApplying(end.index, 0, false);
            log.appliedTo(end.index, 0);
            applied.push(...entries.map((e) => e.index));
          }
        } else if (log.applied > model.compacted) {
          storage.compact(log.applied);
          model.compacted = log.applied;
        }
        // Compare everything that can be asked.
        if (log.lastIndex() !== last() || log.firstIndex() !== model.compacted + 1) return false;
        for (let i = 0; i <= last() + 1; i++) {
          const expected = i < model.compacted ? undefined : model.terms[i];
          if (log.term(i) !== expected) return false;
        }
        const all = log.entriesFrom(model.compacted + 1, Number.POSITIVE_INFINITY) ?? [];
        if (all.some((e, i) => e.index !== model.compacted + 1 + i || e.term !== model.terms[e.index])) return false;
        if (all.length !== last() - model.compacted) return false;
        const some = log.entriesFrom(model.compacted + 1, maxBytes) ?? [];
        if (all.length > 0 && some.length === 0) return false;
        const size = some.reduce((sum, e) => sum + (e.type === 'normal' ? e.data.length : 0), 0);
        if (some.length > 1 && size > maxBytes) return false;
      }
      return applied.every((index, i) => index === i + 1);
    }),
    { numRuns: 500 },
  );
  t.end();
});

t.test('the search for a common prefix skips terms that cannot match (Raft 5.3)', (t) => {
  const storage = new MemoryStorage();
  storage.append([1, 3, 3, 3, 5, 5, 5].map((term, i) => entry(i + 1, term, 0)));
  const log = new RaftLog(storage, Number.POSITIVE_INFINITY);
  t.same(log.findConflictByTerm(6, 2), { index: 1, term: 1 });
  t.same(log.findConflictByTerm(6, 4), { index: 4, term: 3 });
  t.same(log.findConflictByTerm(7, 5), { index: 7, term: 5 });
  t.same(log.findConflictByTerm(3, 0), { index: 0, term: 0 });
  t.same(log.findConflictByTerm(99, 5), { index: 99, term: 0 }, 'beyond the log nothing is known');
  t.end();
});

t.test('what is handed out to be applied stays within its limit until it is reported', (t) => {
  const log = new RaftLog(new MemoryStorage(), 10);
  log.append([1, 2, 3, 4].map((index) => entry(index, 1, 6)));
  log.commitTo(4);
  const first = log.nextCommitted(true);
  t.equal(first.length, 1, 'six bytes, and six more would be too many');
  log.acceptApplying(1, 6, true);
  t.same(log.nextCommitted(true), []);
  log.appliedTo(1, 6);
  t.equal(log.nextCommitted(true)[0]?.index, 2);
  t.end();
});
