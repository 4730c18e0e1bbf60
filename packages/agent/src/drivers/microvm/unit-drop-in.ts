/**
 * Tells systemd, until the next boot of the host, not to restart a VM's unit by itself, as microvm.nix's units would
 * (`Restart=always`): whether a VM is started again, when and on which host is for n3x to decide.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../../store/atomic-file.ts';
import { isMissing } from './layout.ts';

/** Directory of units that are gone after the next boot; systemd.unit(5). */
export const RUNTIME_UNITS = '/run/systemd/system';
const FILE = '50-n3x.conf';
const TEXT = '# Written by n3xd, which decides itself whether this VM is started again.\n[Service]\nRestart=no\n';

/** Arguments of a command as a unit file takes them: systemd.service(5), "Command lines". */
function commandLine(argv: readonly string[]): string {
  const quote = (text: string) =>
    `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;
  return argv.map(quote).join(' ');
}

function directoryOf(units: string, unit: string): string {
  return join(units, `${unit}.d`);
}

/**
 * Makes sure of it; whether systemd has to read its units anew. With `gate`, a command, the unit starts only while that
 * command succeeds. Rejects with the system's error.
 */
export async function forbidRestarts(
  units: string,
  unit: string,
  gate: readonly string[] | undefined,
): Promise<boolean> {
  const path = join(directoryOf(units, unit), FILE);
  const text = gate === undefined ? TEXT : `${TEXT}ExecCondition=${commandLine(gate)}\n`;
  try {
    if ((await readFile(path, 'utf8')) === text) return false;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  await mkdir(directoryOf(units, unit), { recursive: true });
  await writeFileAtomically(path, text, 0o644);
  return true;
}

/** Takes it back; whether there was something to take back. */
export async function allowRestarts(units: string, unit: string): Promise<boolean> {
  const directory = directoryOf(units, unit);
  try {
    await rm(join(directory, FILE));
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  await rm(directory, { recursive: true, force: true });
  return true;
}
