import fc from 'fast-check';
import t from 'tap';
import {
  DEFAULT_LEASE_TIMING,
  holderLimitMs,
  leaderLimitMs,
  leaseTimingOf,
  leaseTimingProblem,
  renewEveryMs,
} from './lease-timing.ts';

t.test(
  'a host has ended what is fenced before the leader gives it away, however wrong both clocks are within the bound',
  (t) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2_000, max: 60_000 }),
        fc.double({ min: 0.001, max: 0.2, noNaN: true }),
        fc.integer({ min: 100, max: 10_000 }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        (ttlMs, clockError, fenceMarginMs, hostShare, leaderShare) => {
          const timing = { ttlMs, clockError, fenceMarginMs };
          // True time that passes while a clock of this rate counts so far.
          const host = (holderLimitMs(timing) + fenceMarginMs) / (1 + hostShare * clockError);
          const leader = leaderLimitMs(timing) / (1 + leaderShare * clockError);
          return host < leader;
        },
      ),
    );
    t.end();
  },
);

t.test('the defaults go together, and give a lost host away after 6.3 s', (t) => {
  t.equal(leaseTimingProblem(DEFAULT_LEASE_TIMING), undefined);
  t.equal(leaderLimitMs(DEFAULT_LEASE_TIMING), 6_310);
  t.equal(holderLimitMs(DEFAULT_LEASE_TIMING), 5_190);
  t.equal(renewEveryMs(DEFAULT_LEASE_TIMING), 1_500);
  t.same(leaseTimingOf(undefined), DEFAULT_LEASE_TIMING);
  t.end();
});

t.test('figures that leave no time for a lost renewal are refused, with the way out', (t) => {
  const settings = { voters: 3, replaceAfterSeconds: 60, leaseTtlSeconds: 2, fenceMarginMs: 1_500 } as const;
  t.match(
    leaseTimingProblem(leaseTimingOf(settings)),
    /^a host could hold a lease of 2000 ms for 390 ms only.* raise lease-ttl/,
  );
  t.end();
});
