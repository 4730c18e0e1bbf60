/** Addresses as people read them. Apart from their schemas, so that a program which only shows them need not load those. */
import type { AllocatedAddress } from './vm-address.ts';

/** All addresses of a VM, in order of its interfaces, IPv4 first. */
export function allocatedTexts(addresses: readonly AllocatedAddress[] | undefined): string[] {
  return (addresses ?? []).flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].flatMap((ip) => ip?.address ?? []));
}
