/** Where n3xd listens: which Unix sockets to try, and in which order. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describeError } from '@n3x/core/base/errors';
import { UsageError } from '../arguments/usage-error.ts';
import { ConnectionError } from './connection-error.ts';

/** Socket of the n3xd that a system runs. */
export const SYSTEM_SOCKET = '/run/n3x/n3xd.sock';
/** Written by a development cluster into its directory: `{"sockets": [...]}`. */
export const DEVELOPMENT_FILE = join('.n3x', 'dev-cluster.json');

/** What discovery depends on. */
export interface DiscoveryInput {
  /** Value of `--socket`. */
  readonly socket: string | undefined;
  /** Value of `$N3X_SOCKET`. */
  readonly environment: string | undefined;
  readonly cwd: string;
  /** A directory of this program, from which its repository is found. */
  readonly ownDirectory: string;
  /** {@link SYSTEM_SOCKET}, or another one in tests. */
  readonly systemSocket: string;
}

function readDevelopmentFile(path: string): string[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${describeError(error)}`, 'remove it, or name a socket with --socket');
  }
  const sockets = typeof content === 'object' && content !== null && 'sockets' in content ? content.sockets : undefined;
  if (!Array.isArray(sockets) || !sockets.every((entry) => typeof entry === 'string')) {
    throw new UsageError(`${path} holds no list "sockets"`, 'remove it, or name a socket with --socket');
  }
  return sockets.map((socket) => resolve(dirname(path), '..', socket));
}

function* upward(start: string): Iterable<string> {
  for (let directory = resolve(start); ; directory = dirname(directory)) {
    yield directory;
    if (directory === dirname(directory)) return;
  }
}

/**
 * The sockets to try, in order, never none. What the user names stands alone; otherwise those of a development
 * cluster that exist, else the system's. Throws `ConnectionError` when there is nothing to try and `UsageError`
 * when a development cluster's file is broken.
 */
export function discoverSockets(input: DiscoveryInput): readonly string[] {
  const named = input.socket ?? (input.environment === '' ? undefined : input.environment);
  if (named !== undefined) return [resolve(input.cwd, named)];
  const directories = new Set([...upward(input.cwd), ...upward(input.ownDirectory)]);
  for (const directory of directories) {
    const file = join(directory, DEVELOPMENT_FILE);
    if (!existsSync(file)) continue;
    const sockets = readDevelopmentFile(file).filter((socket) => existsSync(socket));
    if (sockets.length > 0) return sockets;
  }
  if (existsSync(input.systemSocket)) return [input.systemSocket];
  throw new ConnectionError(`no n3xd found: there is no ${input.systemSocket} and no development cluster runs`, {
    connected: false,
    hint: 'start n3xd, or a development cluster with "npm start", or name a socket with --socket',
  });
}
