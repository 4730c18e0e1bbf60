/**
 * A named network: subnets that VMs get addresses from, and what a guest on it has to know. Each address is given to
 * one VM at a time; once that is gone it is held for a while, and of those that nobody holds the one goes first that
 * was released first.
 *
 * The networks hold no list of their addresses: who has one is in the VMs, and each released one is a record of its own.
 * So a request costs the same however many there are.
 */
import { z } from 'zod';
import { contains, FAMILIES, type Family, only, parseAddress, parseRange, parseSubnet } from './ip.ts';
import { addressSchema, rangeSchema, subnetSchema } from './ip-schema.ts';
import { annotationsSchema, nameSchema } from './names.ts';
import { vmNameSchema } from './vm-name.ts';

/** Most networks of a cluster. */
export const NETWORK_LIMIT = 1024;
/** Longest hold of a released address, in s: 30 days. */
export const HOLD_SECONDS_MAX = 30 * 86_400;
/** How long, in s, a released address is held when nobody says: longer than others remember who had it. */
export const DEFAULT_HOLD_SECONDS = 600;
/** Shortest and longest prefix of a network's subnets. */
export const PREFIX_RANGE: Readonly<Record<Family, readonly [number, number]>> = { ipv4: [8, 30], ipv6: [32, 126] };

/** Addresses of one version. */
export const networkSubnetSchema = z.strictObject({
  /** `ADDRESS/PREFIX`. */
  subnet: subnetSchema,
  /** Where guests send what is for elsewhere; given to no VM. */
  gateway: addressSchema.optional(),
  /** Given to no VM: `FIRST-LAST`, or one address. */
  exclude: z.array(rangeSchema).max(64).optional(),
});
/** Addresses of one version. */
export type NetworkSubnet = z.infer<typeof networkSubnetSchema>;

function checkSubnet(family: Family, spec: NetworkSubnet, context: z.RefinementCtx): void {
  const fail = (field: keyof NetworkSubnet, message: string): void => {
    context.addIssue({ code: 'custom', path: [family, field], message });
  };
  const name = family === 'ipv4' ? 'IPv4' : 'IPv6';
  const subnet = parseSubnet(spec.subnet);
  // What cannot be read has been reported.
  if (subnet === undefined) return;
  const [shortest, longest] = PREFIX_RANGE[family];
  if (subnet.family !== family) {
    fail('subnet', `${spec.subnet} is not an ${name} subnet`);
    return;
  }
  if (subnet.prefix < shortest || subnet.prefix > longest) {
    fail('subnet', `the prefix of an ${name} subnet is /${shortest} to /${longest}`);
    return;
  }
  const gateway = parseAddress(spec.gateway ?? '');
  if (gateway !== undefined && !contains(subnet, only(gateway))) {
    fail('gateway', `gateway ${spec.gateway} is not in ${spec.subnet}`);
  } else if (gateway !== undefined && (gateway.value === subnet.first || gateway.value === subnet.last)) {
    fail(
      'gateway',
      `gateway ${spec.gateway} is the ${gateway.value === subnet.first ? 'first' : 'last'} of its subnet`,
    );
  }
  for (const text of spec.exclude ?? []) {
    const range = parseRange(text);
    if (range !== undefined && !contains(subnet, range)) fail('exclude', `${text} is not in ${spec.subnet}`);
  }
}

const dnsSchema = z.array(addressSchema).max(8);
const holdSchema = z.int().min(0).max(HOLD_SECONDS_MAX);

/** What the user asked for. */
export const networkSpecSchema = z
  .strictObject({
    ipv4: networkSubnetSchema.optional(),
    ipv6: networkSubnetSchema.optional(),
    /** Name servers of its guests. */
    dns: dnsSchema.optional(),
    /** How long, in s, nobody gets an address that was released. */
    holdSeconds: holdSchema.default(DEFAULT_HOLD_SECONDS),
  })
  .superRefine((spec, context) => {
    if (spec.ipv4 === undefined && spec.ipv6 === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['ipv4'],
        message: 'a network has an IPv4 subnet, an IPv6 subnet or both',
      });
    }
    for (const family of FAMILIES) {
      const subnet = spec[family];
      if (subnet !== undefined) checkSubnet(family, subnet, context);
    }
  });
/** What the user asked for. */
export type NetworkSpec = z.infer<typeof networkSpecSchema>;

/** What may be changed of a network: what is named, each as a whole; the rest stays. */
export const networkChangesSchema = z
  .strictObject({
    /** An address sets the gateway of its version; null takes both away. */
    gateways: z.array(addressSchema).max(2).nullable().optional(),
    dns: dnsSchema.optional(),
    exclude: z.array(rangeSchema).max(128).optional(),
    holdSeconds: holdSchema.optional(),
  })
  .refine((changes) => Object.keys(changes).length > 0, 'name at least one change');
/** What may be changed of a network. */
export type NetworkChanges = z.infer<typeof networkChangesSchema>;

/** A network. */
export const networkSchema = z.strictObject({
  kind: z.literal('network'),
  name: nameSchema,
  /** Raft index that made it: tells it from another one of the same name. */
  createdIndex: z.int().min(1),
  /** Counts changes of the spec. */
  generation: z.int().min(1),
  modifiedIndex: z.int(),
  createdAtMs: z.number(),
  spec: networkSpecSchema,
  /** Up to and with which address all have been looked at that nobody had yet; absent at first. */
  last: z.strictObject({ ipv4: addressSchema.optional(), ipv6: addressSchema.optional() }),
  /** How many addresses were released so far, of all time. Numbers the released ones. */
  released: z.int().min(0),
  /** Released ones up to this number are held no more. */
  freed: z.int().min(0),
  /** Absent when there are none. */
  annotations: annotationsSchema.optional(),
});
/** A network. */
export type Network = z.infer<typeof networkSchema>;

/** An address that a VM had, until another one gets it. */
export const releasedAddressSchema = z.strictObject({
  kind: z.literal('address'),
  network: nameSchema,
  address: addressSchema,
  /** It is held while this is above the `freed` of its network. */
  sequence: z.int().min(1),
  modifiedIndex: z.int(),
  /** The VM that had it, for people. */
  vm: vmNameSchema,
  /** Wall clock, for display. */
  releasedAtMs: z.number(),
});
/** An address that a VM had. */
export type ReleasedAddress = z.infer<typeof releasedAddressSchema>;

/** How many addresses of a network are held after their release. None of them is given away meanwhile. */
export function heldCount({ released, freed }: Network): number {
  return released - freed;
}
