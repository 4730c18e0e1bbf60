import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Exec, RunResult } from './exec.ts';
import { probeKvm } from './kvm.ts';

const ENDED: RunResult = { code: null, signal: 'SIGKILL', stdout: '', stderr: '', timedOut: false };

t.before(() => {
  delete process.env['N3X_KVM'];
});

function qemu(prints: string, result: Partial<RunResult>): { exec: Exec; runs: () => number } {
  let runs = 0;
  const exec: Exec = async (_, options) => {
    runs += 1;
    options.onOutput?.(Buffer.from(prints), 'stdout');
    return { ...ENDED, ...result };
  };
  return { exec, runs: () => runs };
}

const base = { device: '/dev/null', kernel: '/kernel' };

t.test('a guest that speaks runs', async (t) => {
  t.same(await probeKvm({ ...base, ...qemu('[ 0.0] Linux version 6', {}) }), { works: true, reason: 'a guest ran' });
});

t.test('a device alone proves nothing', async (t) => {
  t.match(await probeKvm({ ...base, ...qemu('', { timedOut: true }) }), { works: false, reason: /hangs/ });
  t.match(await probeKvm({ ...base, ...qemu('', { stderr: 'x\nno way\n' }) }), { works: false, reason: /no way/ });
  t.match(await probeKvm({ ...base, ...qemu('', { spawnError: 'ENOENT' }) }), { works: false, reason: /no QEMU/ });
  const none = { ...base, device: '/nonexistent', ...qemu('Linux version', {}) };
  t.match(await probeKvm(none), { works: false, reason: /missing/ });
});

t.test('the answer is kept for this boot', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-kvm-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const cacheFile = join(directory, 'sub/kvm.json');
  const first = qemu('', { timedOut: true });
  t.match(await probeKvm({ ...base, ...first, cacheFile }), { works: false });
  const second = qemu('Linux version', {});
  t.match(await probeKvm({ ...base, ...second, cacheFile }), { works: false, reason: /hangs/ });
  t.equal(second.runs(), 0);
});

t.test('who knows may say', async (t) => {
  process.env['N3X_KVM'] = 'yes';
  t.teardown(() => {
    delete process.env['N3X_KVM'];
  });
  t.match(await probeKvm({ ...base, ...qemu('', { timedOut: true }) }), { works: true });
});
