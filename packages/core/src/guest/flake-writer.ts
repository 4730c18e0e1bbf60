/**
 * Writes the flake of a VM that is described inline: it imports nixpkgs and microvm.nix and sets microvm.nix's options
 * (nixos-modules/microvm/options.nix) from the VM's spec and allocation. Pure: text in, text out.
 *
 * Ports that are forwarded to the guest are opened in its firewall: NixOS has one by default, and a forwarded port
 * that nothing reaches is what nobody asked for.
 */
import { assert } from '../base/assert.ts';
import type { NixSystem } from '../model/names.ts';
import type { Allocation, Forward, GuestModule, VmSpec, Volume } from '../model/vm.ts';
import { localName } from '../model/vm-name.ts';
import { type AttachedVolume, fileSystemLabel } from '../model/volume.ts';
import { HYPERVISOR_SUPPORT } from './hypervisor-support.ts';
import { guestNetwork } from './network.ts';
import { expression, type NixExpression, type NixValue, nixBindings, nixName, nixValue } from './nix-text.ts';

/** What a flake is written from. */
export interface FlakeInput {
  readonly name: string;
  readonly uid: string;
  readonly spec: VmSpec;
  readonly allocation: Allocation;
  /** Its volumes as far as they are known: one that had another name before bears that as its label. */
  readonly volumes?: readonly Pick<AttachedVolume, 'name' | 'madeAs'>[];
  /** System of the host that will run it. */
  readonly system: NixSystem;
  /** References of the flakes, where the spec names none. */
  readonly nixpkgs: string;
  readonly microvm: string;
}

/** A flake as files. */
export interface WrittenFlake {
  /** Text by path below the flake's directory; `flake.nix` is one of them. */
  readonly files: Readonly<Record<string, string>>;
  /** What the hypervisor or microvm.nix cannot do, one line each. With any of these the flake would not work. */
  readonly unsupported: readonly string[];
  /** Whether its inputs can be locked: not when one is a directory of this host, whose content may change. */
  readonly lockable: boolean;
}

/** Serial numbers of virtio disks have at most 20 bytes (virtio 1.2, section 5.2.4). */
const SERIAL_BYTES = 20;

/** The flake of a VM with an inline source; it exports `nixosConfigurations.<name>`. */
export function writeFlake(input: FlakeInput): WrittenFlake {
  const { source } = input.spec;
  assert(source.kind === 'inline', 'a flake is written for an inline source only');
  const nixpkgs = source.nixpkgs ?? input.nixpkgs;
  const microvm = source.microvm ?? input.microvm;
  const files: Record<string, string> = {};
  const inputs: Record<string, NixValue> = {
    nixpkgs: { url: nixpkgs },
    microvm: { url: microvm, inputs: { nixpkgs: { follows: 'nixpkgs' } } },
  };
  const modules: NixExpression[] = [];
  for (const [index, module] of source.modules.entries()) {
    modules.push(module.kind === 'text' ? textModule(index, module, files) : flakeModule(index, module, inputs));
  }
  if (source.forwards.length > 0) modules.unshift(openPorts(source.forwards));
  const network = guestNetwork(input.spec, input.allocation);
  modules.unshift(...network.modules);
  const networking = { hostName: localName(input.name) };
  const configuration = { networking, microvm: microvmOptions(input), ...network.options };
  files['flake.nix'] = flakeText(input, inputs, configuration, modules);
  const refs = [nixpkgs, microvm, ...source.modules.flatMap((module) => (module.kind === 'flake' ? [module.ref] : []))];
  return { files, unsupported: findUnsupported(input.spec), lockable: !refs.some(isLocal) };
}

/** What of a spec its hypervisor or microvm.nix cannot do; empty when all is well. Always empty for a flake source. */
export function findUnsupported(spec: VmSpec): string[] {
  const { source } = spec;
  if (source.kind !== 'inline') return [];
  const { hypervisor, interfaces, forwards, volumes } = source;
  const known = HYPERVISOR_SUPPORT[hypervisor].interfaces;
  const problems = [...new Set(interfaces.map((entry) => entry.type))]
    .filter((type) => !known.includes(type))
    .map((type) => `${hypervisor} has no interfaces of type ${type}: it has ${known.join(', ')}`);
  if (forwards.length > 0 && interfaces.filter((entry) => entry.type === 'user').length > 1) {
    // The runner gives every forwarding to each of them, and the second fails to bind.
    problems.push('with forwarded ports there can be only one interface of type user');
  }
  const mountPoints = volumes.flatMap((volume) => volume.mountPoint ?? []);
  for (const path of new Set(mountPoints.filter((path, index) => mountPoints.indexOf(path) !== index))) {
    problems.push(`two volumes are mounted at ${path}`);
  }
  return problems;
}

function microvmOptions({ name, uid, spec, allocation, volumes = [] }: FlakeInput): {
  readonly [option: string]: NixValue | undefined;
} {
  const { source } = spec;
  assert(source.kind === 'inline', 'options come from an inline source');
  const { hypervisor } = source;
  const support = HYPERVISOR_SUPPORT[hypervisor];
  const labels = volumeLabels(source.volumes, volumes);
  return {
    hypervisor,
    vcpu: spec.vcpu,
    mem: spec.memoryMib,
    interfaces: source.interfaces.map((entry, index) => ({
      type: entry.type,
      id: allocated(allocation.interfaceNames, index),
      mac: allocated(allocation.macs, index),
      bridge: entry.type === 'bridge' ? entry.bridge : undefined,
      macvtap: entry.type === 'macvtap' ? { link: entry.link, mode: entry.mode } : undefined,
    })),
    forwardPorts: source.forwards.map((entry, index) => ({
      from: 'host',
      proto: entry.protocol,
      host: { port: allocated(allocation.hostPorts, index) },
      guest: { port: entry.guestPort },
    })),
    volumes: source.volumes.map((volume, at) => volumeOptions(volume, labels[at], support.volumeSerial)),
    vsock: support.vsock ? { cid: allocation.cid } : undefined,
    kernelParams: [`n3x.name=${name}`, ...(/^[\w.:-]+$/.test(uid) ? [`n3x.uid=${uid}`] : [])],
  };
}

/**
 * The label that each file system bears and none other of this guest does. One without is found by its place among the
 * disks, which is that in the list.
 */
function volumeLabels(asked: readonly Volume[], known: NonNullable<FlakeInput['volumes']>): (string | undefined)[] {
  const labels = asked.map(({ name, fsType }) => {
    const madeAs = known.find((one) => one.name === name)?.madeAs;
    return fileSystemLabel(madeAs ?? name, fsType);
  });
  return labels.map((label) => (labels.indexOf(label) === labels.lastIndexOf(label) ? label : undefined));
}

function volumeOptions(volume: Volume, label: string | undefined, serial: boolean): NixValue {
  const { name, sizeMib, fsType } = volume;
  return {
    image: `${name}.img`,
    size: sizeMib,
    // n3x makes it, once, and looks for it before each start. A runner would make an empty one where it is missing.
    autoCreate: false,
    // microvm.nix declares no default for it.
    mountPoint: volume.mountPoint ?? null,
    fsType,
    // By label a file system is found also when the order of the disks changes.
    label,
    serial: serial && name.length <= SERIAL_BYTES ? name : undefined,
  };
}

function flakeText(
  input: FlakeInput,
  inputs: Readonly<Record<string, NixValue>>,
  configuration: { readonly [name: string]: NixValue | undefined },
  modules: readonly NixExpression[],
): string {
  const list = [
    'inputs.microvm.nixosModules.microvm',
    nixValue(configuration, '        '),
    ...modules.map((m) => m.nix),
  ];
  return `# Written by n3x for the microVM ${input.name}. Changes here are lost at its next build.
{
  inputs = {
${nixBindings(inputs, '    ')}  };

  outputs = inputs: {
    nixosConfigurations.${nixName(input.name)} = inputs.nixpkgs.lib.nixosSystem {
      system = ${nixValue(input.system)};
      modules = [
${list.map((item) => `        ${item}\n`).join('')}      ];
    };
${aliasText(input.name)}  };
}
`;
}

/** The `microvm` command reads the dot of a qualified name as the step into a set, and finds the guest there too. */
function aliasText(name: string): string {
  if (!name.includes('.')) return '';
  const path = name.split('.').map(nixName).join('.');
  return `    nixosConfigurations.${path} = inputs.self.nixosConfigurations.${nixName(name)};\n`;
}

/**
 * Opens the forwarded ports. Whether there is a firewall is asked inside `config`, which is evaluated after all
 * options are known; asked around it, the module system would have to know them before it could learn them.
 */
function openPorts(forwards: readonly Forward[]): NixExpression {
  const portsOf = (protocol: Forward['protocol']): number[] => [
    ...new Set(forwards.filter((entry) => entry.protocol === protocol).map((entry) => entry.guestPort)),
  ];
  const firewall = { allowedTCPPorts: portsOf('tcp'), allowedUDPPorts: portsOf('udp') };
  const opened = nixValue({ networking: { firewall } }, '              ');
  return expression(`({ options, ... }: {
          config =
            if options ? networking && options.networking ? firewall then
              ${opened}
            else
              { };
        })`);
}

/** Writes a module into a file of its own, whose name tells which one it is. */
function textModule(
  index: number,
  module: GuestModule & { kind: 'text' },
  files: Record<string, string>,
): NixExpression {
  const base = module.name.replace(/\.nix$/, '').replace(/[^A-Za-z0-9_-]+/g, '-');
  const file = `modules/${index}-${base.slice(0, 48)}.nix`;
  files[file] = module.text;
  return expression(`./${file}`);
}

/** `name` is `nixosModules.name` of the flake; a name with dots is the path of any of its outputs. */
function flakeModule(
  index: number,
  module: GuestModule & { kind: 'flake' },
  inputs: Record<string, NixValue>,
): NixExpression {
  const input = `module${index}`;
  inputs[input] = { url: module.ref };
  const path = module.attribute.includes('.') ? module.attribute.split('.') : ['nixosModules', module.attribute];
  return expression(`inputs.${[input, ...path].map(nixName).join('.')}`);
}

function allocated<T>(values: readonly T[], index: number): T {
  const value = values[index];
  assert(value !== undefined, `the allocation has an entry for number ${index}`);
  return value;
}

/** A flake in a directory of this host. */
function isLocal(ref: string): boolean {
  return /^(?:\/|\.|~|path:|git\+file:)/.test(ref);
}
