import t from 'tap';
import type { CommandOutcome, ReadOutcome } from '../ports/client.ts';
import { PendingCommands, PendingReads } from './pending.ts';

const command = { type: 'vmDelete', name: 'web' } as const;

/** Two clients that wait for the same request, the first of which has had it proposed. */
function twoWaiting() {
  const answers = new Map<number, CommandOutcome>();
  const pending = new PendingCommands(
    {
      commandDone: (id, outcome) => void answers.set(id, outcome),
      readDone: () => undefined,
      changed: () => undefined,
      reset: () => undefined,
    },
    10,
  );
  for (const [id, deadlineMs] of [
    [1, 5_000],
    [2, 1_000],
  ] as const) {
    pending.add({ id, requestId: 'same', command, deadlineMs, receivedAtMs: 0 });
  }
  const taken = pending.takeUnproposed();
  for (const one of taken) one.proposedAtMs = 10;
  const expire = (nowMs: number) =>
    pending.expire({ nowMs, wallMs: nowMs, noQuorumSinceMs: null, noQuorumGraceMs: 3_000 });
  return { answers, pending, taken, expire };
}

t.test('a request is proposed once however many wait for it', async (t) => {
  t.equal(twoWaiting().taken.length, 1);
});

t.test('nobody who waits for a proposed request is told that it has no effect', async (t) => {
  const { answers, expire } = twoWaiting();
  expire(1_000);
  t.same(answers.get(2), { type: 'failure', failure: { code: 'timeout', outcome: 'unknown' } });
  expire(5_000);
  t.same(answers.get(1), { type: 'failure', failure: { code: 'timeout', outcome: 'unknown' } });
});

t.test('when the first goes away, the request is proposed again for the second and stays unknown', async (t) => {
  const { answers, pending, expire } = twoWaiting();
  pending.cancel(1);
  pending.proposeAgain(10);
  t.match(pending.takeUnproposed(), [{ id: 2 }]);
  expire(1_000);
  t.match(answers.get(2), { failure: { outcome: 'unknown' } });
});

const NO_QUORUM = { wallMs: 0, noQuorumSinceMs: 0, noQuorumGraceMs: 3_000 };

t.test('commands beyond the limit are refused at once, and have no effect', async (t) => {
  const answers: CommandOutcome[] = [];
  const client = { commandDone: (_id: number, outcome: CommandOutcome) => void answers.push(outcome) };
  const rest = { readDone: () => undefined, changed: () => undefined, reset: () => undefined };
  const pending = new PendingCommands({ ...client, ...rest }, 1);
  pending.add({ id: 1, requestId: 'a', command, deadlineMs: 5_000, receivedAtMs: 0 });
  pending.add({ id: 2, requestId: 'b', command, deadlineMs: 5_000, receivedAtMs: 0 });
  t.same(answers, [{ type: 'failure', failure: { code: 'overloaded', outcome: 'none' } }]);
  t.equal(pending.size, 1);
});

t.test('a command that was never proposed fails without effect once its grace is over', async (t) => {
  const { answers, pending } = twoWaiting();
  pending.add({ id: 3, requestId: 'other', command, deadlineMs: 9_000, receivedAtMs: 0 });
  pending.expire({ ...NO_QUORUM, nowMs: 3_000 });
  t.same(answers.get(3), { type: 'failure', failure: { code: 'noQuorum', outcome: 'none' } });
});

t.test('the result goes to all who wait for the request, and a late one to nobody', async (t) => {
  const { answers, pending } = twoWaiting();
  const result = { ok: true, index: 7, changed: true } as const;
  pending.applied('same', result);
  t.same(
    [answers.get(1), answers.get(2)],
    [
      { type: 'result', result },
      { type: 'result', result },
    ],
  );
  answers.clear();
  pending.applied('same', result);
  t.equal(answers.size, 0);
  t.equal(pending.size, 0);
});

/** Reads with the answers that they got. */
function someReads(limit = 10) {
  const answers = new Map<number, ReadOutcome>();
  const reads = new PendingReads({ readDone: (id, outcome) => void answers.set(id, outcome) }, limit);
  const add = (id: number) => reads.add({ id, deadlineMs: 5_000, receivedAtMs: 0 });
  return { answers, reads, add };
}

t.test('reads that come while a batch is under way form the next one', async (t) => {
  const { answers, reads, add } = someReads();
  add(1);
  add(2);
  reads.ask('first', 0);
  add(3);
  t.notOk(reads.ready, 'one batch at a time');
  reads.confirmed('first', 5);
  t.ok(reads.ready);
  reads.applied(4);
  t.equal(answers.size, 0, 'the state is not there yet');
  reads.applied(5);
  t.same([...answers.keys()], [1, 2]);
});

t.test('a batch without an answer is asked for again; the answer to an earlier time serves it too', async (t) => {
  for (const [context, index] of [
    ['first', 4],
    ['second', 9],
  ] as const) {
    const { answers, reads, add } = someReads();
    add(1);
    reads.ask('first', 0);
    reads.askAgain(0);
    t.ok(reads.ready);
    reads.ask('second', 10);
    t.notOk(reads.ready);
    // It was not there when the first answer may have been given.
    add(2);
    reads.confirmed('strange', 1);
    reads.confirmed(context, index);
    reads.applied(9);
    t.same([...answers], [[1, { type: 'ready', index: 9 }]]);
    t.ok(reads.ready, 'the next batch may go');
    reads.confirmed('second', 9);
    t.equal(answers.size, 1, 'an answer to a batch that was answered says nothing');
  }
});

t.test('a batch that nobody waits for any more does not hold up the next', async (t) => {
  const { reads, add } = someReads();
  add(1);
  reads.ask('first', 0);
  add(2);
  reads.cancel(1);
  t.ok(reads.ready);
});

t.test('reads are bounded, fail without a quorum, and may be cancelled', async (t) => {
  const { answers, reads, add } = someReads(2);
  add(1);
  add(2);
  add(3);
  t.match(answers.get(3), { failure: { code: 'overloaded' } });
  reads.cancel(2);
  reads.expire({ ...NO_QUORUM, nowMs: 3_000 });
  t.same([...answers.keys()], [3, 1]);
  t.match(answers.get(1), { failure: { code: 'noQuorum', outcome: 'none' } });
  t.equal(reads.size, 0);
});
