/** Asks before something that cannot be taken back. */
import { createInterface } from 'node:readline/promises';
import { UsageError } from '../arguments/usage-error.ts';
import type { Terminal } from './terminal.ts';

/**
 * Resolves when the user agrees: with `yes` at once, else by typing `name` at a terminal, after `warning` was shown.
 * Throws `UsageError` when not, or when nobody can be asked; then nothing was changed.
 */
export async function agree(terminal: Terminal, warning: string, name: string, yes: boolean): Promise<void> {
  if (yes) return;
  const { stdin, stderr, interrupted } = terminal;
  if (stdin.isTTY !== true) {
    throw new UsageError(`nothing was changed: ${warning}`, 'there is no terminal to ask at; agree with --yes');
  }
  stderr.write(`${warning}\n`);
  const asking = createInterface({ input: stdin, output: stderr });
  // Ctrl-C and Ctrl-D end the question without an answer, which is a no.
  const gone = new Promise<string>((resolve) => asking.once('close', () => resolve('')));
  const answer = asking.question(`Type ${name} to go on: `, { signal: interrupted }).catch(() => '');
  const said = await Promise.race([answer, gone]);
  asking.close();
  if (said.trim() !== name) throw new UsageError(`nothing was changed: that is not ${name}`);
}
