/** `n3xd recover forget`: a host keeps its key and its VMs, and knows of no cluster any more. */
import { join } from 'node:path';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { keepIdentity } from '../store/data-directory.ts';
import { readIdentity, writeIdentity } from '../store/identity.ts';
import { lockHolder } from '../store/lock-holder.ts';
import { type Agreed, agree, type Console } from './consent.ts';

/**
 * Makes the host one that belongs to no cluster; its database stays as an archive. Works on a database that cannot be
 * read. Gives the name of the archive. Throws `N3X_CONFIG` when n3xd runs, `N3X_NOT_INITIALISED` when there is nothing to forget.
 */
export async function forget(options: Agreed & { readonly dataDir: string }, console: Console): Promise<string> {
  const { dataDir } = options;
  const identity = await readIdentity(join(dataDir, 'identity.json'));
  if (identity?.cluster === undefined) {
    throw new N3xError(
      ERROR_CODES.notInitialised,
      `the host of ${dataDir} belongs to no cluster: there is nothing to forget`,
    );
  }
  const database = identity.database ?? 'db';
  const pid = await lockHolder(join(dataDir, database, 'LOCK'));
  if (pid !== undefined) {
    throw new N3xError(
      ERROR_CODES.config,
      `n3xd runs on ${dataDir} (process ${pid}): stop it first, with "systemctl stop n3xd"`,
    );
  }
  const { clusterId, name } = identity.cluster;
  console.stdout.write(
    `Host ${name} forgets cluster ${clusterId}. Its key and its VMs stay, its database is kept aside. It must not join the\n` +
      'same cluster again unless that was recovered or restored without it, or has removed it: it has forgotten its votes.\n',
  );
  await agree(console, options, { kind: 'host', name, clusterId });
  await keepIdentity(dataDir, identity);
  // The old database stays where it is; the next one gets a name that nothing has.
  const { cluster: _, ...rest } = identity;
  await writeIdentity(join(dataDir, 'identity.json'), { ...rest, database: `db-${Date.now()}` });
  return join(dataDir, database);
}
