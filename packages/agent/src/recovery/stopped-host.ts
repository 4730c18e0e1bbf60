/** The data directory of a host whose n3xd is stopped. Holding it keeps n3xd from starting. */
import { readdir } from 'node:fs/promises';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import type { RecoveryReport } from '@n3x/core/recovery/report';
import { survey } from '@n3x/core/recovery/survey';
import { N3X_VERSION } from '../daemon/version.ts';
import { type DataDirectory, openDataDirectory } from '../store/data-directory.ts';
import type { ClusterMembership } from '../store/identity.ts';

/** Whether `path` holds what n3xd keeps there. A directory that is not there holds nothing. */
export async function isDataDirectory(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).includes('identity.json');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT') return false;
    throw new N3xError(ERROR_CODES.storage, `cannot read ${path}`, { details: { path }, cause });
  }
}

/** Opens a data directory, new or not. Throws as `openDataDirectory`, and says what to do when n3xd runs on it. */
export async function openStopped(path: string): Promise<DataDirectory> {
  try {
    return await openDataDirectory(path, { n3xVersion: N3X_VERSION, onStored: () => undefined });
  } catch (error) {
    const pid = error instanceof N3xError ? error.details?.['pid'] : undefined;
    if (typeof pid !== 'number') throw error;
    throw new N3xError(
      ERROR_CODES.config,
      `n3xd runs on ${path} (process ${pid}): stop it first, with "systemctl stop n3xd"; its VMs go on running`,
      // The store's own complaint would only say it again.
      { details: { path, pid } },
    );
  }
}

/** A stopped member of a cluster. */
export interface StoppedMember {
  readonly data: DataDirectory;
  readonly membership: ClusterMembership;
  readonly report: RecoveryReport;
}

/**
 * Opens the data directory of a member and looks at all of it. The caller closes `data`. Throws `N3X_CONFIG` when there
 * is none or n3xd runs on it, `N3X_NOT_INITIALISED` when the host is in no cluster, `N3X_CORRUPT` when it is damaged.
 */
export async function openStoppedMember(path: string, nowMs: number): Promise<StoppedMember> {
  if (!(await isDataDirectory(path))) {
    throw new N3xError(
      ERROR_CODES.config,
      `${path} holds no data of n3xd: name the directory with --data-dir, or the configuration with --config`,
    );
  }
  const data = await openStopped(path);
  try {
    const membership = data.identity.cluster;
    if (membership === undefined) {
      throw new N3xError(
        ERROR_CODES.notInitialised,
        `the host of ${path} belongs to no cluster: there is nothing to recover`,
      );
    }
    const { clusterId, hostId, name } = membership;
    const { peerId } = data.identity;
    const report = survey(data.stored, { clusterId, hostId, name, peerId, n3xVersion: N3X_VERSION, nowMs });
    return { data, membership, report };
  } catch (error) {
    await data.close();
    throw error;
  }
}
