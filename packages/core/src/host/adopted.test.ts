import t from 'tap';
import { sampleSpec } from '../machine/sample.ts';
import { Host } from './model-host.test-data.ts';

const source = { kind: 'flake' as const, ref: 'github:me/vms', attribute: 'web' };

/** A host with a microVM that nobody manages, and a VM of the cluster that is to be that one. */
function adopting(): { host: Host; epoch: number } {
  const host = new Host();
  host.driver.vms.set('web', {
    managed: undefined,
    currentRunner: '/nix/store/old',
    process: { pid: 77, startedAtMs: 1 },
    ready: false,
  });
  const spec = sampleSpec({ source, failover: 'stay', readiness: { type: 'process' } });
  const result = host.cluster.apply({ type: 'vmAdopt', name: 'web', uid: 'vm-1', spec, power: 'running', hostId: 1 });
  return { host, epoch: result.index };
}

/** What the host's shell does on both ways. */
function mark(host: Host, epoch: number | undefined): void {
  const vm = host.driver.vms.get('web');
  if (vm === undefined) throw new Error('no microVM');
  vm.managed =
    epoch === undefined ? undefined : { uid: 'vm-1', epoch, builtGeneration: 1, restarts: 0, startedGeneration: 1 };
  vm.ready = true;
}

t.test('what is taken over runs on: nothing is built, started or stopped', (t) => {
  const { host, epoch } = adopting();
  t.same(host.settle(), []);
  t.match(host.vm().status, {
    phase: 'failed',
    reason: 'NotAdopted',
    message: /ask for it again with `n3xctl vm adopt web`/,
  });
  mark(host, epoch);
  t.same(host.settle(), []);
  t.match(host.vm().status, { phase: 'running', pid: 77 });
  t.end();
});

t.test('files that are gone are not made anew', (t) => {
  const { host } = adopting();
  host.driver.vms.clear();
  t.same(host.settle(), []);
  t.match(host.vm().status, { phase: 'failed', reason: 'Gone' });
  t.end();
});

t.test('what is handed back is not stopped, and gone from the cluster once its marks are', (t) => {
  const { host, epoch } = adopting();
  mark(host, epoch);
  host.settle();
  host.cluster.apply({ type: 'vmRelease', name: 'web' });
  t.same(host.settle(), []);
  t.match(host.vm(), { releasing: true });
  mark(host, undefined);
  t.same(host.settle(), []);
  t.equal(host.cluster.state.vm('web'), undefined);
  t.match(host.driver.vms.get('web'), { process: { pid: 77 } });
  t.end();
});
