import fc from 'fast-check';
import t from 'tap';
import { type Allocation, hypervisorSchema, type VmSpecInput, vmSpecSchema } from '../model/vm.ts';
import { type FlakeInput, findUnsupported, writeFlake } from './flake-writer.ts';

function flakeInput(spec: VmSpecInput, name = 'web'): FlakeInput {
  const parsed = vmSpecSchema.parse(spec);
  const { source } = parsed;
  const interfaces = source.kind === 'inline' ? source.interfaces : [];
  const forwards = source.kind === 'inline' ? source.forwards : [];
  const allocation: Allocation = {
    cid: 42,
    macs: interfaces.map((_, index) => `02:00:00:00:00:0${index}`),
    interfaceNames: interfaces.map((_, index) => `n3x42x${index}`),
    hostPorts: forwards.map((forward, index) => forward.hostPort ?? 20_000 + index),
  };
  return {
    name,
    uid: 'uid-1',
    spec: parsed,
    allocation,
    system: 'x86_64-linux',
    nixpkgs: 'github:NixOS/nixpkgs/nixos-unstable',
    microvm: 'github:microvm-nix/microvm.nix',
  };
}

t.test('a flake reads like one that a person wrote', async (t) => {
  const { files, unsupported, lockable } = writeFlake(
    flakeInput({
      vcpu: 2,
      memoryMib: 1024,
      source: {
        kind: 'inline',
        interfaces: [{ type: 'user' }, { type: 'macvtap', link: 'eth0' }],
        forwards: [{ guestPort: 80, hostPort: 8080 }],
        volumes: [{ name: 'data', sizeMib: 64, mountPoint: '/data' }],
        modules: [
          { kind: 'text', name: 'my module.nix', text: '{ }' },
          { kind: 'flake', ref: 'github:me/modules', attribute: 'web' },
          { kind: 'flake', ref: 'github:me/modules', attribute: 'lib.modules.db' },
        ],
      },
    }),
  );
  t.same(unsupported, []);
  t.equal(lockable, true);
  t.same(Object.keys(files), ['modules/0-my-module.nix', 'flake.nix']);
  t.equal(
    files['flake.nix'],
    `# Written by n3x for the microVM web. Changes here are lost at its next build.
{
  inputs = {
    nixpkgs = {
      url = "github:NixOS/nixpkgs/nixos-unstable";
    };
    microvm = {
      url = "github:microvm-nix/microvm.nix";
      inputs = {
        nixpkgs = {
          follows = "nixpkgs";
        };
      };
    };
    module1 = {
      url = "github:me/modules";
    };
    module2 = {
      url = "github:me/modules";
    };
  };

  outputs = inputs: {
    nixosConfigurations.web = inputs.nixpkgs.lib.nixosSystem {
      system = "x86_64-linux";
      modules = [
        inputs.microvm.nixosModules.microvm
        {
          networking = {
            hostName = "web";
          };
          microvm = {
            hypervisor = "qemu";
            vcpu = 2;
            mem = 1024;
            interfaces = [
              {
                type = "user";
                id = "n3x42x0";
                mac = "02:00:00:00:00:00";
              }
              {
                type = "macvtap";
                id = "n3x42x1";
                mac = "02:00:00:00:00:01";
                macvtap = {
                  link = "eth0";
                  mode = "bridge";
                };
              }
            ];
            forwardPorts = [
              {
                from = "host";
                proto = "tcp";
                host = {
                  port = 8080;
                };
                guest = {
                  port = 80;
                };
              }
            ];
            volumes = [
              {
                image = "data.img";
                size = 64;
                autoCreate = false;
                mountPoint = "/data";
                fsType = "ext4";
                label = "data";
                serial = "data";
              }
            ];
            vsock = {
              cid = 42;
            };
            kernelParams = [
              "n3x.name=web"
              "n3x.uid=uid-1"
            ];
          };
        }
        ({ options, ... }: {
          config =
            if options ? networking && options.networking ? firewall then
              {
                networking = {
                  firewall = {
                    allowedTCPPorts = [
                      80
                    ];
                    allowedUDPPorts = [ ];
                  };
                };
              }
            else
              { };
        })
        ./modules/0-my-module.nix
        inputs.module1.nixosModules.web
        inputs.module2.lib.modules.db
      ];
    };
  };
}
`,
  );
});

t.test('directories of this host are not locked', async (t) => {
  const input = flakeInput({ source: { kind: 'inline' } });
  t.equal(writeFlake({ ...input, microvm: 'path:/srv/microvm' }).lockable, false);
  t.equal(writeFlake({ ...input, nixpkgs: '/srv/nixpkgs' }).lockable, false);
});

t.test('what a hypervisor cannot do is named', async (t) => {
  const problems = (source: object) => findUnsupported(vmSpecSchema.parse({ source: { kind: 'inline', ...source } }));
  t.same(problems({ hypervisor: 'firecracker', interfaces: [{ type: 'bridge', bridge: 'br0' }, { type: 'tap' }] }), [
    'firecracker has no interfaces of type bridge: it has tap',
  ]);
  t.same(problems({ interfaces: [{ type: 'user' }, { type: 'user' }], forwards: [{ guestPort: 1 }] }), [
    'with forwarded ports there can be only one interface of type user',
  ]);
  t.same(
    problems({
      volumes: [
        { name: 'a', sizeMib: 1, mountPoint: '/x' },
        { name: 'b', sizeMib: 1, mountPoint: '/x' },
      ],
    }),
    ['two volumes are mounted at /x'],
  );
});

t.test('names of modules become file names, whatever they are', async () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 128 }),
      fc.string({ minLength: 1 }),
      (name, text) => {
        const { files } = writeFlake(
          flakeInput({ source: { kind: 'inline', modules: [{ kind: 'text', name, text }] } }),
        );
        const [file] = Object.keys(files);
        return file !== undefined && /^modules\/0-[A-Za-z0-9_-]*\.nix$/.test(file) && files[file] === text;
      },
    ),
  );
});

t.test(
  'a file system is mounted by the label that it bears, and by its place where another has the same',
  async (t) => {
    const source = (...names: string[]) => ({
      source: { kind: 'inline' as const, volumes: names.map((name) => ({ name, sizeMib: 1, mountPoint: `/${name}` })) },
    });
    const labels = (names: string[], volumes: { name: string; madeAs?: string }[]): string[] => {
      const text = writeFlake({ ...flakeInput(source(...names)), volumes }).files['flake.nix'] ?? '';
      return [
        ...text.matchAll(/image = "(\w+)\.img"[^}]*?mountPoint[^}]*?fsType = "ext4";(?:\s+label = "(\w+)")?/g),
      ].map(([, name, label]) => `${name}=${label ?? ''}`);
    };
    t.same(labels(['data', 'log'], []), ['data=data', 'log=log']);
    t.same(labels(['old', 'log'], [{ name: 'old', madeAs: 'data' }, { name: 'log' }]), ['old=data', 'log=log']);
    t.same(labels(['old', 'data'], [{ name: 'old', madeAs: 'data' }, { name: 'data' }]), ['old=', 'data=']);
  },
);

t.test('no hypervisor is handed what it has not', async (t) => {
  for (const hypervisor of hypervisorSchema.options) {
    const { files } = writeFlake(
      flakeInput({ source: { kind: 'inline', hypervisor, volumes: [{ name: 'data', sizeMib: 1, fsType: 'vfat' }] } }),
    );
    const text = files['flake.nix'] ?? '';
    t.equal(text.includes('vsock'), hypervisor !== 'stratovirt', `${hypervisor}: vsock`);
    t.equal(
      text.includes('serial ='),
      !['firecracker', 'kvmtool', 'alioth'].includes(hypervisor),
      `${hypervisor}: serial`,
    );
    t.match(text, /mountPoint = null;/);
    t.notMatch(text, /label =/);
  }
});
