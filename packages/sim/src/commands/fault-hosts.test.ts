import t from 'tap';
import { parseSchedule } from '../faults/fault.ts';
import { checkFaultHosts } from './fault-hosts.ts';

t.test('a fault of a host that the run never has is refused', async (t) => {
  const check = (text: string, hosts: number, grows = false) => checkFaultHosts(parseSchedule(text), hosts, grows);
  for (const text of [
    'at 1s crash n4',
    'at 1s partition n1 | n2 n4',
    'at 1s cut n4 > n1',
    'at 1s stall server for 1s',
  ]) {
    t.throws(() => check(text, 3), {
      code: 'N3X_INVALID',
      message: /^there is no host (n4|server): there are n1 to n3, /,
    });
  }
  check('at 1s crash n3\nat 2s power leader for 1s\nat 3s heal', 3);
  check('at 1s join\nat 20s crash n4', 3);
  check('at 1s crash n4', 3, true);
  t.throws(() => check('at 1s crash server', 3, true), { code: 'N3X_INVALID' });
});
