/**
 * Addresses, ranges and subnets as fields of what is stored and asked for: checked, and brought into their one form. Apart
 * from the arithmetic of `ip.ts`, which programs use that load no schemas.
 */
import { z } from 'zod';
import { type Family, formatAddress, formatRange, formatSubnet, parseAddress, parseRange, parseSubnet } from './ip.ts';

function addressText(family: Family, what: string) {
  return z
    .string()
    .max(64)
    .refine((text) => parseAddress(text)?.family === family, `not an ${what} address`)
    .overwrite((text) => {
      const parsed = parseAddress(text);
      return parsed === undefined ? text : formatAddress(parsed);
    });
}

/** An IPv4 address. */
export const ipv4Schema = addressText('ipv4', 'IPv4');
/** An IPv6 address. */
export const ipv6Schema = addressText('ipv6', 'IPv6');
/** An address of either version. */
export const addressSchema = z
  .string()
  .max(64)
  .refine((text) => parseAddress(text) !== undefined, 'not an IP address')
  .overwrite((text) => {
    const parsed = parseAddress(text);
    return parsed === undefined ? text : formatAddress(parsed);
  });

/** Addresses that belong together, `FIRST-LAST` or one alone. */
export const rangeSchema = z
  .string()
  .max(128)
  .refine((text) => parseRange(text) !== undefined, 'not an address, FIRST-LAST or a subnet')
  .overwrite((text) => {
    const parsed = parseRange(text);
    return parsed === undefined ? text : formatRange(parsed);
  });

/** A subnet, `ADDRESS/PREFIX` with the subnet's first address. */
export const subnetSchema = z
  .string()
  .max(64)
  .superRefine((text, context) => {
    const parsed = parseSubnet(text);
    if (parsed === undefined) {
      context.addIssue({ code: 'custom', message: 'not a subnet, as in 10.0.0.0/24 or fd00::/64' });
    } else if (parseAddress(text.split('/')[0] ?? '')?.value !== parsed.first) {
      context.addIssue({ code: 'custom', message: `an address within a subnet: write ${formatSubnet(parsed)}` });
    }
  })
  .overwrite((text) => {
    const parsed = parseSubnet(text);
    return parsed === undefined ? text : formatSubnet(parsed);
  });
