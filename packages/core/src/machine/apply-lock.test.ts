import t from 'tap';
import { LOCK_LIMIT, LOCK_WAITERS_MAX } from '../model/lock.ts';
import type { Command, CommandResult } from './command.ts';
import { checkInvariants, checkStep } from './invariants.ts';
import { SampleCluster } from './sample.ts';
import { ClusterState } from './state.ts';

type Acquire = Extract<Command, { type: 'lockAcquire' }>;

/** A cluster in which every step is checked. */
class Lab extends SampleCluster {
  override apply(command: Command, options: { requestId?: string; atMs?: number } = {}): CommandResult {
    const result = super.apply(command, options);
    t.same([...checkInvariants(this.state), ...checkStep(this.state, this.last.objectChanges)], []);
    return result;
  }

  acquire(holder: string, change: Partial<Acquire> = {}): CommandResult {
    return this.apply({ type: 'lockAcquire', name: 'deploy', holder, reason: '', ttlMs: 5_000, wait: true, ...change });
  }

  renew(holder: string, token: number): CommandResult {
    return this.apply({ type: 'lockRenew', name: 'deploy', holder, token });
  }

  release(holder: string, token: number): CommandResult {
    return this.apply({ type: 'lockRelease', name: 'deploy', holder, token });
  }

  expire(holder: string, renewedIndex?: number): CommandResult {
    const lock = this.state.lock('deploy');
    const claim = [...(lock?.holders ?? []), ...(lock?.waiters ?? [])].find((one) => one.holder === holder);
    const ticket = claim?.ticket ?? 1;
    return this.apply({
      ...{ type: 'lockExpire', name: 'deploy', ticket },
      renewedIndex: renewedIndex ?? claim?.renewedIndex ?? 1,
    });
  }

  /** Holders with their tokens, then who waits. */
  get shape(): string {
    const lock = this.state.lock('deploy');
    if (lock === undefined) return 'free';
    const holders = lock.holders.map(({ holder, token }) => `${holder}:${token}`);
    return [...holders, ...lock.waiters.map(({ holder }) => holder)].join(' ');
  }

  /** Reasons of the events of the last entry. */
  get events(): string[] {
    return this.last.objectChanges.flatMap(({ object }) => (object?.kind === 'event' ? [object.reason] : []));
  }
}

t.test('a lock is there from its first claim to the end of its last', (t) => {
  const lab = new Lab();
  t.match(lab.acquire('a', { reason: 'upgrade' }), {
    ok: true,
    changed: true,
    values: { state: 'held', token: 2, ticket: 2 },
  });
  t.same(lab.events, ['LockAcquired']);
  t.match(lab.state.lock('deploy'), { slots: 1, holders: [{ holder: 'a', reason: 'upgrade', renewedIndex: 2 }] });
  t.match(lab.release('a', 2), { ok: true });
  t.same(lab.events, ['LockReleased']);
  t.equal(lab.shape, 'free');
  t.match(lab.acquire('a'), { values: { token: 4 } }, 'a token of its next life is larger');
  t.end();
});

t.test('who waits gets the slot in the order of asking, with a token of that moment', (t) => {
  const lab = new Lab();
  lab.acquire('a');
  t.match(lab.acquire('b'), { values: { state: 'waiting', ticket: 3, position: 1 } });
  t.same(lab.events, ['LockQueued']);
  t.match(lab.acquire('c'), { values: { state: 'waiting', ticket: 4, position: 2 } });
  t.equal(lab.shape, 'a:2 b c');
  lab.release('a', 2);
  t.same(lab.events, ['LockReleased', 'LockAcquired']);
  t.equal(lab.shape, 'b:5 c');
  t.match(lab.acquire('a'), { values: { position: 2 } }, 'who releases is last again');
  t.match(lab.acquire('b'), { values: { state: 'held', token: 5, ticket: 3 } });
  t.match(lab.release('b', 3), { ok: true }, 'a ticket serves as well');
  t.equal(lab.shape, 'c:8 a');
  t.end();
});

t.test('one holder has one claim, whatever it repeats', (t) => {
  const lab = new Lab();
  lab.acquire('a');
  t.match(lab.acquire('a', { ttlMs: 9_000 }), { ok: true, values: { state: 'held', token: 2 } });
  t.same(lab.events, [], 'a renewal is no news');
  t.match(lab.state.lock('deploy')?.holders[0], { ttlMs: 9_000, renewedIndex: 3 });
  lab.acquire('b');
  t.match(lab.acquire('b'), { values: { state: 'waiting', ticket: 4, position: 1 } });
  t.match(lab.acquire('b', { wait: false }), { values: { state: 'waiting' } }, 'it has its place');
  const again = { type: 'lockAcquire', name: 'x', holder: 'a', reason: '', ttlMs: 5_000, wait: false } as const;
  t.same(lab.apply(again, { requestId: 'same' }), lab.apply(again, { requestId: 'same' }));
  t.end();
});

t.test('no more holders than slots', (t) => {
  const lab = new Lab();
  lab.acquire('a', { slots: 2 });
  t.match(lab.acquire('b'), { values: { state: 'held', token: 3 } });
  t.match(lab.acquire('c', { wait: false }), {
    error: {
      code: 'N3X_LOCKED',
      message: /lock deploy is held by a, b: wait/,
      details: { holders: ['a', 'b'], waiters: 0 },
    },
  });
  t.match(lab.acquire('c', { slots: 3 }), { error: { code: 'N3X_CONFLICT', message: /has slots: 2, asked for 3/ } });
  lab.acquire('c', { slots: 2 });
  lab.acquire('d');
  lab.release('a', 2);
  t.equal(lab.shape, 'b:3 c:8 d');
  t.end();
});

t.test('renewing, and releasing, takes the token of a claim that is still there', (t) => {
  const lab = new Lab();
  lab.acquire('a');
  t.match(lab.renew('a', 2), { ok: true, values: { state: 'held', token: 2 } });
  const lost = { ok: false, error: { code: 'N3X_LOCK_LOST', message: /lock deploy is not held by a with token 9/ } };
  t.match(lab.renew('a', 9), lost);
  t.match(lab.release('a', 9), lost);
  t.match(lab.renew('b', 2), { error: { code: 'N3X_LOCK_LOST' } });
  t.equal(lab.shape, 'a:2');
  lab.acquire('b');
  const ticket = lab.state.index;
  t.match(lab.renew('b', ticket), { values: { state: 'waiting', position: 1 } });
  t.match(lab.release('b', ticket), { ok: true });
  t.same(lab.events, ['LockGivenUp']);
  t.equal(lab.shape, 'a:2');
  lab.release('a', 2);
  t.match(lab.renew('a', 2), { error: { code: 'N3X_LOCK_LOST' } });
  t.end();
});

t.test('a session ends only for the renewal that it was counted from', (t) => {
  const lab = new Lab();
  lab.acquire('a');
  lab.renew('a', 2);
  t.match(lab.expire('a', 2), { ok: false, error: { code: 'N3X_CONFLICT', message: /moved on since index 2/ } });
  lab.acquire('b');
  t.match(lab.expire('a'), { ok: true });
  t.same(lab.events, ['LockExpired', 'LockAcquired']);
  t.equal(lab.shape, 'b:6');
  t.match(lab.expire('b', 5), { error: { code: 'N3X_CONFLICT' } }, 'its slot made it count anew');
  t.match(lab.expire('z'), { error: { code: 'N3X_CONFLICT' } });
  lab.acquire('c');
  lab.expire('c');
  t.same(lab.events, ['LockGivenUp']);
  lab.expire('b');
  t.equal(lab.shape, 'free');
  t.match(lab.expire('b'), { error: { code: 'N3X_CONFLICT' } });
  t.end();
});

t.test('a hold is broken with a reason, which the history keeps', (t) => {
  const lab = new Lab();
  const breaks = (change: { holder?: string; token?: number } = {}) =>
    lab.apply({ type: 'lockBreak', name: 'deploy', reason: 'its host burnt down', ...change });
  t.match(breaks(), { error: { code: 'N3X_NOT_FOUND', message: /lock deploy does not exist: nobody holds it/ } });
  lab.acquire('a', { slots: 2 });
  lab.acquire('b');
  lab.acquire('c');
  t.match(breaks(), { error: { code: 'N3X_REFUSED', message: /held by a, b: say whose/ } });
  t.match(breaks({ holder: 'z' }), { error: { code: 'N3X_CONFLICT', message: /not held by z but by a, b/ } });
  t.match(breaks({ holder: 'a', token: 99 }), { error: { code: 'N3X_CONFLICT' } });
  t.match(breaks({ holder: 'a' }), { ok: true, values: { holder: 'a', token: 3 } });
  t.match(lab.last.objectChanges.find(({ kind }) => kind === 'event')?.object, {
    reason: 'LockBroken',
    severity: 'warning',
    message: 'the hold of a, token 3, was broken: its host burnt down',
  });
  t.match(lab.shape, /^b:4 c:\d+$/);
  t.match(lab.renew('a', 3), { error: { code: 'N3X_LOCK_LOST' } });
  lab.release('b', 4);
  lab.acquire('d');
  lab.acquire('e');
  t.match(breaks({ holder: 'e' }), { ok: true }, 'also one who waits');
  lab.release('d', lab.state.lock('deploy')?.holders[1]?.token ?? 0);
  t.match(breaks(), { ok: true }, 'the only holder needs no name');
  t.equal(lab.shape, 'free');
  t.end();
});

t.test('queues and locks are bounded', (t) => {
  const lab = new SampleCluster();
  const acquire = (holder: string, name: string) =>
    lab.apply({ type: 'lockAcquire', name, holder, reason: '', ttlMs: 5_000, wait: true });
  for (let i = 0; i <= LOCK_WAITERS_MAX; i++) t.ok(acquire(`h${i}`, 'deploy').ok);
  t.match(acquire('late', 'deploy'), { error: { code: 'N3X_REFUSED', message: /has 128 waiting, the most/ } });
  for (let i = 1; i < LOCK_LIMIT; i++) acquire('h', `l${i}`);
  t.equal(lab.state.lockCount, LOCK_LIMIT);
  t.match(acquire('h', 'one-more'), { error: { code: 'N3X_REFUSED', message: /4096 locks are in use/ } });
  t.ok(acquire('other', 'l1').ok);
  t.same(checkInvariants(lab.state), []);
  t.end();
});

t.test('locks survive as records, and those who look for changes see them', (t) => {
  const lab = new Lab();
  const before = lab.state.locksVersion;
  lab.acquire('a', { reason: 'upgrade' });
  lab.acquire('b');
  t.not(lab.state.locksVersion, before);
  const copy = ClusterState.fromRecords(lab.state.index, lab.state.records());
  t.same([...copy.locks()], [...lab.state.locks()]);
  t.equal(copy.hash(), lab.state.hash());
  t.end();
});

t.test('planted: states that no order of commands leads to', (t) => {
  const wrong = (change: (lock: NonNullable<ReturnType<ClusterState['lock']>>) => object, expected: RegExp) => {
    const lab = new Lab();
    lab.acquire('a');
    lab.acquire('b');
    lab.acquire('c');
    const lock = lab.state.lock('deploy');
    if (lock === undefined) throw new Error('the lock is missing');
    lab.state.put({ ...lock, ...change(lock) });
    t.match(checkInvariants(lab.state).join('\n'), expected);
  };
  wrong(
    ({ holders, waiters }) => ({
      holders: [...holders, ...waiters.map((one) => ({ ...one, token: one.ticket, acquiredAtMs: 0 }))],
    }),
    /has 3 holders and slots: 1/,
  );
  wrong(
    ({ holders }) => ({ waiters: holders.map(({ token: _, acquiredAtMs: __, ...one }) => one) }),
    /a has two claims/,
  );
  wrong(() => ({ holders: [] }), /there and nobody holds it/);
  wrong(() => ({ slots: 2 }), /has a free slot and a queue/);
  wrong(({ waiters }) => ({ waiters: [...waiters].reverse() }), /ticket 3 follows 4/);
  wrong(
    ({ holders }) => ({ slots: 2, holders: holders.flatMap((one) => [one, { ...one, holder: 'x' }]) }),
    /token 2 follows 2/,
  );
  wrong(({ holders }) => ({ holders: holders.map((one) => ({ ...one, token: 99 })) }), /knows index 99 of the future/);
  wrong(({ holders }) => ({ holders: holders.map((one) => ({ ...one, renewedIndex: 1 })) }), /renewed before it asked/);
  t.end();
});
