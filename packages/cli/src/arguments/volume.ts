import { parseSizeMib } from '@n3x/core/model/quantity';
import type { VmSpecInput } from '@n3x/core/model/vm';
import { FILE_SYSTEMS, parseChoice } from './choices.ts';
import { UsageError } from './usage-error.ts';

type InlineInput = Extract<VmSpecInput['source'], { kind: 'inline' }>;
/** A volume as the API takes it. */
export type VolumeInput = NonNullable<InlineInput['volumes']>[number];

/** Reads a size into MiB. Throws `UsageError`; `flag` is named in it. */
export function parseSize(flag: string, text: string): number {
  const size = parseSizeMib(text);
  if (!size.ok) throw new UsageError(`${flag}: ${size.reason}`);
  return size.mib;
}

/** Reads `NAME:SIZE[:MOUNT[:FSTYPE]]`. Throws `UsageError`. */
export function parseVolume(text: string): VolumeInput {
  const [name, size, mountPoint, fsType, ...rest] = text.split(':');
  if (!name || !size || rest.length > 0 || mountPoint === '' || fsType === '') {
    throw new UsageError(
      `--volume: "${text}" is not NAME:SIZE[:MOUNT[:FSTYPE]], for example data:10G:/var/lib/data:ext4`,
    );
  }
  if (mountPoint !== undefined && !mountPoint.startsWith('/')) {
    throw new UsageError(`--volume: the mount point "${mountPoint}" is not an absolute path`);
  }
  return {
    name,
    sizeMib: parseSize('--volume', size),
    ...(mountPoint === undefined ? {} : { mountPoint }),
    ...(fsType === undefined ? {} : { fsType: parseChoice('--volume', fsType, FILE_SYSTEMS) }),
  };
}
