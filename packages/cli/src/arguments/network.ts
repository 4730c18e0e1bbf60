import type { VmSpecInput } from '@n3x/core/model/vm';
import { MACVTAP_MODES, parseChoice } from './choices.ts';
import { parseWholeNumber } from './number.ts';
import { UsageError } from './usage-error.ts';

type InlineInput = Extract<VmSpecInput['source'], { kind: 'inline' }>;
/** A network interface as the API takes it. */
export type InterfaceInput = NonNullable<InlineInput['interfaces']>[number];
/** A forwarded port as the API takes it. */
export type ForwardInput = NonNullable<InlineInput['forwards']>[number];

/** Reads `user`, `tap`, `bridge:BRIDGE` or `macvtap:LINK[:MODE]`. Throws `UsageError`. */
export function parseInterface(text: string): InterfaceInput {
  const [type, device, mode, ...rest] = text.split(':');
  if (rest.length === 0) {
    if ((type === 'user' || type === 'tap') && device === undefined) return { type };
    if (type === 'bridge' && device && mode === undefined) return { type, bridge: device };
    if (type === 'macvtap' && device) {
      if (mode === undefined) return { type, link: device };
      return { type, link: device, mode: parseChoice('--net', mode, MACVTAP_MODES) };
    }
  }
  throw new UsageError(`--net: "${text}" is none of user, tap, bridge:BRIDGE, macvtap:LINK[:MODE]`);
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
