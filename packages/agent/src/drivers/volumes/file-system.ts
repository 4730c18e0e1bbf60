/** Makes the file system of a new image, as a runner of microvm.nix would: by the tools of the host. */
import { type FileSystem, fileSystemLabel } from '@n3x/core/model/volume';
import { childEnvironment, type Exec } from '../exec.ts';
import { DriverFailure } from '../microvm/failure.ts';

/** Where the tools are that are not on everybody's PATH. */
const TOOL_PATH = '/usr/sbin:/sbin:/run/current-system/sw/bin';
const MKFS_TIMEOUT_MS = 600_000;

/** Options by which a tool asks nothing, and the one that gives a label (mke2fs(8), mkfs.xfs(8), mkfs.btrfs(8), mkfs.fat(8)). */
const ARGUMENTS: Readonly<Record<FileSystem, { readonly quiet: readonly string[]; readonly label: string }>> = {
  ext2: { quiet: ['-q', '-F'], label: '-L' },
  ext3: { quiet: ['-q', '-F'], label: '-L' },
  ext4: { quiet: ['-q', '-F'], label: '-L' },
  xfs: { quiet: ['-q', '-f'], label: '-L' },
  btrfs: { quiet: ['-q', '-f'], label: '-L' },
  vfat: { quiet: [], label: '-n' },
};

/** Makes a file system in an image. Rejects with `DriverFailure` `FileSystemFailed` or `DiskFull`. */
export async function makeFileSystem(exec: Exec, image: string, fsType: FileSystem, name: string): Promise<void> {
  const tool = `mkfs.${fsType}`;
  const { quiet, label } = ARGUMENTS[fsType];
  const text = fileSystemLabel(name, fsType);
  const named = text === undefined ? [] : [label, text];
  const env = childEnvironment({ PATH: `${process.env['PATH'] ?? ''}:${TOOL_PATH}` });
  const result = await exec([tool, ...quiet, ...named, image], { env, timeoutMs: MKFS_TIMEOUT_MS });
  if (result.spawnError !== undefined) {
    const message = `${tool} cannot be run (${result.spawnError}): install it on this host, where n3xd finds it on its PATH`;
    throw new DriverFailure('FileSystemFailed', message, true);
  }
  if (result.code === 0) return;
  const said = result.stderr.trim().split('\n').slice(-3).join(' | ');
  const isFull = /No space left on device/.test(result.stderr);
  throw new DriverFailure(isFull ? 'DiskFull' : 'FileSystemFailed', `${tool} failed on a new volume: ${said}`, true);
}
