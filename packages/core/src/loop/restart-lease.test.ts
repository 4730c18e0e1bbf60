import t from 'tap';
import { HostLease } from '../host/lease.ts';
import type { Command } from '../machine/command.ts';
import { SampleCluster } from '../machine/sample.ts';
import { RestartLease } from './restart-lease.ts';

/** Host 1 with a lease until 6,000, and what its run proposes. */
function lab() {
  const cluster = new SampleCluster();
  const lease = new HostLease('b1');
  const hold = (sequence: number, nowMs: number): void => {
    lease.renew(nowMs);
    lease.granted({ type: 'leaseGrant', bootId: 'b1', sequence, index: 1, holdMs: 5_000, renewMs: 1_500 });
    lease.wantsArmed(99, nowMs);
    lease.armed(nowMs + 5_000, null);
  };
  hold(1, 1_000);
  const restart = new RestartLease(1, 'b1');
  const proposed: Command[] = [];
  const run = (nowMs: number, isNeeded = true) => {
    const propose = (_key: string, command: Command): void => void proposed.push(command);
    restart.run({ state: cluster.state, lease, isNeeded, nowMs, propose });
    return restart.state;
  };
  return { cluster, lease, restart, proposed, run, hold };
}

t.test('the longer lease is counted from before it was asked for, and holds once the switch is armed', (t) => {
  const { cluster, lease, restart, proposed, run, hold } = lab();
  t.equal(run(2_000), 'none');
  restart.ask(2_000);
  t.equal(run(2_500), 'waiting');
  t.same(proposed, [{ type: 'hostRestarting', hostId: 1, bootId: 'b1' }]);
  const { index } = cluster.apply({ type: 'hostRestarting', hostId: 1, bootId: 'b1' });
  t.equal(run(3_000), 'waiting');
  t.equal(lease.wantsArmed(index - 1, 3_000), undefined, 'not before the state holds it');
  t.equal(lease.wantsArmed(index, 3_000), 2_000 + 56_490);
  t.equal(run(3_100), 'waiting');
  lease.armed(58_490, null);
  t.equal(run(3_200), 'held');
  hold(2, 3_300);
  t.equal(lease.untilMs, 58_490, 'an ordinary lease that is granted later does not shorten it');
  restart.ask(9_000);
  t.equal(run(9_000), 'held');
  t.equal(proposed.length, 1);
  t.end();
});

t.test('a switch that does not arm ends it', (t) => {
  const { cluster, lease, restart, run } = lab();
  restart.ask(2_000);
  const { index } = cluster.apply({ type: 'hostRestarting', hostId: 1, bootId: 'b1' });
  run(2_100);
  const deadlineMs = lease.wantsArmed(index, 2_200) ?? 0;
  lease.armed(deadlineMs, 'no such unit');
  t.equal(run(2_300), 'failed');
  t.end();
});

t.test('there is nothing to ask for without fenced VMs, without a lease, or where the cluster gives none', (t) => {
  const without = lab();
  without.restart.ask(2_000);
  t.equal(without.run(2_000, false), 'unneeded');
  const late = lab();
  late.restart.ask(6_000);
  t.equal(late.run(6_000), 'unneeded');
  const off = lab();
  off.cluster.apply({ type: 'clusterSet', settings: { restartLeaseSeconds: 0 } });
  off.restart.ask(2_000);
  t.equal(off.run(2_000), 'unneeded');
  t.same([...without.proposed, ...late.proposed, ...off.proposed], []);
  t.end();
});

t.test('the run that comes says that it is over once its own lease is armed, or when there is nothing fenced', (t) => {
  const { cluster } = lab();
  const { index } = cluster.apply({ type: 'hostRestarting', hostId: 1, bootId: 'b0' });
  const proposed: Command[] = [];
  const restart = new RestartLease(1, 'b1');
  const lease = new HostLease('b1');
  const look = { state: cluster.state, lease, propose: (_key: string, one: Command) => void proposed.push(one) };
  restart.run({ ...look, isNeeded: true, nowMs: 1_000 });
  t.same(proposed, [], 'the switch may still be armed for the longer one');
  restart.run({ ...look, isNeeded: false, nowMs: 1_000 });
  const over = { type: 'hostRestartOver', hostId: 1, index, cause: 'back' };
  t.same(proposed, [over]);
  lease.renew(1_000);
  lease.granted({ type: 'leaseGrant', bootId: 'b1', sequence: 1, index: 1, holdMs: 5_000, renewMs: 1_500 });
  lease.wantsArmed(index, 1_100);
  lease.armed(6_000, null);
  restart.run({ ...look, isNeeded: true, nowMs: 1_200 });
  t.same(proposed, [over, over]);
  t.end();
});

t.test('a run that is going itself says nothing of an earlier restart', (t) => {
  const { cluster, restart, proposed, run } = lab();
  restart.ask(2_000);
  cluster.apply({ type: 'hostRestarting', hostId: 1, bootId: 'b0' });
  run(2_000);
  t.match(proposed, [{ type: 'hostRestarting', bootId: 'b1' }]);
  t.end();
});
