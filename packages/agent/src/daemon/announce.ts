/** Which addresses other hosts are told to reach this one at. */
import { networkInterfaces } from 'node:os';

/** Most addresses that are announced. */
const MAX_ADDRESSES = 8;

/**
 * The configured addresses, or what is listened on; an unspecified address (`0.0.0.0`, `::`) stands for each
 * address of the machine's interfaces, loopback and link-local ones left out unless there is nothing else.
 */
export function announcedAddresses(configured: readonly string[] | null, listening: readonly string[]): string[] {
  if (configured !== null) return configured.slice(0, MAX_ADDRESSES);
  const out = new Set<string>();
  for (const address of listening) {
    const match = /^\/ip([46])\/(?:0\.0\.0\.0|::)(\/.*)$/.exec(address);
    if (match === null) {
      out.add(address);
      continue;
    }
    const [, family, rest] = match;
    for (const own of machineAddresses(family === '4' ? 'IPv4' : 'IPv6')) out.add(`/ip${family}/${own}${rest}`);
  }
  return [...out].slice(0, MAX_ADDRESSES);
}

function machineAddresses(family: 'IPv4' | 'IPv6'): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const own = all.filter((entry) => entry.family === family && !/^(fe80:|169\.254\.)/i.test(entry.address));
  const outside = own.filter((entry) => !entry.internal);
  return (outside.length > 0 ? outside : own).map((entry) => entry.address);
}
