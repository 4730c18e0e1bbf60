import { parseSizeMib } from '@n3x/core/model/quantity';
import type { VmSpecInput } from '@n3x/core/model/vm';
import { FILE_SYSTEMS, parseChoice } from './choices.ts';
import { UsageError } from './usage-error.ts';

type InlineInput = Extract<VmSpecInput['source'], { kind: 'inline' }>;
/** A volume as the API takes it. */
export type VolumeInput = NonNullable<InlineInput['volumes']>[number];

/** A volume as it was asked for: what `from` names has a size and a file system already. */
export type AskedVolume = Omit<VolumeInput, 'sizeMib'> & { readonly sizeMib?: number };

const EXAMPLES = 'for example data:10G:/var/lib/data:ext4, or name=data,size=10G,mount=/var/lib/data,pool=fast,keep';

/** Reads a size into MiB. Throws `UsageError`; `flag` is named in it. */
export function parseSize(flag: string, text: string): number {
  const size = parseSizeMib(text);
  if (!size.ok) throw new UsageError(`${flag}: ${size.reason}`);
  return size.mib;
}

/** Reads a mount point. Throws `UsageError`; `flag` is named in it. */
export function parseMountPoint(flag: string, text: string): string {
  if (text.startsWith('/')) return text;
  throw new UsageError(`${flag}: the mount point "${text}" is not an absolute path`);
}

/** Reads `NAME:SIZE[:MOUNT[:FSTYPE]]`. */
function parseShort(flag: string, text: string): AskedVolume {
  const [name, size, mount, fsType, ...rest] = text.split(':');
  if (!name || !size || rest.length > 0 || mount === '' || fsType === '') {
    throw new UsageError(`${flag}: "${text}" is not NAME:SIZE[:MOUNT[:FSTYPE]], ${EXAMPLES}`);
  }
  return {
    name,
    sizeMib: parseSize(flag, size),
    ...(mount === undefined ? {} : { mountPoint: parseMountPoint(flag, mount) }),
    ...(fsType === undefined ? {} : { fsType: parseChoice(flag, fsType, FILE_SYSTEMS) }),
  };
}

const KEYS = ['name', 'size', 'mount', 'fs', 'pool', 'keep', 'from'] as const;

/** Reads `name=NAME,size=SIZE[,...]` into its values; a key without one has an empty text. */
function parsePairs(flag: string, text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    const key = at < 0 ? part : part.slice(0, at);
    if (!KEYS.some((known) => known === key)) {
      throw new UsageError(`${flag}: "${key}" is none of ${KEYS.join(', ')}, ${EXAMPLES}`);
    }
    if (values.has(key)) throw new UsageError(`${flag}: ${key} is given twice`);
    if ((key === 'keep') !== at < 0) {
      throw new UsageError(key === 'keep' ? `${flag}: keep takes no value` : `${flag}: ${key} needs a value`);
    }
    values.set(key, at < 0 ? '' : part.slice(at + 1));
  }
  return values;
}

/** Reads `NAME:SIZE[:MOUNT[:FSTYPE]]` or `name=NAME,size=SIZE[,mount=PATH][,fs=TYPE][,pool=POOL][,keep][,from=VOLUME]`. Throws `UsageError`; `flag` is named in it. */
export function parseVolume(text: string, flag = '--volume'): AskedVolume {
  if (!/^[a-z]+=/.test(text)) return parseShort(flag, text);
  const values = parsePairs(flag, text);
  const [name, size, mount, fsType] = ['name', 'size', 'mount', 'fs'].map((key) => values.get(key));
  const [pool, from] = [values.get('pool'), values.get('from')];
  if (!name || (size === undefined && from === undefined)) {
    throw new UsageError(`${flag}: "${text}" needs a name, and a size or a volume to be made from, ${EXAMPLES}`);
  }
  return {
    name,
    ...(size === undefined ? {} : { sizeMib: parseSize(flag, size) }),
    ...(mount === undefined ? {} : { mountPoint: parseMountPoint(flag, mount) }),
    ...(fsType === undefined ? {} : { fsType: parseChoice(flag, fsType, FILE_SYSTEMS) }),
    ...(pool === undefined ? {} : { pool }),
    ...(from === undefined ? {} : { from }),
    ...(values.has('keep') ? { keep: true } : {}),
  };
}
