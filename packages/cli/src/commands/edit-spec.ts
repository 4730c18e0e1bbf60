/** A spec in the user's editor. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VmView } from '@n3x/core/api/schemas';
import { ERROR_CODES } from '@n3x/core/base/errors';
import { UsageError } from '../arguments/usage-error.ts';
import { checkedSpec } from '../arguments/vm-request.ts';
import { CommandFailure } from '../output/error-report.ts';
import type { Terminal } from '../output/terminal.ts';

function runEditor(command: string, file: string, env: Terminal['env']): Promise<number> {
  return new Promise((resolve, reject) => {
    // An editor's name may hold flags, as in `code --wait`: the shell splits it, and the file is no part of its text.
    const child = spawn('sh', ['-c', `${command} "$1"`, 'sh', file], {
      stdio: 'inherit',
      env: { ...process.env, ...env },
    });
    child.once('exit', (code) => resolve(code ?? 1));
    child.once('error', reject);
  });
}

/**
 * The spec as it comes back from `$VISUAL` or `$EDITOR`, checked. What does not pass is kept in a file that the error names.
 * Rejects with `CommandFailure` and `UsageError`.
 */
export async function editSpec(terminal: Terminal, name: string, spec: VmView['spec']): Promise<VmView['spec']> {
  const editor = terminal.env['VISUAL'] ?? terminal.env['EDITOR'];
  if (editor === undefined || editor.trim() === '') {
    throw new UsageError('vm edit needs an editor: set EDITOR', `for example: EDITOR=vi n3xctl vm edit ${name}`);
  }
  const { parse, stringify } = await import('../output/yaml.ts');
  const directory = await mkdtemp(join(tmpdir(), 'n3xctl-edit-'));
  const file = join(directory, `${name}.yaml`);
  await writeFile(
    file,
    `# The spec of ${name}. Save and leave the editor to change it; an unchanged file changes nothing.\n${stringify(spec)}`,
  );
  const code = await runEditor(editor, file, terminal.env);
  if (code !== 0) {
    await rm(directory, { recursive: true, force: true });
    throw new CommandFailure(ERROR_CODES.invalid, `the editor ended with code ${code}: nothing was changed`);
  }
  try {
    const edited = await checkedSpec(parse(await readFile(file, 'utf8')));
    await rm(directory, { recursive: true, force: true });
    return edited;
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new CommandFailure(
      ERROR_CODES.invalid,
      `what you wrote is no spec: ${why}. Nothing was changed; your text is in ${file}`,
      { cause: error },
    );
  }
}
