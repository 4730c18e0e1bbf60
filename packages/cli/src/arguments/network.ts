import { parseAddress } from '@n3x/core/model/ip';
import type { VmSpecInput } from '@n3x/core/model/vm';
import type { NetworkChoice } from '@n3x/core/model/vm-address';
import { MACVTAP_MODES, parseChoice } from './choices.ts';
import { parseWholeNumber } from './number.ts';
import { UsageError } from './usage-error.ts';

type InlineInput = Extract<VmSpecInput['source'], { kind: 'inline' }>;
/** A network interface as the API takes it. */
export type InterfaceInput = NonNullable<InlineInput['interfaces']>[number];
/** A forwarded port as the API takes it. */
export type ForwardInput = NonNullable<InlineInput['forwards']>[number];

/** What stands behind the commas: where an address is from. */
interface NetworkOptions extends Partial<NetworkChoice> {
  readonly routed?: true;
}

/** Reads `network=NAME`, `address=IP`, once for each version, and `routed`. Throws `UsageError`. */
function parseOptions(flag: string, options: readonly string[]): NetworkOptions {
  const found: { network?: string; ipv4?: string; ipv6?: string; routed?: true } = {};
  const once = (field: keyof typeof found, text: string): void => {
    if (found[field] !== undefined) throw new UsageError(`${flag}: "${text}" comes twice`);
  };
  for (const option of options) {
    const [key, value = ''] = option.split(/=(.*)/s);
    if (key === 'network' && value !== '') {
      once('network', 'network=');
      found.network = value;
    } else if (key === 'address') {
      const family = parseAddress(value)?.family;
      if (family === undefined) throw new UsageError(`${flag}: "${value}" is not an IP address`);
      once(family, family === 'ipv4' ? 'an IPv4 address' : 'an IPv6 address');
      found[family] = value;
    } else if (option === 'routed') {
      found.routed = true;
    } else {
      throw new UsageError(`${flag}: "${option}" is none of network=NAME, address=IP, routed`);
    }
  }
  return found;
}

/**
 * Reads `user`, `tap`, `bridge:BRIDGE` or `macvtap:LINK[:MODE]`, for all but the first with options: `,network=NAME`,
 * `,address=IP`, and for tap `,routed`. Throws `UsageError`.
 */
export function parseInterface(text: string): InterfaceInput {
  const [kind = '', ...options] = text.split(',');
  const [type, device, mode, ...rest] = kind.split(':');
  const { routed, ...choice } = parseOptions('--net', options);
  if (type === 'user' && options.length > 0) {
    throw new UsageError(
      `--net: user networking is the hypervisor's own and on no network: use tap, bridge or macvtap`,
    );
  }
  if (routed && type !== 'tap') throw new UsageError(`--net: only a tap is routed, not "${kind}"`);
  if (rest.length === 0) {
    if (type === 'user' && device === undefined) return { type };
    if (type === 'tap' && device === undefined) return { type, ...choice, ...(routed ? { routed } : {}) };
    if (type === 'bridge' && device && mode === undefined) return { type, bridge: device, ...choice };
    if (type === 'macvtap' && device) {
      if (mode === undefined) return { type, link: device, ...choice };
      return { type, link: device, mode: parseChoice('--net', mode, MACVTAP_MODES), ...choice };
    }
  }
  throw new UsageError(`--net: "${text}" is none of user, tap, bridge:BRIDGE, macvtap:LINK[:MODE]`);
}

/** Reads `NAME[,address=IP]`: a network that a flake of the user's has addresses of. Throws `UsageError`. */
export function parseNetworkChoice(text: string): NetworkChoice {
  const [network = '', ...options] = text.split(',');
  const { routed, network: twice, ...addresses } = parseOptions('--network', options);
  if (network === '' || network.includes('=') || routed || twice !== undefined) {
    throw new UsageError(`--network: "${text}" is not NAME[,address=IP]`);
  }
  return { network, ...addresses };
}

/** Reads a port. Throws `UsageError`; `flag` is named in it. */
export function parsePort(flag: string, text: string): number {
  return parseWholeNumber(flag, text, 1, 65_535);
}

/** Reads `[HOST:]GUEST[/tcp|/udp]`; without HOST the cluster chooses a port of the host. Throws `UsageError`. */
export function parseForward(text: string): ForwardInput {
  const match = /^(?:([^:/]+):)?([^:/]+)(?:\/(tcp|udp))?$/.exec(text);
  if (match === null) {
    throw new UsageError(`--forward: "${text}" is not [HOST:]GUEST[/udp], for example 8080:80 or 53/udp`);
  }
  const [, host, guest, protocol] = match;
  return {
    ...(protocol === 'udp' ? { protocol } : {}),
    ...(host === undefined ? {} : { hostPort: parsePort('--forward', host) }),
    guestPort: parsePort('--forward', guest ?? ''),
  };
}
