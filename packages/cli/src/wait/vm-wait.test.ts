import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VmView } from '@n3x/core/api/schemas';
import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { ANSWERED, ApiDouble, apiError, scratchDirectory } from '../testing/api-double.ts';
import { makeVm } from '../testing/objects.ts';
import { runCli, startCli, until } from '../testing/run-cli.ts';

const CREATE = ['vm', 'create', 'web', '--flake', 'github:me/vms', '--wait'];
const pending = makeVm({ phase: 'pending', hostName: null, assignment: null, status: { message: 'no host yet' } });

/** A stand-in with one VM that the test moves along. */
class World {
  readonly api: ApiDouble;
  vm: VmView | null = pending;
  index = 10;

  constructor(api: ApiDouble) {
    this.api = api;
    api.on('createVm', () => ({ vm: this.present(), changed: true, index: this.index }));
    api.on('getVm', () => this.present());
    for (const operation of ['startVm', 'stopVm', 'restartVm'] as const) {
      api.on(operation, () => ({ vm: this.present(), changed: true, index: this.index }));
    }
    api.on('deleteVm', () => ({ changed: true, index: this.index }));
  }

  present(): VmView {
    if (this.vm === null) throw apiError(ERROR_CODES.notFound, 'VM web does not exist');
    return this.vm;
  }

  /** Moves the VM on and tells the watches, once one is open and the client has looked. */
  async become(vm: VmView | null): Promise<void> {
    const looks = this.api.seen('getVm').length;
    await until(() => this.api.watchers > 0 && this.api.seen('getVm').length >= Math.max(1, looks));
    this.vm = vm;
    this.index += 1;
    const head = { index: this.index, kind: 'vm' as const, name: 'web' };
    this.api.tell(vm === null ? { type: 'removed', ...head } : { type: 'changed', ...head, object: vm });
  }
}

t.test('create waits until the guest has booted, quietly where there is no terminal', async (t) => {
  const world = new World(await ApiDouble.start(t));
  const run = startCli([...CREATE, '--socket', world.api.socket]);
  await world.become(makeVm({ phase: 'building' }));
  await world.become(makeVm({ phase: 'starting' }));
  await world.become(makeVm());
  t.same(await run.result, { code: 0, stdout: 'vm web: created (running on n1)\n', stderr: '' });
});

t.test('on a terminal the phases are seen', async (t) => {
  const world = new World(await ApiDouble.start(t));
  const run = startCli([...CREATE, '--socket', world.api.socket], { stderrIsTerminal: true });
  await world.become(makeVm({ phase: 'building', status: { message: 'copying paths' } }));
  await until(() => run.output().stderr.includes('web: building on n1: copying paths'));
  await world.become(makeVm());
  const result = await run.result;
  t.equal(result.code, 0);
  t.ok(result.stderr.includes('web: pending: no host yet'));
  t.ok(result.stderr.endsWith('\r\u001b[K'), 'the line is removed');
});

t.test('a failed build ends it, with the end of the log', async (t) => {
  const world = new World(await ApiDouble.start(t));
  world.api.on('getVmLogs', ({ query, response }) => {
    response.end(`log ${String(query['kind'])}\nerror: attribute missing`);
    return ANSWERED;
  });
  const run = startCli([...CREATE, '--socket', world.api.socket]);
  await world.become(makeVm({ phase: 'failed', status: { reason: 'BuildFailed', message: 'nix build ended with 1' } }));
  const result = await run.result;
  t.equal(result.code, 1);
  t.equal(result.stdout, '');
  t.match(
    result.stderr,
    /^log build\nerror: attribute missing\nn3xctl: vm web failed: BuildFailed: nix build ended with 1\nhint: /,
  );
});

t.test('a failure without a log is told all the same', async (t) => {
  const world = new World(await ApiDouble.start(t));
  world.api.on('getVmLogs', () => {
    throw apiError(ERROR_CODES.notFound, 'no log');
  });
  world.vm = makeVm({ phase: 'failed', status: { message: 'no such flake' } });
  const result = await runCli([...CREATE, '--socket', world.api.socket, '-o', 'json']);
  t.equal(result.code, 1);
  t.match(JSON.parse(result.stderr), { error: { code: 'N3X_DRIVER', message: 'vm web failed: no such flake' } });
});

t.test('the deadline ends it, with the reason', async (t) => {
  const world = new World(await ApiDouble.start(t));
  const result = await runCli([...CREATE, '--timeout', '1500ms', '--socket', world.api.socket]);
  t.equal(result.code, 6);
  t.match(
    result.stderr,
    /^n3xctl: vm web is not running after 1.5 s: pending: no host yet\nhint: it goes on without you/,
  );
});

t.test('an n3xd that ends its streams and one that dies do not end the wait', async (t) => {
  const directory = scratchDirectory(t);
  const first = new World(await ApiDouble.start(t, join(directory, 'a.sock')));
  const second = new World(await ApiDouble.start(t, join(directory, 'b.sock')));
  mkdirSync(join(directory, '.n3x'));
  const file = { sockets: [first.api.socket, second.api.socket] };
  writeFileSync(join(directory, '.n3x', 'dev-cluster.json'), JSON.stringify(file));
  const run = startCli(CREATE, { cwd: directory });
  await first.become(makeVm({ phase: 'building' }));
  first.api.endWatches();
  await until(() => first.api.watchers === 0);
  await until(() => first.api.watchers === 1);
  t.type(first.api.seen('watch').at(-1)?.query['from'], 'number', 'it goes on where it was');
  await first.api.stop();
  second.vm = makeVm();
  const result = await run.result;
  t.same([result.code, result.stdout], [0, 'vm web: created (running on n1)\n'], result.stderr);
});

t.test('changes that are no longer kept lead to a new look', async (t) => {
  const world = new World(await ApiDouble.start(t));
  const run = startCli([...CREATE, '--socket', world.api.socket]);
  await world.become(makeVm({ phase: 'building' }));
  await until(() => world.api.seen('getVm').length >= 2);
  world.vm = makeVm();
  world.api.tell({ type: 'error', error: { code: 'N3X_COMPACTED', message: 'list again' } });
  t.equal((await run.result).code, 0);
});

t.test('stop, restart and delete wait for their own end', async (t) => {
  const world = new World(await ApiDouble.start(t));
  const socket = ['--wait', '--socket', world.api.socket];
  world.vm = makeVm({ power: 'stopped', phase: 'stopping' });
  const stop = startCli(['vm', 'stop', 'web', ...socket]);
  await world.become(makeVm({ power: 'stopped', phase: 'stopped' }));
  t.same(await stop.result, { code: 0, stdout: 'vm web: stop requested (stopped on n1)\n', stderr: '' });

  world.vm = makeVm({ restarts: 1, status: { observedRestarts: 0 } });
  const looks = world.api.seen('getVm').length;
  const restart = startCli(['vm', 'restart', 'web', ...socket]);
  await until(() => world.api.seen('getVm').length > looks);
  await world.become(makeVm({ restarts: 1 }));
  t.equal((await restart.result).code, 0);

  const remove = startCli(['vm', 'delete', 'web', ...socket]);
  await until(() => world.api.seen('deleteVm').length === 1);
  await world.become(makeVm({ restarts: 1, deleting: true, phase: 'stopping' }));
  await world.become(null);
  t.same(await remove.result, { code: 0, stdout: 'vm web: deleted\n', stderr: '' });
});

t.test('somebody else may want something else', async (t) => {
  const world = new World(await ApiDouble.start(t));
  const run = startCli([...CREATE, '--socket', world.api.socket]);
  await world.become(makeVm({ generation: 2, power: 'stopped', phase: 'stopped' }));
  const result = await run.result;
  t.same([result.code, result.stderr], [4, 'n3xctl: gave up waiting for vm web: somebody else wants it stopped\n']);
  world.vm = null;
  world.api.on('createVm', () => ({ vm: pending, changed: true, index: 10 }));
  const gone = await runCli([...CREATE, '--socket', world.api.socket]);
  t.same([gone.code, gone.stderr], [3, 'n3xctl: vm web was deleted by somebody else\n']);
});

t.test('an interrupt ends the wait', async (t) => {
  const world = new World(await ApiDouble.start(t));
  const interrupt = new AbortController();
  const run = startCli([...CREATE, '--socket', world.api.socket], { interrupted: interrupt.signal });
  await until(() => world.api.watchers > 0);
  interrupt.abort();
  t.equal((await run.result).code, 130);
});
