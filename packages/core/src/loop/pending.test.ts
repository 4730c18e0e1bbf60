import t from 'tap';
import type { CommandOutcome } from '../ports/client.ts';
import { PendingCommands } from './pending.ts';

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
