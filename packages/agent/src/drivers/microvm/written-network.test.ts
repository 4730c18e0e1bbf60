import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeFlake } from '@n3x/core/guest/flake-writer';
import { type Allocation, vmSpecSchema } from '@n3x/core/model/vm';
import t, { type Test } from 'tap';
import { exec } from '../exec.ts';
import { NIX_CONFIG, TINY_GUEST } from './test-host.ts';

t.setTimeout(300_000);

/** A stand-in for nixpkgs that asks every module, and gives back what they set. */
const MIRROR = `{
  outputs = _: {
    lib.nixosSystem = { modules, ... }: {
      config = map (
        m: if builtins.isFunction m then m {
          options = { };
          lib = { mkAfter = after: { inherit after; }; mkDefault = default: { inherit default; }; };
          pkgs.iproute2 = "/iproute2";
        } else m
      ) modules;
    };
    nixosModules.microvm = { };
  };
}`;

const spec = vmSpecSchema.parse({
  source: {
    kind: 'inline',
    interfaces: [{ type: 'user' }, { type: 'tap', network: 'lan', routed: true }, { type: 'tap', network: 'lan' }],
  },
});
const allocation: Allocation = {
  cid: 9,
  macs: ['02:00:00:00:00:00', '02:00:00:00:00:01', '02:00:00:00:00:02'],
  interfaceNames: ['n3x9x0', 'n3x9x1', 'n3x9x2'],
  hostPorts: [],
  addresses: [1, 2].map((position) => ({
    ...{ position, network: 'lan', dns: ['9.9.9.9', '2620:fe::fe'] },
    ipv4: { address: `10.0.0.${position}`, prefix: 24, gateway: '10.0.0.254' },
    ipv6: { address: `fd00::${position}`, prefix: 64 },
  })),
};

/** What Nix makes of the flake for a VM with these inputs. */
async function evaluated(t: Test, input: string, apply: string): Promise<unknown> {
  const directory = await mkdtemp(join(tmpdir(), 'n3x-flake-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  await mkdir(join(directory, 'mirror'));
  await writeFile(join(directory, 'mirror/flake.nix'), MIRROR);
  const ref = input === '' ? `path:${join(directory, 'mirror')}` : input;
  const written = writeFlake({
    ...{ name: 'vm', uid: 'u', spec, allocation, system: 'x86_64-linux', nixpkgs: ref, microvm: ref },
  });
  const flake = join(directory, 'vm');
  for (const [file, text] of Object.entries(written.files)) {
    await mkdir(dirname(join(flake, file)), { recursive: true });
    await writeFile(join(flake, file), text);
  }
  const target = `path:${flake}#nixosConfigurations.vm.config`;
  const result = await exec(['nix', 'eval', '--json', '--no-write-lock-file', target, '--apply', apply], {
    timeoutMs: 60_000,
    env: { ...process.env, NIX_CONFIG: `extra-experimental-features = nix-command flakes\n${NIX_CONFIG}` },
  });
  t.equal(result.code, 0, result.stderr);
  return JSON.parse(result.stdout);
}

t.test('the modules set what NixOS and microvm.nix have options for', async (t) => {
  const modules = await evaluated(t, '', 'all: all');
  t.match(modules, [
    {},
    {
      systemd: {
        network: {
          networks: {
            '10-n3x-1': {
              matchConfig: { MACAddress: '02:00:00:00:00:01' },
              address: ['10.0.0.1/32', 'fd00::1/128'],
              routes: [{ Destination: '169.254.0.1/32', Scope: 'link' }, { GatewayOnLink: true }, {}],
              dns: ['9.9.9.9', '2620:fe::fe'],
            },
            '10-n3x-2': { address: ['10.0.0.2/24', 'fd00::2/64'] },
          },
        },
      },
    },
    { networking: { useNetworkd: { default: true } } },
    { microvm: { binScripts: { 'tap-up': { after: /^ip=\/iproute2\/bin\/ip\n\$ip link set dev n3x9x1 up\n/ } } } },
  ]);
});

t.test('the tiny guest routes to its tap after it has made it, and its script is one that a shell reads', async (t) => {
  const tapUp = String(await evaluated(t, TINY_GUEST, 'c: c.microvm.binScripts.tap-up'));
  t.match(tapUp, /^ip=ip\n/);
  const checked = await exec(['sh', '-n', '-c', tapUp], { timeoutMs: 5_000 });
  t.equal(checked.code, 0, checked.stderr);
  t.match(tapUp, /route replace 10\.0\.0\.1\/32 dev n3x9x1\n/);
  t.notMatch(tapUp, /n3x9x2/);
});
