/** Asks before something that cannot be taken back. */
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';

/** What a command may write to and read from. */
export interface Console {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable;
}

/** How the command line agreed in advance. */
export interface Agreed {
  readonly yes?: true;
  /** The cluster that is meant, by its id or the first eight digits of it. */
  readonly clusterId?: string;
}

/** What is about to change. */
export interface Subject {
  readonly kind: 'cluster' | 'host';
  readonly name: string;
  readonly clusterId: string;
}

/**
 * Resolves when the user agrees: by typing the name of the subject at a terminal, or in advance by `--yes` together with
 * `--cluster-id`. Throws `N3X_REFUSED` when not, and `N3X_INVALID` when nobody can be asked or another cluster is meant.
 */
export async function agree(console: Console, agreed: Agreed, { kind, name, clusterId }: Subject): Promise<void> {
  if (agreed.clusterId !== undefined && !(agreed.clusterId.length >= 8 && clusterId.startsWith(agreed.clusterId))) {
    throw new N3xError(
      ERROR_CODES.invalid,
      `nothing was changed: this is cluster ${clusterId}, not ${agreed.clusterId}`,
    );
  }
  if (agreed.yes === true && agreed.clusterId !== undefined) return;
  if (agreed.yes === true || console.stdin.isTTY !== true) {
    throw new N3xError(
      ERROR_CODES.invalid,
      `nothing was changed: without a terminal to ask at, agree with --yes --cluster-id ${clusterId.slice(0, 8)}`,
    );
  }
  const asking = createInterface({ input: console.stdin, output: console.stdout });
  // A line that comes together with the end is an answer, so it goes first.
  const gone = new Promise<string>((resolve) => asking.once('close', () => setImmediate(() => resolve(''))));
  // Ctrl-C and Ctrl-D end the question without an answer, which is a no.
  const answer = asking.question(`\nType the name of the ${kind} (${name}) to go on: `).catch(() => '');
  const said = await Promise.race([answer, gone]);
  asking.close();
  if (said.trim() === name) return;
  throw new N3xError(ERROR_CODES.refused, `nothing was changed: that is not the name of the ${kind}`);
}
