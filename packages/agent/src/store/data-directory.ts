/**
 * The data directory of a host. One directory is one host:
 *
 * | name            | holds                                                                        |
 * | --------------- | ---------------------------------------------------------------------------- |
 * | `FORMAT`        | the number of this layout and the n3x version that wrote it                   |
 * | `identity.json` | the host's key and its membership, see `identity.ts`                          |
 * | `kvm.json`      | whether KVM was seen to work since the machine's boot; may be deleted at any time |
 * | `db/`           | the database, see `level-store.ts`; LevelDB's lock on it guards all the rest  |
 * | `db-<id>/`      | the same for a host that changed its cluster; `identity.json` says which one |
 * | `identity-<id>.json` | what `identity.json` was before such a change                              |
 *
 * The database is made before the identity says that the host is a member, and is void as long as it does
 * not: a crash in between leaves a host that belongs to no cluster. The other way round, a member's empty
 * database means that its votes are lost, and it must not start.
 *
 * Going from one cluster to another is one rename as well: the new database is made whole beside the old one, and
 * then the identity names it together with the new membership. The old database stays where it was.
 */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PrivateKey } from '@libp2p/interface';
import { assert } from '@n3x/core/base/assert';
import { N3xError } from '@n3x/core/base/errors';
import type { StorageWrite, StoredState } from '@n3x/core/ports/storage';
import { syncDirectory, writeFileAtomically } from './atomic-file.ts';
import {
  type ClusterMembership,
  createIdentity,
  type Identity,
  identityKey,
  readIdentity,
  writeIdentity,
} from './identity.ts';
import { type LevelStore, openStore, type StoreOptions } from './level-store.ts';
import { corruptStore } from './storage-error.ts';

/** The layout that this build reads and writes. */
export const DATA_FORMAT = 1;

/** Name of the database of a host that never changed its cluster. */
const DATABASE = 'db';
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** Steps that bring an older layout to the next one, by the format they start from. There is none yet. */
const MIGRATIONS: ReadonlyMap<number, (directory: string) => Promise<void>> = new Map();

/** How a data directory is opened. */
export interface DataDirectoryOptions extends StoreOptions {
  /** The version of this build, noted in `FORMAT`. */
  readonly n3xVersion: string;
}

/** An open data directory. */
export interface DataDirectory {
  readonly path: string;
  readonly store: LevelStore;
  /** What the store holds; empty for a host that belongs to no cluster. */
  readonly stored: StoredState;
  readonly identity: Identity;
  readonly privateKey: PrivateKey;
  /**
   * Makes this host a member, durably: first the store gets `bootstrap` (the snapshot of `cluster init`), or
   * nothing when the state will come from the leader; then the membership is noted. Answers what the store
   * then holds. Throws N3X_ALREADY_MEMBER, N3X_STORAGE.
   */
  becomeMember(cluster: ClusterMembership, bootstrap?: StorageWrite['snapshot']): Promise<StoredState>;
  /** Notes where the other members are now. Throws N3X_STORAGE. */
  rememberPeers(peers: ClusterMembership['peers']): Promise<void>;
  /** Makes this host a member of nothing, durably, and drops its state; its key stays. Throws N3X_STORAGE. */
  leaveCluster(): Promise<void>;
  /**
   * Makes a member of one cluster a member of another, durably, with an empty database or with `snapshot`. What it had
   * stays beside it as an archive; `store` is another one from then on. Throws N3X_STORAGE, and then nothing has changed.
   */
  changeCluster(cluster: ClusterMembership, snapshot?: StorageWrite['snapshot']): Promise<StoredState>;
  /** Completes the writes and gives up the lock. */
  close(): Promise<void>;
}

/**
 * Opens a data directory, making it if need be. Throws N3X_CONFIG when another process has it, N3X_VERSION
 * when a newer n3x wrote it, N3X_CORRUPT when it is damaged, N3X_STORAGE when the disk refuses.
 */
export async function openDataDirectory(path: string, options: DataDirectoryOptions): Promise<DataDirectory> {
  const format = await prepare(path, options.n3xVersion);
  const identityPath = join(path, 'identity.json');
  const database = (await readIdentity(identityPath))?.database;
  const databasePath = join(path, database ?? DATABASE);
  await asStorageError(path, async () => {
    await mkdir(databasePath, { recursive: true, mode: DIRECTORY_MODE });
    await syncDirectory(path);
  });
  const store = await openStore(databasePath, options);
  try {
    await migrate(path, format, options.n3xVersion);
    const known = await readIdentity(identityPath);
    // Read again, since only now nobody else can change it.
    if (known?.database !== database) {
      throw new N3xError('N3X_CONFIG', `${path} is being changed by another process right now: start again`);
    }
    const identity = known ?? (await createIdentity());
    if (known === undefined) {
      // A store with content but no identity is not a crash's doing: the key is made before the store is used.
      if (await store.isUsed()) throw corruptStore(path, 'identity.json', 'is missing');
      await writeIdentity(identityPath, identity);
    } else if (known.cluster === undefined) {
      await store.wipe();
    }
    const stored = await store.load();
    if (identity.cluster !== undefined && !store.initialised) throw corruptStore(path, 'db', 'is empty');
    return new OpenDataDirectory(path, store, stored, identity, options);
  } catch (error) {
    await store.close();
    throw error;
  }
}

class OpenDataDirectory implements DataDirectory {
  readonly path: string;
  readonly privateKey: PrivateKey;
  readonly #options: StoreOptions;
  #store: LevelStore;
  #stored: StoredState;
  #identity: Identity;

  constructor(path: string, store: LevelStore, stored: StoredState, identity: Identity, options: StoreOptions) {
    this.path = path;
    this.#options = options;
    this.#store = store;
    this.#stored = stored;
    this.#identity = identity;
    this.privateKey = identityKey(identity, this.#identityPath);
  }

  get #identityPath(): string {
    return join(this.path, 'identity.json');
  }

  get store(): LevelStore {
    return this.#store;
  }

  get stored(): StoredState {
    return this.#stored;
  }

  get identity(): Identity {
    return this.#identity;
  }

  async becomeMember(cluster: ClusterMembership, bootstrap?: StorageWrite['snapshot']): Promise<StoredState> {
    if (this.#identity.cluster !== undefined) {
      throw new N3xError('N3X_ALREADY_MEMBER', `this host belongs to cluster ${this.#identity.cluster.clusterId}`);
    }
    // An attempt that failed half-way, in this process or before it, may have left something.
    await this.store.wipe();
    await this.store.initialise(bootstrap);
    this.#stored = await this.store.load();
    await this.#replace({ ...this.#identity, cluster });
    return this.#stored;
  }

  async rememberPeers(peers: ClusterMembership['peers']): Promise<void> {
    const { cluster } = this.#identity;
    assert(cluster !== undefined, 'peers of a host without a cluster');
    await this.#replace({ ...this.#identity, cluster: { ...cluster, peers } });
  }

  async leaveCluster(): Promise<void> {
    const { cluster: _, ...rest } = this.#identity;
    await this.#replace(rest);
    await this.store.wipe();
    this.#stored = await this.store.load();
  }

  async changeCluster(cluster: ClusterMembership, snapshot?: StorageWrite['snapshot']): Promise<StoredState> {
    const database = await freeDatabaseName(this.path, cluster.clusterId);
    const store = await openStore(join(this.path, database), this.#options);
    let stored: StoredState;
    try {
      await store.load();
      await store.initialise(snapshot);
      stored = await store.load();
      await asStorageError(this.path, () => syncDirectory(this.path));
      await keepIdentity(this.path, this.#identity);
      await this.#replace({ ...this.#identity, database, cluster });
    } catch (error) {
      await store.close();
      throw error;
    }
    const former = this.#store;
    this.#store = store;
    this.#stored = stored;
    await former.close();
    return stored;
  }

  async close(): Promise<void> {
    await this.store.close();
  }

  async #replace(identity: Identity): Promise<void> {
    await writeIdentity(this.#identityPath, identity);
    this.#identity = identity;
  }
}

/** Notes what an identity was, beside the one that replaces it. It has the same key. */
export async function keepIdentity(path: string, identity: Identity): Promise<void> {
  const former = identity.cluster?.clusterId.slice(0, 8) ?? 'none';
  await writeIdentity(join(path, `identity-${former}.json`), identity);
}

/** A name for the database of a cluster that is not in use in this directory. */
async function freeDatabaseName(path: string, clusterId: string): Promise<string> {
  const names = new Set(await asStorageError(path, () => readdir(path)));
  const first = `db-${clusterId.slice(0, 8)}`;
  for (let count = 2, name = first; ; count++) {
    if (!names.has(name)) return name;
    name = `${first}-${count}`;
  }
}

/** Makes the directory if need be, and answers its format, which this build can read or migrate. */
async function prepare(path: string, n3xVersion: string): Promise<number> {
  const formatPath = join(path, 'FORMAT');
  const current = formatLine(n3xVersion);
  const text = await asStorageError(path, async () => {
    await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
    try {
      return await readFile(formatPath, 'utf8');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      await writeFileAtomically(formatPath, current, FILE_MODE);
      return current;
    }
  });
  const match = /^(\d+) n3x (\S+)\n$/.exec(text);
  if (match === null) throw corruptStore(path, 'FORMAT', 'is not a format number');
  const format = Number(match[1]);
  if (format > DATA_FORMAT) {
    throw new N3xError(
      'N3X_VERSION',
      `${path} was written by n3x ${match[2]} in format ${format}, and this n3x ${n3xVersion} reads up to ` +
        `${DATA_FORMAT}; install n3x ${match[2]} or newer on this host`,
      { details: { directory: path, format, writtenBy: match[2] } },
    );
  }
  return format;
}

/** Brings an older format up to date. Called with the lock held. */
async function migrate(path: string, format: number, n3xVersion: string): Promise<void> {
  for (let from = format; from < DATA_FORMAT; from++) {
    const step = MIGRATIONS.get(from);
    if (step === undefined) throw corruptStore(path, 'FORMAT', `names the unknown format ${from}`);
    await step(path);
  }
  if (format === DATA_FORMAT) return;
  await asStorageError(path, () => writeFileAtomically(join(path, 'FORMAT'), formatLine(n3xVersion), FILE_MODE));
}

function formatLine(n3xVersion: string): string {
  return `${DATA_FORMAT} n3x ${n3xVersion}\n`;
}

async function asStorageError<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw new N3xError('N3X_STORAGE', `data directory ${path} cannot be used`, { details: { directory: path }, cause });
  }
}
