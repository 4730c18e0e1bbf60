import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { describeError } from '@n3x/core/base/errors';
import type { GuestModule } from '@n3x/core/model/vm';
import { type PathBase, parseFlake } from './flake-reference.ts';
import { UsageError } from './usage-error.ts';

const MODULE_BYTES_MAX = 65_536;

/** Reads `FLAKE#ATTRIBUTE`, or the file at a path. Throws `UsageError`. */
export function parseModule(text: string, base: PathBase): GuestModule {
  if (text.includes('#')) {
    const { ref, attribute } = parseFlake('--module', text, base);
    if (attribute === undefined) throw new UsageError(`--module: "${text}" names no attribute after #`);
    return { kind: 'flake', ref, attribute };
  }
  const path = resolve(base.cwd, text);
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(
      `--module: cannot read ${path}: ${describeError(error)}`,
      'a module is a file of this machine, or FLAKE#ATTRIBUTE',
    );
  }
  if (content.trim() === '') throw new UsageError(`--module: ${path} is empty`);
  if (content.length > MODULE_BYTES_MAX) {
    throw new UsageError(`--module: ${path} is longer than ${MODULE_BYTES_MAX} characters; put it into a flake`);
  }
  return { kind: 'text', name: basename(path), text: content };
}
