import { type VmSpecInput, vmSpecSchema } from '@n3x/core/model/vm';
import type { DriverVm } from '@n3x/core/ports/driver';
import t from 'tap';
import type { ObservedHost } from '../world/observer.ts';
import { RestartRules } from './restarts.ts';

const HOST: ObservedHost = { id: 1, name: 'n1', loop: undefined, disk: { keeps: () => true } };

function vm(restart: VmSpecInput['restart'], generation = 1): DriverVm {
  const spec = vmSpecSchema.parse({ source: { kind: 'inline' }, restart });
  const allocation = { cid: 3, macs: [], interfaceNames: [], hostPorts: [] };
  return { name: 'web', uid: 'u', epoch: 7, generation, spec, allocation, fenced: false, rebuilds: 0 };
}

/** A course of events, in letters: s for a start, e and f for an end with code 0 and 1, o for an ordered stop. */
function run(restart: VmSpecInput['restart'], letters: string): string {
  const rules = new RestartRules(() => undefined);
  let generation = 1;
  try {
    for (const letter of letters) {
      if (letter === 'w') generation++;
      else if (letter === 's') rules.course(HOST, { type: 'started', vm: vm(restart, generation), restarts: 0 });
      else {
        const cause = letter === 'o' ? 'order' : 'itself';
        rules.course(HOST, { type: 'ended', uid: 'u', cause, code: letter === 'e' ? 0 : 1 });
      }
    }
  } catch (error) {
    return String(error);
  }
  return 'fine';
}

t.test('never: not again, unless it is wanted anew', async (t) => {
  t.equal(run({ policy: 'never' }, 'se'), 'fine');
  t.match(run({ policy: 'never' }, 'ses'), /is started again on n1 although it ended/);
  t.equal(run({ policy: 'never' }, 'sews'), 'fine');
  t.equal(run({ policy: 'never' }, 'sos'), 'fine', 'a stop that was ordered is no end by itself');
});

t.test('on-failure: again after a failure', async (t) => {
  t.equal(run({ policy: 'on-failure' }, 'sfs'), 'fine');
  t.match(run({ policy: 'on-failure' }, 'sfses'), /although it ended/);
});

t.test('always: as often as its limit allows', async (t) => {
  t.equal(run({ maxRestarts: 2 }, 'sesfse'), 'fine');
  t.match(run({ maxRestarts: 2 }, 'sesfses'), /started again on n1 after 3 ends/);
  t.equal(run({ maxRestarts: 1 }, 'seseowses'), 'fine');
});
