/**
 * For tests: the options of microvm.nix that n3x sets, with their types, written down from its
 * nixos-modules/microvm/options.nix (commit 0299f2d), and what its asserts.nix (157c287) demands of them.
 */
import { z } from 'zod';

const port = z.int().min(0).max(65_535);
/** `types.path`: a string that begins with a slash. */
const path = z.string().regex(/^\//);

/** `options.microvm`, strict: an option that is not here does not exist, one without a default must be given. */
export const microvmOptionsSchema = z
  .strictObject({
    hypervisor: z.enum([
      'qemu',
      'cloud-hypervisor',
      'firecracker',
      'crosvm',
      'kvmtool',
      'stratovirt',
      'alioth',
      'vfkit',
    ]),
    vcpu: z.int().positive(),
    mem: z.int().positive(),
    interfaces: z.array(
      z.strictObject({
        type: z.enum(['user', 'tap', 'macvtap', 'bridge']),
        id: z.string(),
        mac: z.string(),
        bridge: z.string().nullable().default(null),
        macvtap: z
          .strictObject({ link: z.string(), mode: z.enum(['private', 'vepa', 'bridge', 'passthru', 'source']) })
          .optional(),
      }),
    ),
    forwardPorts: z.array(
      z.strictObject({
        from: z.enum(['host', 'guest']).default('host'),
        proto: z.enum(['tcp', 'udp']).default('tcp'),
        host: z.strictObject({ address: z.string().default(''), port }),
        guest: z.strictObject({ address: z.string().default(''), port }),
      }),
    ),
    volumes: z.array(
      z.strictObject({
        image: z.string(),
        serial: z.string().nullable().default(null),
        label: z.string().nullable().default(null),
        // No default: it must be given, as null where the volume is not mounted.
        mountPoint: path.nullable(),
        size: z.int(),
        autoCreate: z.boolean().default(true),
        fsType: z.string().default('ext4'),
      }),
    ),
    vsock: z.strictObject({ cid: z.int().nullable() }).optional(),
    kernelParams: z.array(z.string()),
  })
  .superRefine((options, context) => {
    const fail = (message: string) => context.addIssue({ code: 'custom', message });
    const unique = (values: readonly string[], what: string) => {
      if (new Set(values).size !== values.length) fail(`${what} used twice`);
    };
    unique(
      options.volumes.map((volume) => volume.image),
      'volume image',
    );
    unique(
      options.interfaces.map((entry) => entry.id),
      'interface id',
    );
    for (const entry of options.interfaces) {
      if ((entry.type === 'bridge') !== (entry.bridge !== null)) fail(`bridge of ${entry.id}`);
      // lib/runner.nix reads these of a macvtap interface, and they have no default.
      if ((entry.type === 'macvtap') !== (entry.macvtap !== undefined)) fail(`macvtap of ${entry.id}`);
      if (entry.id.length > 15) fail(`interface name ${entry.id} is too long`);
    }
    const users = options.interfaces.filter((entry) => entry.type === 'user');
    if (options.forwardPorts.length > 0 && (options.hypervisor !== 'qemu' || users.length === 0)) {
      fail('forwardPorts works only with qemu and one network interface of type user');
    }
  });
