/**
 * Words that flags choose from. They repeat what the model's schemas say, so that start-up need not load
 * them; a test holds the two together.
 */
import { nearest } from '@n3x/core/base/near-miss';
import { UsageError } from './usage-error.ts';

/** Hypervisors a VM may ask for. */
export const HYPERVISORS = [
  'qemu',
  'cloud-hypervisor',
  'firecracker',
  'crosvm',
  'kvmtool',
  'stratovirt',
  'alioth',
] as const;
/** File systems of a volume. */
export const FILE_SYSTEMS = ['ext4', 'xfs', 'btrfs', 'ext2', 'ext3', 'vfat'] as const;
/** Modes of a macvtap interface. */
export const MACVTAP_MODES = ['bridge', 'private', 'vepa', 'passthru'] as const;
/** Roles of a host. */
export const HOST_ROLES = ['server', 'agent', 'auto'] as const;
/** How a host is chosen for a VM. */
export const STRATEGIES = ['most-available', 'least-available', 'round-robin', 'manual'] as const;
/** When a VM whose process ended is started again. */
export const RESTART_POLICIES = ['always', 'on-failure', 'never'] as const;
/** What becomes of a VM whose host is lost. */
export const FAILOVER_MODES = ['restart', 'stay'] as const;
/** What counts as one place for a rule of placement. */
export const DOMAINS = ['host', 'zone'] as const;
/** Systems that a host may be. */
export const SYSTEMS = ['x86_64-linux', 'aarch64-linux'] as const;
/** What `vm explain` speaks of. */
export const EXPLAINED_AS_OF = ['now', 'decision'] as const;
/** What an event may be about. */
export const EVENT_KINDS = ['cluster', 'host', 'vm', 'vmset', 'token', 'lock', 'network', 'project', 'volume'] as const;

/** How a probe is written. */
export const PROBE_FORMS = 'process, notify, console:REGEX, tcp:PORT, http:PORT[/PATH], command:PROGRAM [ARGUMENT...]';

/** `text` as one of `words`. Throws `UsageError` that lists them. */
export function parseChoice<T extends string>(flag: string, text: string, words: readonly T[]): T {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  const near = nearest(text, words);
  const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
  throw new UsageError(`${flag}: "${text}" is none of ${words.join(', ')}${hint}`);
}
