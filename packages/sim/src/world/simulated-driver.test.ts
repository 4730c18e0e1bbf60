import { SeededRandom } from '@n3x/core/base/random';
import { vmSpecSchema } from '@n3x/core/model/vm';
import type { DriverAction, DriverOutcome, ObservedVm } from '@n3x/core/ports/driver';
import t from 'tap';
import { PROFILES } from '../profiles/profile.ts';
import { SimulatedDriver } from './simulated-driver.ts';
import { Timeline } from './timeline.ts';

const spec = vmSpecSchema.parse({ source: { kind: 'inline' } });
const vm = {
  name: 'web',
  uid: 'u',
  epoch: 7,
  generation: 1,
  spec,
  allocation: { cid: 3, macs: [], interfaceNames: [], hostPorts: [] },
  fenced: false,
  rebuilds: 0,
};

function makeHost(failPermille = 0) {
  const time = new Timeline();
  const calm = PROFILES['calm']?.driver;
  if (calm === undefined) throw new Error('there is no profile calm');
  const driver = new SimulatedDriver(time, new SeededRandom(1), () => time.nowMs, { ...calm, failPermille });
  const told: { vms: readonly ObservedVm[]; done: [number, DriverOutcome][] } = { vms: [], done: [] };
  const attach = () =>
    driver.attach({
      observed: (vms) => {
        told.vms = vms;
      },
      done: (token, outcome) => void told.done.push([token, outcome]),
    });
  return { time, driver, told, attach };
}

const ACTIONS: readonly DriverAction[] = [
  { type: 'build', vm },
  { type: 'start', vm, restarts: 0 },
];

t.test('a VM is built, started, ready, and outlives the daemon but not the power', async (t) => {
  const { time, driver, told, attach } = makeHost();
  const port = attach();
  for (const [token, action] of ACTIONS.entries()) {
    port.perform(token, action);
    time.run(time.nowMs + 10_000, () => undefined);
    t.same(told.done.pop(), [token, { ok: true }]);
  }
  t.match(told.vms, [{ name: 'web', managed: { uid: 'u', epoch: 7 }, ready: true }]);
  t.same(driver.running(), ['u']);
  driver.detach('process');
  t.same(driver.running(), ['u']);
  attach();
  told.vms = [];
  time.run(time.nowMs + 1, () => undefined);
  t.match(told.vms, [{ name: 'web', ready: true }], 'the next daemon finds it');
  driver.detach('power');
  t.same(driver.running(), []);
});

t.test('what is seen of an action comes before its end; a failure changes nothing', async (t) => {
  const { time, told, attach } = makeHost(1_000);
  attach().perform(1, { type: 'build', vm });
  time.run(60_000, () => undefined);
  t.match(told.done, [[1, { ok: false, reason: 'BuildFailed', retriable: true }]]);
  t.same(told.vms, []);
});
