/** A virtual machine: what the user asked for (`spec`), what the cluster decided, what its host observed. */
import { z } from 'zod';
import { decisionSchema } from './decision.ts';
import { DEFAULT_READINESS, haltSchema, healthSchema, type Probe, probeSchema, restartSchema } from './health.ts';
import { moveFailureSchema, movingSchema } from './move.ts';
import { annotationsSchema, attributeSchema, flakeRefSchema, labelsSchema, nameSchema } from './names.ts';
import { placementSchema } from './placement.ts';
import { pastRevisionFields, REVISIONS_MAX, revisionSchema } from './revision.ts';
import { allocatedAddressSchema, networkChoiceSchema } from './vm-address.ts';
import { vmNameSchema } from './vm-name.ts';
import { fileSystemSchema, vmVolumeSchema, volumeSizeSchema, volumeUidSchema } from './volume.ts';

/** Hypervisors that microvm.nix has a runner for on Linux. */
export const hypervisorSchema = z.enum([
  'qemu',
  'cloud-hypervisor',
  'firecracker',
  'crosvm',
  'kvmtool',
  'stratovirt',
  'alioth',
]);

/** Hypervisors that microvm.nix has a runner for on Linux. */
export type Hypervisor = z.infer<typeof hypervisorSchema>;

/** A disk that the guest shall have (`microvm.volumes`). Its image is made once, when the VM first comes to a host. */
export const volumeSchema = z.strictObject({
  name: nameSchema,
  sizeMib: volumeSizeSchema,
  /** Where the guest mounts it; without it the guest only sees the disk. */
  mountPoint: z
    .string()
    .regex(/^\/[^\s"'`$\\]*$/, 'a mount point is an absolute path')
    .max(255)
    .optional(),
  fsType: fileSystemSchema.default('ext4'),
  /** Pool of its host that the image is in; the one that every host has when absent. */
  pool: nameSchema.optional(),
  /** Whether it outlives the VM. */
  keep: z.boolean().optional(),
  /** Uid of a volume that belongs to no VM, to be this one; it has size, file system and pool already. */
  from: volumeUidSchema.optional(),
});

/** Most volumes of one VM. */
export const VOLUMES_MAX = 16;

/** A disk that the guest shall have. */
export type Volume = z.infer<typeof volumeSchema>;

const interfaceName = z.string().regex(/^[A-Za-z0-9._-]{1,15}$/, 'an interface name is 1 to 15 of A-Z a-z 0-9 . _ -');

/** The network that an interface is on; left out, n3x gives it no address. */
const onNetwork = networkChoiceSchema.partial().shape;

/** A network interface (`microvm.interfaces`). MAC, tap name and addresses are allocated by the cluster. */
export const interfaceSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('user') }),
  z.strictObject({
    type: z.literal('tap'),
    ...onNetwork,
    /** The host routes its addresses to it, and nothing else is on its segment. Without it the host has a tap and no more. */
    routed: z.literal(true).optional(),
  }),
  z.strictObject({ type: z.literal('bridge'), bridge: interfaceName, ...onNetwork }),
  z.strictObject({
    type: z.literal('macvtap'),
    link: interfaceName,
    ...onNetwork,
    mode: z.enum(['bridge', 'private', 'vepa', 'passthru']).default('bridge'),
  }),
]);

/** A network interface. */
export type Interface = z.infer<typeof interfaceSchema>;

const portSchema = z.int().min(1).max(65_535);

/** A port of the host forwarded to the guest through user networking. Without `hostPort` the cluster allocates one. */
export const forwardSchema = z.strictObject({
  protocol: z.enum(['tcp', 'udp']).default('tcp'),
  hostPort: portSchema.optional(),
  guestPort: portSchema,
});

/** A port of the host forwarded to the guest. */
export type Forward = z.infer<typeof forwardSchema>;

/** A NixOS module for the guest: its text, or an output of another flake. */
export const guestModuleSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('text'), name: z.string().min(1).max(128), text: z.string().min(1).max(65_536) }),
  z.strictObject({ kind: z.literal('flake'), ref: flakeRefSchema, attribute: attributeSchema }),
]);

/** A NixOS module for the guest. */
export type GuestModule = z.infer<typeof guestModuleSchema>;

/** The guest is defined by a flake of the user's: `<ref>#nixosConfigurations.<attribute>`. */
export const flakeSourceSchema = z.strictObject({
  kind: z.literal('flake'),
  ref: flakeRefSchema,
  attribute: attributeSchema,
  /** Addresses that are kept for it; its own configuration has to use them. */
  networks: z.array(networkChoiceSchema).max(8).optional(),
});

/** The guest is described inline and n3x writes its flake. */
export const inlineSourceSchema = z
  .strictObject({
    kind: z.literal('inline'),
    hypervisor: hypervisorSchema.default('qemu'),
    volumes: z.array(volumeSchema).max(VOLUMES_MAX).default([]),
    interfaces: z.array(interfaceSchema).max(8).default([]),
    forwards: z.array(forwardSchema).max(32).default([]),
    modules: z.array(guestModuleSchema).max(16).default([]),
    /** Flake references that override the host's configured ones. */
    nixpkgs: flakeRefSchema.optional(),
    microvm: flakeRefSchema.optional(),
  })
  .superRefine((source, context) => {
    for (const [position, entry] of source.interfaces.entries()) {
      if (entry.type === 'user' || entry.network !== undefined) continue;
      const what = entry.ipv4 ?? entry.ipv6 ?? (entry.type === 'tap' && entry.routed ? 'a routed tap' : undefined);
      if (what === undefined) continue;
      const message = `${what} needs a network: name the one that its address is from`;
      context.addIssue({ code: 'custom', path: ['interfaces', position, 'network'], message });
    }
    const names = source.volumes.map((volume) => volume.name);
    if (new Set(names).size !== names.length) {
      context.addIssue({ code: 'custom', path: ['volumes'], message: 'two volumes have the same name' });
    }
    const taken = source.volumes.flatMap((volume) => volume.from ?? []);
    if (new Set(taken).size !== taken.length) {
      context.addIssue({ code: 'custom', path: ['volumes'], message: 'two volumes are to be the same one' });
    }
    if (source.forwards.length > 0 && !source.interfaces.some((entry) => entry.type === 'user')) {
      context.addIssue({
        code: 'custom',
        path: ['forwards'],
        message: 'forwarded ports need an interface of type user',
      });
    }
    if (source.interfaces.some((entry) => entry.type === 'user') && !['qemu', 'kvmtool'].includes(source.hypervisor)) {
      context.addIssue({
        code: 'custom',
        path: ['interfaces'],
        message: `${source.hypervisor} has no user networking: use tap or macvtap, or the hypervisor qemu`,
      });
    }
    if (source.forwards.length > 0 && source.hypervisor !== 'qemu') {
      context.addIssue({ code: 'custom', path: ['forwards'], message: 'only qemu forwards ports' });
    }
  });

/**
 * What becomes of a VM whose host is lost. `restart`: it is started elsewhere, and so it only ever runs under its
 * host's lease. `stay`: it waits for its host, and runs on whether that is heard from or not.
 */
export const failoverSchema = z.enum(['restart', 'stay']);
/** What becomes of a VM whose host is lost. */
export type Failover = z.infer<typeof failoverSchema>;

/** What the user asked for. Two specs are the same when they are equal after defaults. */
export const vmSpecSchema = z
  .strictObject({
    source: z.discriminatedUnion('kind', [flakeSourceSchema, inlineSourceSchema]),
    /** Number of virtual CPUs. For a flake of the user's: what is reserved until its evaluation says otherwise. */
    vcpu: z.int().min(1).max(1024).default(1),
    /** Memory in MiB; as `vcpu`. */
    memoryMib: z
      .int()
      .min(16)
      .max(64 * 1_048_576)
      .default(512),
    labels: labelsSchema.default({}),
    placement: placementSchema.default({ requireLabels: {} }),
    /** Who goes first, and may displace whom, when there is too little room. 0 when absent; more is more important. */
    priority: z.int().min(-1000).max(1000).optional(),
    /** Whether its disks may be thrown away when it has to make room. Without it: when it has no volumes n3x knows of. */
    disposable: z.boolean().optional(),
    /** What becomes of it once its host is lost; without it see {@link vmFailover}. */
    failover: failoverSchema.optional(),
    /** How long, in seconds beyond the end of its lease, it waits for a lost host before it goes elsewhere. 0 when absent. */
    hostLossGraceSeconds: z.int().min(0).max(86_400).optional(),
    /** How it is known that the guest has booted. */
    readiness: probeSchema.default(DEFAULT_READINESS),
    /** Start-up grace: seconds that a booting guest may take until it is ready and well; later it counts as unhealthy. */
    readyTimeoutSeconds: z.int().min(1).max(3600).default(120),
    /** Whether it is still well; the defaults of its schema when absent. */
    health: healthSchema.optional(),
    /** What is done when its process ends; the defaults of its schema when absent. */
    restart: restartSchema.optional(),
    /** How long, in seconds, a guest may take to shut down before it is stopped hard. */
    stopTimeoutSeconds: z.int().min(1).max(3600).default(60),
  })
  .superRefine((spec, context) => {
    const { source } = spec;
    if (source.kind !== 'inline') return;
    const asked: readonly (readonly [Probe | undefined, readonly string[]])[] = [
      [spec.readiness, ['readiness']],
      [spec.health?.probe, ['health', 'probe']],
    ];
    for (const [probe, path] of asked) {
      if (probe?.type !== 'tcp' && probe?.type !== 'http') continue;
      const { port } = probe;
      if (source.forwards.some((entry) => entry.protocol === 'tcp' && entry.guestPort === port)) continue;
      // A host reaches the address of its guest, but not through a macvtap.
      if (source.interfaces.some((entry) => 'network' in entry && entry.type !== 'macvtap')) continue;
      const message = `guest port ${port} is not forwarded, and it has no address on a tap or bridge that its host could ask`;
      context.addIssue({ code: 'custom', path: [...path, 'port'], message });
    }
  });

/** What the user asked for. */
export type VmSpec = z.infer<typeof vmSpecSchema>;
/** What the user may write: defaults left out. */
export type VmSpecInput = z.input<typeof vmSpecSchema>;

/** Whether the VM shall run. */
export const powerSchema = z.enum(['running', 'stopped']);
/** Whether the VM shall run. */
export type Power = z.infer<typeof powerSchema>;

/**
 * What would collide between VMs, allocated once per VM by `apply`, unique in the whole cluster (and so on
 * every host), kept until the VM is gone.
 */
export const allocationSchema = z.strictObject({
  /** vsock context id, 3 and up. */
  cid: z.int().min(3),
  /** One per interface: locally administered unicast. */
  macs: z.array(z.string()),
  /** Interface names on the host, at most 15 characters, one per interface. */
  interfaceNames: z.array(z.string()),
  /** Host ports, one per forward. */
  hostPorts: z.array(portSchema),
  /** One per interface on a network; absent when there are none. */
  addresses: z.array(allocatedAddressSchema).optional(),
});
/** What would collide between VMs. */
export type Allocation = z.infer<typeof allocationSchema>;

/** VM to host, at the Raft index that decided it. */
export const assignmentSchema = z.strictObject({ hostId: z.int().min(1), epoch: z.int().min(1) });
/** VM to host, at an epoch. */
export type Assignment = z.infer<typeof assignmentSchema>;

/** States that a user can tell apart. */
export const vmPhaseSchema = z.enum([
  /** No host has it yet; the reason says why. */
  'pending',
  /** Its host builds or fetches the runner. */
  'building',
  /** Its process runs, the guest has not been seen ready. */
  'starting',
  /** The guest is ready, and well as far as is known. */
  'running',
  /** It was ready or had its time, and its probe does not succeed; the message has what the probe said. */
  'unhealthy',
  'stopping',
  /** It shall not run, or it ended by itself and its restart policy leaves it at that. */
  'stopped',
  /** It cannot be built or started, or it ended; n3x tries again with back-off until it gives up, the reason says why. */
  'failed',
  /** Its host is not heard from. */
  'lost',
]);
/** States that a user can tell apart. */
export type VmPhase = z.infer<typeof vmPhaseSchema>;

/** What the VM's host last reported, or the cluster concluded. */
export const vmStatusSchema = z.strictObject({
  phase: vmPhaseSchema,
  /** A short stable word for programs, like `NoHostFits`. Empty when there is nothing to explain. */
  reason: z.string().max(64),
  /** One line for people. */
  message: z.string().max(1024),
  /** When this phase began: wall clock of the reporter, ms since 1970. For display only. */
  sinceMs: z.number(),
  /** Generation of the VM that this status speaks of. */
  observedGeneration: z.int(),
  /** Value of `restarts` that the running process has honoured. */
  observedRestarts: z.int(),
  pid: z.int().optional(),
  /** Store path of the runner that is installed for the next boot. */
  currentRunner: z.string().max(512).optional(),
  /** Store path of the runner that the process was started from. */
  bootedRunner: z.string().max(512).optional(),
  /** What the built configuration says it needs, read from its evaluation. */
  evaluated: z
    .strictObject({
      vcpu: z.int(),
      memoryMib: z.int(),
      /** Volumes and directories of its host that it keeps data in. Absent when that was not asked. */
      disks: z.int().min(0).optional(),
    })
    .optional(),
  /** How often it was started again lately because its process had ended. */
  startedAgain: z.int().min(1).optional(),
  /** Set when it is not started any more although it shall run. */
  halt: haltSchema.optional(),
});
/** What the VM's host last reported. */
export type VmStatus = z.infer<typeof vmStatusSchema>;

/** A build that the VM was to run before. */
export const pastRevisionSchema = z.strictObject({ ...pastRevisionFields, spec: vmSpecSchema });
/** A build that the VM was to run before. */
export type PastRevision = z.infer<typeof pastRevisionSchema>;

/** What a VM is in a set. */
export const membershipOfSetSchema = z.strictObject({
  /** Name and uid of the set. */
  set: vmNameSchema,
  uid: z.string(),
  ordinal: z.int().min(0),
  /** Number of the template's revision that its spec was made from. */
  template: z.int().min(1),
  /** Of the restarts that were asked of the set, how many it has had; 0 when absent. */
  restarts: z.int().min(1).optional(),
});

/** A virtual machine. */
export const vmSchema = z.strictObject({
  kind: z.literal('vm'),
  name: vmNameSchema,
  /** Unique over all time: two VMs that had the same name one after the other differ in it. */
  uid: z.string(),
  /** Counts changes of spec and power. */
  generation: z.int(),
  /** Raft index of the last change of anything here. */
  modifiedIndex: z.int(),
  createdAtMs: z.number(),
  spec: vmSpecSchema,
  power: powerSchema,
  /** Generation at which a user last decided about its power; the first when absent. */
  poweredGeneration: z.int().optional(),
  /** Counts requested restarts. */
  restarts: z.int(),
  /** Set by a delete request; the VM goes once its host has removed it. */
  deleting: z.boolean(),
  /** With `deleting`: its host leaves it as it is and only takes the marks of n3x away. */
  releasing: z.literal(true).optional(),
  /** For one that was on its host before: the epoch at which that host takes over what it finds. It builds nothing for it. */
  adoptedAt: z.int().optional(),
  allocation: allocationSchema,
  assignment: assignmentSchema.nullable(),
  /** Its volumes in the order of the spec; absent when n3x makes none for it. */
  volumes: z.array(vmVolumeSchema).max(VOLUMES_MAX).optional(),
  /** The host on which it may have left data that n3x knows nothing of. Only of VMs with a flake of the user's. */
  home: z.strictObject({ hostId: z.int().min(1), host: nameSchema }).optional(),
  /** Set while it is to leave its host, or others prepare for that; gone once it is off that host. */
  moving: movingSchema.optional(),
  /** Why the last move came to nothing; absent when it succeeded. */
  moveFailure: moveFailureSchema.optional(),
  /** Set while it is stopped because it turned out larger than its project's quotas allow; says by what. */
  overQuota: z.string().max(256).optional(),
  /** How it came to its last host, or why it waits; absent when that was decided before decisions were kept. */
  decision: decisionSchema.optional(),
  status: vmStatusSchema,
  /** The build that it is to run; absent while that is the first one. */
  revision: revisionSchema.optional(),
  /** Builds of the past, oldest first; absent when there are none. */
  revisions: z.array(pastRevisionSchema).max(REVISIONS_MAX).optional(),
  /** The set that it belongs to. */
  memberOf: membershipOfSetSchema.optional(),
  /** Absent when there are none. */
  annotations: annotationsSchema.optional(),
});
/** A virtual machine. */
export type Vm = z.infer<typeof vmSchema>;

/**
 * What the VM takes from its host: what its evaluation said, else what was asked for. While it changes from one build to
 * the next the most of what either may need.
 */
export function vmResources(vm: Vm): { vcpu: number; memoryMib: number } {
  const { revision, spec, status } = vm;
  const { evaluated } = status;
  if (revision?.state !== 'pending') return evaluated ?? { vcpu: spec.vcpu, memoryMib: spec.memoryMib };
  const { held } = revision;
  return {
    vcpu: Math.max(spec.vcpu, evaluated?.vcpu ?? 0, held?.vcpu ?? 0),
    memoryMib: Math.max(spec.memoryMib, evaluated?.memoryMib ?? 0, held?.memoryMib ?? 0),
  };
}

/** Generation of the last change that asked for another build. */
export function buildGeneration(vm: Vm): number {
  return vm.revision?.generation ?? 1;
}

/**
 * What becomes of it once its host is lost. Unless the user has said so, a VM stays when it may have data there
 * that it cannot do without, and when nobody but the user chooses its host.
 */
export function vmFailover(spec: VmSpec): Failover {
  if (spec.failover !== undefined) return spec.failover;
  const { host, strategy } = spec.placement;
  return isDisposable({ spec }) && host === undefined && strategy !== 'manual' ? 'restart' : 'stay';
}

/** Its volumes. */
export function vmVolumes(vm: Pick<Vm, 'volumes'>): NonNullable<Vm['volumes']> {
  return vm.volumes ?? NO_VOLUMES;
}

const NO_VOLUMES: NonNullable<Vm['volumes']> = [];

/** Whether it may only run while its host holds a lease. */
export function isFenced(spec: VmSpec): boolean {
  return vmFailover(spec) === 'restart';
}

/** Its priority. */
export function vmPriority(vm: Vm): number {
  return vm.spec.priority ?? 0;
}

/**
 * Whether it may be started where its data is not. What a flake of the user's keeps on disks is known once it was
 * evaluated.
 */
export function mayLoseData(vm: Pick<Vm, 'spec' | 'status'>): boolean {
  return isDisposable(vm) || (vm.spec.disposable === undefined && vm.status.evaluated?.disks === 0);
}

/**
 * Whether it may be moved by making it anew elsewhere. What a flake of the user's keeps on disks is not known here,
 * so that its VM stays where it is unless the user has said otherwise.
 */
export function isDisposable({ spec }: Pick<Vm, 'spec'>): boolean {
  return spec.disposable ?? (spec.source.kind === 'inline' && spec.source.volumes.length === 0);
}

/** Generation of the user's last wish that it should run. A process started for an earlier one has nothing to say about it. */
export function wishGeneration(vm: Pick<Vm, 'poweredGeneration'>): number {
  return vm.poweredGeneration ?? 1;
}

/** Whether it shall run and is not started any more, until a user wishes it again. */
export function isHalted(vm: Vm): boolean {
  const { halt } = vm.status;
  if (halt === undefined || vm.power !== 'running') return false;
  return halt.restarts === vm.restarts && halt.generation >= wishGeneration(vm);
}
