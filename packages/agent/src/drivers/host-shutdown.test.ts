import t from 'tap';
import { isShuttingDown } from './host-shutdown.ts';

const says = (stdout: string) => async () => ({ code: 1, signal: null, stdout, stderr: '', timedOut: false });

t.test('a host that systemd shuts down is told from one whose daemon alone ends', async (t) => {
  const booted = async (): Promise<boolean> => true;
  t.equal(await isShuttingDown(says('stopping\n'), booted), true);
  t.equal(await isShuttingDown(says('degraded\n'), booted), false);
  t.equal(await isShuttingDown(says(''), booted), false, 'no answer');
  t.equal(await isShuttingDown(says('stopping\n'), async () => false), false, 'systemd is not its init');
});
