/**
 * The state directory of the host's microVMs, exactly as microvm.nix lays it out (its doc/src/conventions.md and
 * nixos-modules/host), so that its `microvm` command and its units keep working beside n3x:
 *
 *     <state>/<name>/flake      reference of the flake, one line
 *     <state>/<name>/current -> the runner in the store, for the next start
 *     <state>/<name>/booted  -> the runner that was started; only while it runs
 *     <state>/<name>/old     -> the runner before `current`
 *     <gcroots>/<name>, booted-<name>, old-<name> -> the three links
 *
 * `toplevel` marks a VM that belongs to the host's own NixOS configuration. n3x adds `n3x.json` and `build.log`, the
 * direct supervisor `console.log` and `console.in`. Links point straight into the store (microvm.nix reads one level)
 * and are replaced by rename, so that there is always one.
 */
import { lchown, lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { assert } from '@n3x/core/base/assert';
import { DriverFailure } from './failure.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { type Marker, readMarker, writeMarker } from './marker.ts';

/** The three links of a VM. */
export type LinkName = 'current' | 'booted' | 'old';

/** Who owns the state directories: microvm.nix's `microvm:kvm`, where these exist. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Where things are. */
export interface LayoutOptions {
  readonly stateDir: string;
  readonly gcrootsDir: string;
  readonly owner: Owner | undefined;
}

/** What a name stands for on this host. */
export type Claim =
  | { readonly kind: 'free' }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'managed'; readonly marker: Marker };

/** Names that are never a VM's: n3x's own temporary directories start with a dot. */
const VM_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/** The state directory of a host. */
export class Layout {
  readonly #options: LayoutOptions;
  readonly #markers = new KeyedQueue();

  constructor(options: LayoutOptions) {
    this.#options = options;
  }

  /** Who owns the state directories. */
  get owner(): Owner | undefined {
    return this.#options.owner;
  }

  /** State directory of a VM. */
  directory(name: string): string {
    assert(VM_NAME.test(name), `a microVM's name, not ${JSON.stringify(name)}`);
    return join(this.#options.stateDir, name);
  }

  /** Path of something in a VM's state directory. */
  path(name: string, entry: string): string {
    return join(this.directory(name), entry);
  }

  /** Names of all VMs on the host, n3x's or not; none when there is no state directory yet. */
  async names(): Promise<string[]> {
    try {
      const entries = await readdir(this.#options.stateDir, { withFileTypes: true });
      return entries
        .filter((entry) => entry.isDirectory() && VM_NAME.test(entry.name))
        .map((entry) => entry.name)
        .sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  /** Whose VM it is. A VM of the host's own configuration, or with a marker that n3x cannot read, is foreign. */
  async claim(name: string): Promise<Claim> {
    const directory = this.directory(name);
    if (!(await exists(directory))) return { kind: 'free' };
    if (await exists(join(directory, 'toplevel'))) return { kind: 'foreign' };
    try {
      const marker = await readMarker(directory);
      return marker === undefined ? { kind: 'foreign' } : { kind: 'managed', marker };
    } catch {
      // Whoever wrote it, touching such a VM could do harm.
      return { kind: 'foreign' };
    }
  }

  /** The marker of a VM of ours. Throws `NotManaged` for another one, `NameTaken` when it is another VM's by now. */
  async managed(name: string, uid: string): Promise<Marker> {
    const claim = await this.claim(name);
    if (claim.kind !== 'managed') {
      const what = claim.kind === 'free' ? 'is not on this host' : 'on this host is not managed by n3x';
      throw new DriverFailure('NotManaged', `the microVM ${name} ${what}`, false);
    }
    if (claim.marker.uid !== uid) {
      throw new DriverFailure('NameTaken', `an earlier microVM ${name} is still on this host`, true);
    }
    return claim.marker;
  }

  /** Makes the directory of a new VM, complete with its marker at once, so that a crash leaves none half claimed. */
  async create(name: string, marker: Marker): Promise<void> {
    const temporary = join(this.#options.stateDir, `.${name}.new`);
    await mkdir(this.#options.stateDir, { recursive: true });
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { mode: 0o775 });
    await writeMarker(temporary, marker);
    await this.own(temporary);
    await rename(temporary, this.directory(name));
  }

  /** Changes the marker of a VM; changes of one VM are made one after the other. */
  updateMarker(name: string, change: (marker: Marker) => Marker): Promise<Marker> {
    return this.#markers.run(name, async () => {
      const directory = this.directory(name);
      const before = await readMarker(directory);
      if (before === undefined) throw new DriverFailure('NotManaged', `the microVM ${name} is not on this host`, false);
      const after = change(before);
      if (JSON.stringify(after) !== JSON.stringify(before)) await writeMarker(directory, after);
      return after;
    });
  }

  /** Writes one of the VM's files whole. */
  async writeFile(name: string, entry: string, text: string): Promise<void> {
    const path = this.path(name, entry);
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.tmp`;
    await writeFile(temporary, text);
    await this.own(temporary);
    await rename(temporary, path);
  }

  /** Text of one of the VM's files; undefined when it is missing. */
  async readFile(name: string, entry: string): Promise<string | undefined> {
    try {
      return await readFile(this.path(name, entry), 'utf8');
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Where a link of the VM points, one level deep. */
  async readLink(name: string, link: LinkName): Promise<string | undefined> {
    try {
      return await readlink(this.path(name, link));
    } catch (error) {
      if (isMissing(error) || (error as NodeJS.ErrnoException).code === 'EINVAL') return undefined;
      throw error;
    }
  }

  /** Points a link at a store path and roots it. The root is made first: there is no moment without one. */
  async setLink(name: string, link: LinkName, storePath: string): Promise<void> {
    await mkdir(this.#options.gcrootsDir, { recursive: true });
    const path = this.path(name, link);
    await replaceLink(this.#rootPath(name, link), path);
    await replaceLink(path, storePath);
    await this.own(path);
  }

  /** Makes `storePath` the runner of the next start; what was it until now becomes `old`. */
  async install(name: string, storePath: string): Promise<void> {
    const before = await this.readLink(name, 'current');
    if (before === storePath) {
      // Repeated after a crash between link and root: both are as they should be afterwards.
      await this.setLink(name, 'current', storePath);
      return;
    }
    // Of two builds in a row without a start in between, the one that runs is what there is to go back to.
    const booted = await this.readLink(name, 'booted');
    const old = booted === undefined || booted === storePath ? before : booted;
    if (old !== undefined) await this.setLink(name, 'old', old);
    await this.setLink(name, 'current', storePath);
  }

  /** Takes a link and its root away. */
  async removeLink(name: string, link: LinkName): Promise<void> {
    await rm(this.path(name, link), { force: true });
    await rm(this.#rootPath(name, link), { force: true });
  }

  /** Takes everything of a VM away. A crash in between leaves nothing that looks like a VM. */
  async remove(name: string): Promise<void> {
    const trash = join(this.#options.stateDir, `.${name}.removed`);
    await rm(trash, { recursive: true, force: true });
    try {
      await rename(this.directory(name), trash);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    for (const link of ['current', 'booted', 'old'] as const) await rm(this.#rootPath(name, link), { force: true });
    await rm(trash, { recursive: true, force: true });
  }

  /** Hands a file or link to the owner of the state directories. */
  async own(path: string): Promise<void> {
    const { owner } = this.#options;
    if (owner === undefined) return;
    await lchown(path, owner.uid, owner.gid);
  }

  #rootPath(name: string, link: LinkName): string {
    return join(this.#options.gcrootsDir, link === 'current' ? name : `${link}-${name}`);
  }
}

/** The user and group of microvm.nix's host module, read from the host's own tables; undefined where they are missing. */
export async function findOwner(): Promise<Owner | undefined> {
  // Only root can give files away.
  if (process.getuid?.() !== 0) return undefined;
  const field = async (file: string, name: string) => {
    const text = await readFile(file, 'utf8');
    const line = text.split('\n').find((entry) => entry.startsWith(`${name}:`));
    return line === undefined ? undefined : Number(line.split(':')[2]);
  };
  const [uid, gid] = [await field('/etc/passwd', 'microvm'), await field('/etc/group', 'kvm')];
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/** Makes or replaces a symbolic link in one step. */
async function replaceLink(path: string, target: string): Promise<void> {
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  await symlink(target, temporary);
  await rename(temporary, path);
}

/** Whether there is something at a path, a dangling link included. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Whether an error says that a file is not there. */
export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
