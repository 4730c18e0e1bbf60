/**
 * Flake references as users write them on this machine. Hosts know nothing of this machine's working
 * directory, so a path becomes the absolute reference that `nix` itself would make of it.
 */
import { existsSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { UsageError } from './usage-error.ts';

/** Where relative paths start. */
export interface PathBase {
  readonly cwd: string;
  /** The home directory for `~/`, where it is known. */
  readonly home: string | undefined;
}

/** A flake and an attribute in it. */
export interface FlakeAttribute {
  readonly ref: string;
  /** Undefined when none was written. */
  readonly attribute: string | undefined;
}

/** Percent-encodes what may not stand in a URL, or in n3x's one-line files; `/` stays. */
function encodePath(path: string): string {
  return encodeURI(path).replaceAll(/[?#'`$&=]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The nearest directory from `start` upward that holds `entry`, going no further than one that holds `stop`. */
function findUpward(start: string, entry: string, stop: string): string | undefined {
  for (let directory = start; ; directory = dirname(directory)) {
    if (existsSync(join(directory, entry))) return directory;
    if (existsSync(join(directory, stop)) || directory === dirname(directory)) return undefined;
  }
}

/** The absolute reference of a directory: `git+file://` within a Git work tree, else `path:`. */
function pathReference(flag: string, path: string): string {
  if (!existsSync(path)) throw new UsageError(`${flag}: there is no directory ${path}`);
  if (!isDirectory(path))
    throw new UsageError(`${flag}: ${path} is not a directory; name the one that holds flake.nix`);
  const flakeRoot = findUpward(path, 'flake.nix', '.git');
  if (flakeRoot === undefined) throw new UsageError(`${flag}: there is no flake.nix in ${path} or above it`);
  const gitRoot = findUpward(flakeRoot, '.git', '.git');
  if (gitRoot === undefined) return `path:${encodePath(flakeRoot)}`;
  const inside = relative(gitRoot, flakeRoot);
  return `git+file://${encodePath(gitRoot)}${inside === '' ? '' : `?dir=${encodePath(inside)}`}`;
}

/** Checks and makes absolute the path of an explicit `path:` reference. */
function explicitPath(flag: string, ref: string, base: PathBase): string {
  const [path = '', query] = ref.slice('path:'.length).split('?', 2);
  let decoded: string;
  try {
    decoded = decodeURIComponent(path.replace(/^\/\/(?=\/)/, ''));
  } catch {
    throw new UsageError(`${flag}: "${ref}" has a broken %-escape`);
  }
  const absolute = resolve(base.cwd, decoded);
  if (!existsSync(absolute)) throw new UsageError(`${flag}: there is no ${absolute}`);
  return `path:${encodePath(absolute)}${query === undefined ? '' : `?${query}`}`;
}

/**
 * Makes a reference without its attribute fit for any host: a path (`.`, `./x`, `/x`, `~/x`, `path:x`) becomes
 * absolute, anything else stays as it is. Throws `UsageError` when a path leads nowhere.
 */
export function absoluteFlake(flag: string, ref: string, base: PathBase): string {
  if (ref === '') throw new UsageError(`${flag}: the flake reference is empty`);
  if (ref.startsWith('path:')) return explicitPath(flag, ref, base);
  const gitFile = /^git\+file:(?:\/\/)?(\/[^?]*)/.exec(ref);
  if (gitFile?.[1] !== undefined && !isDirectory(decodeURI(gitFile[1]))) {
    throw new UsageError(`${flag}: there is no directory ${gitFile[1]}`);
  }
  if (ref.startsWith('~/') && base.home !== undefined) return pathReference(flag, join(base.home, ref.slice(2)));
  if (ref.startsWith('/') || /^\.{1,2}(\/|$)/.test(ref)) return pathReference(flag, resolve(base.cwd, ref));
  if (/[\s"'`$\\]/.test(ref)) throw new UsageError(`${flag}: "${ref}" has spaces, quotes, $ or \\ in it`);
  return ref;
}

/** Reads `REF[#ATTRIBUTE]`. Throws `UsageError`. */
export function parseFlake(flag: string, text: string, base: PathBase): FlakeAttribute {
  const hash = text.indexOf('#');
  if (hash === -1) return { ref: absoluteFlake(flag, text, base), attribute: undefined };
  const written = text.slice(hash + 1);
  // A bare `#web` means the flake around the working directory, as it does for nix.
  const ref = absoluteFlake(flag, hash === 0 ? '.' : text.slice(0, hash), base);
  return { ref, attribute: written === '' ? undefined : written };
}
