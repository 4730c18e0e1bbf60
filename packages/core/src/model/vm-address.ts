/** Addresses that a VM asks for, and those that it was given. */
import { z } from 'zod';
import type { Family } from './ip.ts';
import { addressSchema, ipv4Schema, ipv6Schema } from './ip-schema.ts';
import { nameSchema } from './names.ts';

/** A network by name, and addresses of it by request. */
export const networkChoiceSchema = z.strictObject({
  network: nameSchema,
  ipv4: ipv4Schema.optional(),
  ipv6: ipv6Schema.optional(),
});
/** A network by name, and addresses of it by request. */
export type NetworkChoice = z.infer<typeof networkChoiceSchema>;

/** One address with what a guest needs to use it. */
export const allocatedIpSchema = z.strictObject({
  address: addressSchema,
  prefix: z.int().min(0).max(128),
  gateway: addressSchema.optional(),
});
/** One address with what a guest needs to use it. */
export type AllocatedIp = z.infer<typeof allocatedIpSchema>;

/** What one interface was given, as its network was then; kept until the VM is gone. */
export const allocatedAddressSchema = z.strictObject({
  /** Of the interface; of a VM with a flake of the user's, of the network in its list. */
  position: z.int().min(0),
  network: nameSchema,
  ipv4: allocatedIpSchema.optional(),
  ipv6: allocatedIpSchema.optional(),
  dns: z.array(addressSchema).optional(),
});
/** What one interface was given. */
export type AllocatedAddress = z.infer<typeof allocatedAddressSchema>;

/** What one interface asks for. */
export interface WantedAddress extends Readonly<Partial<Record<Family, string>>> {
  readonly position: number;
  readonly network: string;
}

/** An interface that may be on a network. */
interface MaybeOnNetwork {
  readonly type: string;
  readonly network?: string | undefined;
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
}

/** As much of a spec as says which addresses are wanted. */
interface AddressSpec {
  readonly source:
    | { readonly kind: 'flake'; readonly networks?: readonly NetworkChoice[] | undefined }
    | { readonly kind: 'inline'; readonly interfaces: readonly MaybeOnNetwork[] };
}

/** What a spec asks for, by position. */
export function wantedAddresses({ source }: AddressSpec): WantedAddress[] {
  const all: readonly Omit<MaybeOnNetwork, 'type'>[] =
    source.kind === 'flake' ? (source.networks ?? []) : source.interfaces;
  return all.flatMap(({ network, ipv4, ipv6 }, position) =>
    network === undefined
      ? []
      : [
          {
            ...{ position, network },
            ...(ipv4 === undefined ? {} : { ipv4 }),
            ...(ipv6 === undefined ? {} : { ipv6 }),
          },
        ],
  );
}
