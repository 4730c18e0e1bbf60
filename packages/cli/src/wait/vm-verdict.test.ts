import t from 'tap';
import { makeVm } from '../testing/objects.ts';
import { judge } from './vm-verdict.ts';

const baseline = { uid: 'uid-1', generation: 3, restarts: 2 };
const now = { generation: 3, restarts: 2 };

t.test('running', async (t) => {
  t.same(judge('running', baseline, makeVm(now)), { type: 'reached' });
  const old = makeVm({ ...now, status: { observedGeneration: 2 } });
  t.match(judge('running', baseline, old), { type: 'waiting' }, 'a status of an earlier wish');
  const before = makeVm({ ...now, status: { observedRestarts: 1 } });
  t.match(judge('running', baseline, before), { type: 'waiting' }, 'not yet restarted');
  const building = makeVm({ ...now, phase: 'building', status: { message: 'nix build' } });
  t.same(judge('running', baseline, building), { type: 'waiting', text: 'building on n1: nix build' });
  const pending = makeVm({ ...now, phase: 'pending', hostName: null, status: { reason: 'NoHostFits', message: 'x' } });
  t.same(judge('running', baseline, pending), { type: 'waiting', text: 'pending: NoHostFits: x' });
  const failed = makeVm({ ...now, phase: 'failed', status: { reason: 'BuildFailed', message: 'boom' } });
  t.same(judge('running', baseline, failed), { type: 'failed', text: 'BuildFailed: boom', log: 'build' });
  const failedBefore = makeVm({ ...now, phase: 'failed', status: { observedGeneration: 2 } });
  t.match(judge('running', baseline, failedBefore), { type: 'waiting' });
  t.match(judge('running', baseline, makeVm({ ...now, phase: 'unhealthy' })), { type: 'failed', log: 'console' });
  const exited = makeVm({ ...now, phase: 'failed', status: { reason: 'Exited', message: 'code 1' } });
  t.match(judge('running', baseline, exited), { type: 'failed', log: 'console' });
  t.match(judge('running', baseline, makeVm({ ...now, phase: 'starting' })), { type: 'waiting' });
  const late = makeVm({ ...now, phase: 'unhealthy', status: { reason: 'NotReadyInTime', message: 'x' } });
  t.same(judge('running', baseline, late), { type: 'failed', text: 'NotReadyInTime: x', log: 'console' });
  const halt = { phase: 'stopped' as const, reason: 'Exited', message: 'x', generation: 3, restarts: 2 };
  const over = makeVm({ ...now, phase: 'stopped', status: { reason: 'Exited', message: 'x', halt } });
  t.same(judge('running', baseline, over), { type: 'failed', text: 'Exited: x', log: 'console' });
});

t.test('stopped', async (t) => {
  const power = { power: 'stopped' as const };
  t.same(judge('stopped', baseline, makeVm({ ...now, ...power, phase: 'stopped' })), { type: 'reached' });
  t.match(judge('stopped', baseline, makeVm({ ...now, ...power })), { type: 'waiting' });
  const nowhere = makeVm({ ...now, ...power, phase: 'stopped', assignment: null, status: { observedGeneration: 0 } });
  t.same(judge('stopped', baseline, nowhere), { type: 'reached' });
});

t.test('overtaken by somebody else', async (t) => {
  t.match(judge('running', baseline, makeVm({ ...now, power: 'stopped' })), { type: 'overtaken' });
  t.match(judge('running', baseline, makeVm({ ...now, deleting: true })), { type: 'overtaken' });
  t.match(judge('running', baseline, makeVm({ ...now, uid: 'uid-2' })), { type: 'overtaken' });
});

t.test('gone', async (t) => {
  t.match(judge('gone', baseline, makeVm({ ...now, deleting: true })), { type: 'waiting' });
  t.match(judge('gone', baseline, makeVm({ ...now, phase: 'failed', deleting: true })), { type: 'waiting' });
  t.same(judge('gone', baseline, makeVm({ ...now, uid: 'uid-2' })), { type: 'reached' });
});
