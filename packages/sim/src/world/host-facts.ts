/** What simulated hosts report of themselves. */
import { COMMAND_FORMATS } from '@n3x/core/machine/command';
import type { FormatRange } from '@n3x/core/machine/format-range';
import type { HostFacts, HostSettings } from '@n3x/core/model/host';

/** Facts that every simulated host reports. */
export const SIMULATED_FACTS: HostFacts = {
  system: 'x86_64-linux',
  vcpu: 16,
  memoryMib: 32_768,
  features: [],
  kernel: '6.12.0',
  n3xVersion: '0.1.0',
  commandFormats: [...COMMAND_FORMATS],
  fence: { works: true, message: 'the simulated switch' },
};

/** The facts of a host whose build reads `formats`. */
export function factsOf(formats: FormatRange): HostFacts {
  return { ...SIMULATED_FACTS, n3xVersion: `0.${formats[1]}.0`, commandFormats: [...formats] };
}

/** Settings that every simulated host reports. */
export const SIMULATED_SETTINGS: HostSettings = {
  role: 'server',
  labels: {},
  capacity: {},
  reserve: { vcpu: 0, memoryMib: 0 },
};
