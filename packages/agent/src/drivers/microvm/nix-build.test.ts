import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DriverVm } from '@n3x/core/ports/driver';
import t from 'tap';
import { inlineVm, NIX_CONFIG, TestHost, TINY_GUEST } from './test-host.ts';

t.setTimeout(300_000);

async function flakeVm(name: string, ref: string, attribute: string): Promise<DriverVm> {
  const vm = await inlineVm(name);
  return { ...vm, spec: { ...vm.spec, source: { kind: 'flake', ref, attribute } } };
}

t.test('a flake of the user’s is built; what it says it needs is reported', async (t) => {
  await using host = await TestHost.create();
  const vm = await flakeVm('hello', TINY_GUEST, 'hello');
  t.same(await host.act({ type: 'build', vm }), { ok: true });
  t.match(host.observed[0], { evaluated: { vcpu: 1, memoryMib: 256 }, managed: { builtGeneration: 1 } });
  t.equal(await readFile(host.path('hello', 'flake'), 'utf8'), `${TINY_GUEST}\n`);
});

t.test('a module of the user’s may change what is needed', async (t) => {
  await using host = await TestHost.create();
  const vm = await inlineVm('more', { modules: '{ lib, ... }: { microvm.mem = lib.mkForce 300; }' });
  t.same(await host.act({ type: 'build', vm }), { ok: true });
  t.match(host.observed[0], { evaluated: { vcpu: 1, memoryMib: 300 } });
});

t.test('a build that fails says why, and keeps its log', async (t) => {
  await using host = await TestHost.create();
  const broken = await inlineVm('broken', { modules: '{ microvm.memory = 3; }' });
  const outcome = await host.act({ type: 'build', vm: broken });
  t.match(outcome, {
    ok: false,
    reason: 'BuildFailed',
    message: /the option `microvm.memory` does not exist/,
    retriable: false,
  });
  t.match(await host.log('broken', 'build'), /^\$ nix build [\s\S]*microvm.memory/);
  t.equal(host.observed[0]?.currentRunner, undefined);
  t.match(await host.act({ type: 'start', vm: broken, restarts: 0 }), { ok: false, reason: 'NotBuilt' });

  const flake = join(host.directory, 'loud');
  await mkdir(flake);
  await writeFile(
    join(flake, 'flake.nix'),
    `{ outputs = _: { nixosConfigurations.loud.config.microvm = { vcpu = 1; mem = 64; declaredRunner = derivation {
      name = "loud"; system = "${host.driver.choice.kind === 'direct' ? process.arch.replace('x64', 'x86_64').replace('arm64', 'aarch64') : ''}-linux";
      builder = "/bin/sh"; args = [ "-c" "echo the builder speaks; exit 3" ]; }; }; }; }`,
  );
  const loud = await flakeVm('loud', `path:${flake}`, 'loud');
  t.match(await host.act({ type: 'build', vm: loud }), { ok: false, reason: 'BuildFailed', message: /exit code 3/ });
  t.match(await host.log('loud', 'build'), /the builder speaks/);
});

t.test('a flake that is missing, has no such VM, or is named by a relative path', async (t) => {
  await using host = await TestHost.create();
  const build = async (ref: string, attribute: string) =>
    await host.act({ type: 'build', vm: await flakeVm('vm', ref, attribute) });
  t.match(await build(`path:${host.directory}/none`, 'x'), { ok: false, reason: 'FlakeNotFound', retriable: false });
  t.match(await build(`${host.directory}/none`, 'x'), { ok: false, reason: 'FlakeNotFound', retriable: false });
  t.match(
    await build(`path:${host.directory}`, 'x'),
    { ok: false, reason: 'FlakeNotFound' },
    'a directory without a flake',
  );
  for (const ref of ['path:./here', './here', '../here', 'git+file:here', '~/here']) {
    t.match(await build(ref, 'x'), { ok: false, reason: 'FlakeNotFound', message: /absolute path/ }, ref);
  }
  t.match(await build(TINY_GUEST, 'bye'), {
    ok: false,
    reason: 'AttributeMissing',
    message: /has no nixosConfigurations.bye: it has hello$/,
    retriable: false,
  });
});

t.test('a Nix that is not there, and a build that takes too long', async (t) => {
  await using host = await TestHost.create({
    nix: { binary: '/nonexistent/nix', extraConfig: '', buildTimeoutMs: 1000 },
  });
  const vm = await inlineVm('vm');
  t.match(await host.act({ type: 'build', vm }), { ok: false, reason: 'NixMissing', message: /install Nix/ });
  await host.driver.close();
  await host.restart({ nix: { binary: 'nix', extraConfig: NIX_CONFIG, buildTimeoutMs: 1 } });
  t.match(await host.act({ type: 'build', vm }), { ok: false, reason: 'BuildTimedOut', retriable: true });
});

t.test('VMs of others are seen and left alone', async (t) => {
  await using host = await TestHost.create();
  await mkdir(host.path('theirs', 'sub'), { recursive: true });
  const vm = await inlineVm('theirs');
  t.match(await host.act({ type: 'build', vm }), { ok: false, reason: 'NotManaged' });
  t.match(await host.act({ type: 'stop', name: 'theirs', uid: vm.uid, timeoutSeconds: 1 }), {
    ok: false,
    reason: 'NotManaged',
  });
  t.match(await host.act({ type: 'remove', name: 'theirs', uid: vm.uid }), { ok: false, reason: 'NotManaged' });
  t.same(host.observed, [{ name: 'theirs', ready: false }]);
});

t.test('another VM of the same name waits for the first to go', async (t) => {
  await using host = await TestHost.create();
  const vm = await inlineVm('name');
  t.same(await host.act({ type: 'build', vm }), { ok: true });
  const later = { ...vm, uid: 'uid-later' };
  t.match(await host.act({ type: 'build', vm: later }), { ok: false, reason: 'NameTaken', retriable: true });
  t.same(await host.act({ type: 'remove', name: 'name', uid: 'uid-later' }), { ok: true }, 'not here');
  t.equal(host.observed[0]?.managed?.uid, vm.uid);
});

t.test('a new input is built and the runner before it kept; a new generation alone is not', async (t) => {
  await using host = await TestHost.create();
  const vm = await inlineVm('again');
  t.same(await host.act({ type: 'build', vm }), { ok: true });
  const before = host.observed[0]?.currentRunner;
  t.same(await host.act({ type: 'build', vm: { ...vm, generation: 2 } }), { ok: true });
  t.match(host.observed[0], { currentRunner: before, managed: { builtGeneration: 2 } });
  const bigger = { ...vm, generation: 3, spec: { ...vm.spec, memoryMib: 160 } };
  t.same(await host.act({ type: 'build', vm: bigger }), { ok: true });
  t.not(host.observed[0]?.currentRunner, before);
  const { readlink } = await import('node:fs/promises');
  t.equal(await readlink(host.path('again', 'old')), before);
  t.equal(await readlink(join(host.directory, 'gcroots/old-again')), host.path('again', 'old'));
});
