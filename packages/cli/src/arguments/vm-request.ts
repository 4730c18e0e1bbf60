/** The flags of `vm create` put together into the request they mean. */
import type { VmCreateRequest, VmView } from '@n3x/core/api/schemas';
import { FAILOVER_MODES, HYPERVISORS, parseChoice } from './choices.ts';
import { parseSeconds } from './duration.ts';
import { absoluteFlake, type PathBase, parseFlake } from './flake-reference.ts';
import { parseModule } from './guest-module.ts';
import { careFlag, type HealthFlags, parseCare } from './health.ts';
import { parseLabels } from './labels.ts';
import { parseForward, parseInterface, parseNetworkChoice } from './network.ts';
import { parseWholeNumber } from './number.ts';
import { type PlacementFlags, parsePlacement, parsePriority, placementFlag } from './placement.ts';
import { nameInProject } from './project-name.ts';
import { UsageError } from './usage-error.ts';
import { type AskedVolume, parseSize, parseVolume, type VolumeInput } from './volume.ts';

/** Flags of `vm create` that say what is asked for, as written. */
export interface VmCreateFlags extends PlacementFlags, HealthFlags {
  readonly flake?: string;
  readonly vcpu?: string;
  readonly memory?: string;
  readonly hypervisor?: string;
  readonly volume?: readonly string[];
  readonly net?: readonly string[];
  readonly forward?: readonly string[];
  readonly network?: readonly string[];
  readonly module?: readonly string[];
  readonly nixpkgs?: string;
  readonly microvm?: string;
  readonly label?: readonly string[];
  readonly priority?: string;
  readonly disposable?: true;
  readonly failover?: string;
  readonly hostLossGrace?: string;
  readonly start: boolean;
}

type Source = VmCreateRequest['spec']['source'];
type InlineSource = Extract<Source, { kind: 'inline' }>;
type SpecInput = VmCreateRequest['spec'];

/** Flags that describe a guest inline, by the name of their value. */
export const INLINE_FLAGS = ['hypervisor', 'volume', 'net', 'forward', 'module', 'nixpkgs', 'microvm'] as const;

/** What is known of a volume that a new one is made from. */
export type KnownVolume = Required<Pick<VolumeInput, 'sizeMib' | 'fsType'>> & { readonly uid: string };
/** Finds a volume by what a user calls it. */
export type FindVolume = (ref: string) => Promise<KnownVolume>;
type KnownVolumes = ReadonlyMap<string, KnownVolume>;

/** A volume as the API takes it; one that is made from another has that one's size and file system. */
function volumeInput(asked: AskedVolume, found: KnownVolumes): VolumeInput {
  const { from, sizeMib } = asked;
  const known = from === undefined ? undefined : found.get(from);
  if (from !== undefined && known === undefined) {
    throw new UsageError(`--volume: from=${from} is for a VM that is made, not for one that is changed, nor for sets`);
  }
  const size = sizeMib ?? known?.sizeMib;
  if (size === undefined) throw new UsageError(`--volume: ${asked.name} needs a size`);
  if (known === undefined) return { ...asked, sizeMib: size };
  return { ...asked, sizeMib: size, fsType: asked.fsType ?? known.fsType, from: known.uid };
}

/** The volumes that others are to be made from, by what the flags call them. */
async function findVolumes(flags: VmCreateFlags, find: FindVolume | undefined): Promise<KnownVolumes> {
  const found = new Map<string, KnownVolume>();
  for (const { from } of flags.volume?.map((text) => parseVolume(text)) ?? []) {
    if (from !== undefined && find !== undefined) found.set(from, await find(from));
  }
  return found;
}

/** The guest that the flags describe. Throws `UsageError`. */
export function inlineSource(
  flags: Omit<VmCreateFlags, 'start'>,
  base: PathBase,
  found: KnownVolumes = new Map(),
): InlineSource {
  const interfaces = flags.net?.map(parseInterface);
  const forwards = flags.forward?.map(parseForward);
  const volumes = flags.volume?.map((text) => volumeInput(parseVolume(text), found));
  const reference = (flag: string, ref: string) => {
    if (ref.includes('#')) throw new UsageError(`${flag}: "${ref}" names an attribute; give the flake alone`);
    return absoluteFlake(flag, ref, base);
  };
  return {
    kind: 'inline',
    ...(flags.hypervisor === undefined
      ? {}
      : { hypervisor: parseChoice('--hypervisor', flags.hypervisor, HYPERVISORS) }),
    ...(volumes === undefined ? {} : { volumes }),
    // Ports are forwarded through user networking only, so to ask for one is to ask for the other.
    ...(interfaces === undefined
      ? forwards === undefined
        ? {}
        : { interfaces: [{ type: 'user' as const }] }
      : { interfaces }),
    ...(forwards === undefined ? {} : { forwards }),
    ...(flags.module === undefined ? {} : { modules: flags.module.map((module) => parseModule(module, base)) }),
    ...(flags.nixpkgs === undefined ? {} : { nixpkgs: reference('--nixpkgs', flags.nixpkgs) }),
    ...(flags.microvm === undefined ? {} : { microvm: reference('--microvm', flags.microvm) }),
  };
}

/** The flake that the flags name. Throws `UsageError`. */
export function flakeSource(
  name: string,
  flake: string,
  networks: readonly string[] | undefined,
  base: PathBase,
): Source {
  const { ref, attribute } = parseFlake('--flake', flake, base);
  // Users copy attribute paths from elsewhere; the output's name is implied here.
  return {
    ...{ kind: 'flake', ref, attribute: attribute?.replace(/^nixosConfigurations\./, '') ?? nameInProject(name) },
    ...(networks === undefined ? {} : { networks: networks.map(parseNetworkChoice) }),
  };
}

/** Which flag a refused field of the request came from. */
function flagOf(path: readonly PropertyKey[]): string {
  const [first, second, third] = path.map(String);
  if (first === 'name') return 'name';
  if (first !== 'spec' || second === undefined) return path.join('.');
  if (second === 'source') {
    const flags: Readonly<Record<string, string>> = {
      ref: '--flake',
      attribute: '--flake',
      volumes: '--volume',
      interfaces: '--net',
      networks: '--network',
      forwards: '--forward',
      modules: '--module',
    };
    return flags[third ?? ''] ?? `--${third ?? 'flake'}`;
  }
  const flags: Readonly<Record<string, string>> = {
    memoryMib: '--memory, in MiB',
    hostLossGraceSeconds: '--host-loss-grace',
    labels: '--label',
    readiness: '--ready',
    readyTimeoutSeconds: '--ready-timeout',
    stopTimeoutSeconds: '--stop-timeout',
  };
  if (second === 'health' || second === 'restart') return careFlag(second, third);
  if (second === 'placement') return placementFlag(third ?? 'require');
  return flags[second] ?? `--${second}`;
}

/** What the flags say beside the guest and its place. Throws `UsageError`. */
export function otherFields(flags: Omit<VmCreateFlags, 'start'>): Omit<SpecInput, 'source' | 'placement'> {
  return {
    ...(flags.vcpu === undefined ? {} : { vcpu: parseWholeNumber('--vcpu', flags.vcpu, 1, 1024) }),
    ...(flags.memory === undefined ? {} : { memoryMib: parseSize('--memory', flags.memory) }),
    ...(flags.label === undefined ? {} : { labels: parseLabels('--label', flags.label) }),
    ...(flags.priority === undefined ? {} : { priority: parsePriority(flags.priority) }),
    ...(flags.disposable === undefined ? {} : { disposable: true }),
    ...(flags.failover === undefined ? {} : { failover: parseChoice('--failover', flags.failover, FAILOVER_MODES) }),
    ...(flags.hostLossGrace === undefined
      ? {}
      : { hostLossGraceSeconds: parseSeconds('--host-loss-grace', flags.hostLossGrace) }),
    ...parseCare(flags),
  };
}

/** A spec checked as the API will check it, with its defaults. Throws `UsageError` that names the flag or field. */
export async function checkedSpec(spec: unknown): Promise<VmView['spec']> {
  const [{ vmSpecSchema }, { describeIssues }] = await Promise.all([
    import('@n3x/core/model/vm'),
    import('@n3x/core/model/issues'),
  ]);
  const checked = vmSpecSchema.safeParse(spec);
  if (checked.success) return checked.data;
  const [issue] = describeIssues(checked.error, vmSpecSchema, spec);
  throw new UsageError(`${flagOf(['spec', ...(issue?.steps ?? [])])}: ${issue?.message ?? 'invalid'}`);
}

/**
 * Makes the request for a VM and checks it against the API's own schema, so that wrong input is answered before
 * anything is sent. Throws `UsageError` that names the flag.
 */
export async function vmRequest(
  name: string,
  flags: VmCreateFlags,
  base: PathBase,
  findVolume?: FindVolume,
): Promise<VmCreateRequest> {
  const inline = INLINE_FLAGS.filter((flag) => flags[flag] !== undefined);
  if (flags.flake !== undefined && inline.length > 0) {
    throw new UsageError(`--flake defines the whole guest and cannot go with --${inline.join(', --')}`);
  }
  if (flags.flake === undefined && inline.length === 0 && flags.vcpu === undefined && flags.memory === undefined) {
    throw new UsageError(
      'vm create needs a guest: give --flake, or describe one with --vcpu, --memory, --module and others',
      `for example: n3xctl vm create ${name} --flake .#${nameInProject(name)}`,
    );
  }
  if (flags.flake === undefined && flags.network !== undefined) {
    throw new UsageError('--network is for a guest with --flake: say --net tap,network=NAME for one described here');
  }
  const placement = parsePlacement(flags);
  const request: VmCreateRequest = {
    name,
    spec: {
      source:
        flags.flake === undefined
          ? inlineSource(flags, base, await findVolumes(flags, findVolume))
          : flakeSource(name, flags.flake, flags.network, base),
      ...(placement === undefined ? {} : { placement }),
      ...otherFields(flags),
    },
    power: flags.start ? 'running' : 'stopped',
  };
  const [{ vmCreateRequestSchema }, { describeIssues }] = await Promise.all([
    import('@n3x/core/api/schemas'),
    import('@n3x/core/model/issues'),
  ]);
  const checked = vmCreateRequestSchema.safeParse(request);
  if (!checked.success) {
    const [issue] = describeIssues(checked.error, vmCreateRequestSchema, request);
    throw new UsageError(`${flagOf(issue?.steps ?? [])}: ${issue?.message ?? 'invalid'}`);
  }
  return request;
}
