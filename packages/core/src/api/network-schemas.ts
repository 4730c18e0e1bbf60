/** What the API takes and gives about networks. */
import { z } from 'zod';
import { addressSchema } from '../model/ip-schema.ts';
import { nameSchema } from '../model/names.ts';
import { networkSchema, networkSpecSchema, releasedAddressSchema } from '../model/network.ts';
import { vmNameSchema } from '../model/vm-name.ts';

const countSchema = z.int().min(0);

/** A network as clients see it. */
export const networkViewSchema = networkSchema.extend({
  /** Interfaces of VMs on it. */
  uses: countSchema,
  /** Released addresses that nobody gets for a while. */
  held: countSchema,
  /** How many addresses of each version are left; at most 2^53 - 1, however many there are. */
  free: z.object({ ipv4: countSchema.optional(), ipv6: countSchema.optional() }),
});
/** A network as clients see it. */
export type NetworkView = z.infer<typeof networkViewSchema>;

/** Most users and most released addresses that are listed with a network. */
export const NETWORK_LIST_MAX = 1000;

/** One network with who is on it. */
export const networkDetailSchema = networkViewSchema.extend({
  /** By name; at most 1000. */
  users: z.array(z.object({ vm: vmNameSchema, addresses: z.array(addressSchema) })),
  /** Addresses that VMs had and nobody has since, oldest first; at most 1000. */
  releasedAddresses: z.array(
    releasedAddressSchema.pick({ address: true, vm: true, releasedAtMs: true }).extend({ held: z.boolean() }),
  ),
});
/** One network with who is on it. */
export type NetworkDetail = z.infer<typeof networkDetailSchema>;

/** Body of a creation. */
export const networkCreateRequestSchema = z.strictObject({ name: nameSchema, spec: networkSpecSchema });

/** Answer to a change of a network. */
export const networkChangeResponseSchema = z.object({
  network: networkViewSchema,
  changed: z.boolean(),
  index: z.int(),
});
