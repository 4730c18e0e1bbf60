import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeFlake } from '@n3x/core/guest/flake-writer';
import { microvmOptionsSchema } from '@n3x/core/guest/test-microvm-options';
import { type Allocation, hypervisorSchema, type VmSpecInput, vmSpecSchema } from '@n3x/core/model/vm';
import t from 'tap';
import { exec } from '../exec.ts';
import { NIX_CONFIG, TINY_GUEST } from './test-host.ts';

t.setTimeout(300_000);

/** A stand-in for nixpkgs that gives back what the flake sets, as it sets it. */
const MIRROR = `{
  outputs = _: {
    lib.nixosSystem = { system, modules }: { inherit system; config = builtins.elemAt modules 1; };
    nixosModules.microvm = { };
  };
}`;

const SPECS: readonly VmSpecInput[] = [
  ...hypervisorSchema.options.map(
    (hypervisor): VmSpecInput => ({
      source: { kind: 'inline', hypervisor, interfaces: [{ type: 'tap' }], volumes: [{ name: 'v', sizeMib: 1 }] },
    }),
  ),
  {
    vcpu: 3,
    memoryMib: 700,
    source: {
      kind: 'inline',
      interfaces: [
        { type: 'user' },
        { type: 'tap' },
        { type: 'bridge', bridge: 'br-lan.1' },
        ...(['bridge', 'private', 'vepa', 'passthru'] as const).map((mode) => ({
          type: 'macvtap' as const,
          link: 'eth0',
          mode,
        })),
      ],
      forwards: [
        { protocol: 'tcp', guestPort: 1 },
        { protocol: 'udp', guestPort: 65_535, hostPort: 53 },
      ],
      volumes: [
        { name: 'plain', sizeMib: 1 },
        { name: 'a-name-that-is-longer-than-any-label', sizeMib: 64, mountPoint: '/a{b}:;/é', fsType: 'xfs' },
        ...(['ext2', 'ext3', 'ext4', 'btrfs', 'vfat'] as const).map((fsType) => ({
          name: fsType,
          sizeMib: 2,
          mountPoint: `/mnt/${fsType}`,
          fsType,
        })),
      ],
      modules: [{ kind: 'text', name: `$${'{builtins.abort "x"}'}/../../y`, text: '{ }' }],
    },
  },
];

t.test('every field is of the type that microvm.nix declares, and arrives as it was given', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-flake-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  await mkdir(join(directory, 'mirror'));
  await writeFile(join(directory, 'mirror/flake.nix'), MIRROR);
  for (const [index, input] of SPECS.entries()) {
    const spec = vmSpecSchema.parse(input);
    const { source } = spec;
    if (source.kind !== 'inline') throw new Error('all are inline');
    const allocation: Allocation = {
      cid: 9,
      macs: source.interfaces.map((_, at) => `02:00:00:00:00:0${at}`),
      interfaceNames: source.interfaces.map((_, at) => `n3x${at}`),
      hostPorts: source.forwards.map((forward, at) => forward.hostPort ?? 20_000 + at),
    };
    const mirror = `path:${join(directory, 'mirror')}`;
    const written = writeFlake({
      name: 'vm-1',
      uid: 'u',
      spec,
      allocation,
      system: 'aarch64-linux',
      nixpkgs: mirror,
      microvm: mirror,
    });
    t.same(written.unsupported, []);
    const flake = join(directory, `${index}`);
    for (const [file, text] of Object.entries(written.files)) {
      await mkdir(dirname(join(flake, file)), { recursive: true });
      await writeFile(join(flake, file), text);
    }
    const result = await exec(
      ['nix', 'eval', '--json', '--no-write-lock-file', `path:${flake}#nixosConfigurations.vm-1.config`],
      {
        timeoutMs: 30_000,
        env: { ...process.env, NIX_CONFIG: `extra-experimental-features = nix-command flakes\n${NIX_CONFIG}` },
      },
    );
    t.equal(result.code, 0, result.stderr);
    const { networking, microvm } = JSON.parse(result.stdout);
    t.same(networking, { hostName: 'vm-1' });
    const options = microvmOptionsSchema.parse(microvm);
    t.equal(options.hypervisor, source.hypervisor);
    t.equal(options.vcpu, spec.vcpu);
    t.equal(options.mem, spec.memoryMib);
    t.same(
      options.interfaces.map((entry) => entry.type),
      source.interfaces.map((entry) => entry.type),
    );
    t.same(
      options.volumes.map((volume) => volume.mountPoint),
      source.volumes.map((volume) => volume.mountPoint ?? null),
    );
    t.same(
      options.forwardPorts.map((entry) => [entry.proto, entry.host.port, entry.guest.port]),
      source.forwards.map((entry, at) => [entry.protocol, allocation.hostPorts[at], entry.guestPort]),
    );
  }
});

t.test('the tiny guest, in their place, takes every option that is written', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-flake-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const spec = vmSpecSchema.parse(SPECS.at(-1));
  const { source } = spec;
  if (source.kind !== 'inline') throw new Error('it is inline');
  const allocation: Allocation = {
    cid: 9,
    macs: source.interfaces.map((_, at) => `02:00:00:00:00:0${at}`),
    interfaceNames: source.interfaces.map((_, at) => `n3x${at}`),
    hostPorts: [1000, 53],
  };
  for (const system of ['x86_64-linux', 'aarch64-linux'] as const) {
    const written = writeFlake({
      name: 'vm',
      uid: 'u',
      spec,
      allocation,
      system,
      nixpkgs: TINY_GUEST,
      microvm: TINY_GUEST,
    });
    for (const [file, text] of Object.entries(written.files)) {
      await mkdir(dirname(join(directory, file)), { recursive: true });
      await writeFile(join(directory, file), text);
    }
    const result = await exec(
      [
        'nix',
        'eval',
        '--json',
        '--no-write-lock-file',
        `path:${directory}#nixosConfigurations.vm.config.microvm`,
        '--apply',
        'm: { inherit (m) vcpu mem interfaces volumes forwardPorts vsock kernelParams; }',
      ],
      {
        timeoutMs: 30_000,
        env: { ...process.env, NIX_CONFIG: `extra-experimental-features = nix-command flakes\n${NIX_CONFIG}` },
      },
    );
    t.equal(result.code, 0, result.stderr);
    t.match(JSON.parse(result.stdout), {
      vcpu: 3,
      mem: 700,
      vsock: { cid: 9 },
      kernelParams: ['n3x.name=vm', 'n3x.uid=u'],
    });
  }
});
