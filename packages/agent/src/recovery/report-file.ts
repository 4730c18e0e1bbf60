/** Reports as files, to be carried from one host to another. */
import { open } from 'node:fs/promises';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { REPORT_FORMAT, type RecoveryReport, recoveryReportSchema } from '@n3x/core/recovery/report';
import { z } from 'zod';
import { writeFileAtomically } from '../store/atomic-file.ts';

/** A file longer than this, in bytes, is no report. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;

/** Writes a report; readable by its owner only, since it names hosts and addresses. */
export async function writeReport(path: string, report: RecoveryReport): Promise<void> {
  try {
    await writeFileAtomically(path, reportText(report), 0o600);
  } catch (cause) {
    throw new N3xError(ERROR_CODES.storage, `cannot write ${path}`, { details: { path }, cause });
  }
}

/** A report as the text of a file. */
export function reportText(report: RecoveryReport): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** Reads a report. Throws `N3X_INVALID` when it is none, `N3X_VERSION` when a newer n3xd wrote it. */
export async function readReport(path: string): Promise<RecoveryReport> {
  const value = parse(path, await readText(path));
  const format = z.looseObject({ kind: z.literal('n3x-recovery-report'), format: z.int() }).safeParse(value);
  if (format.success && format.data.format > REPORT_FORMAT) {
    throw new N3xError(
      ERROR_CODES.version,
      `${path} was written by a newer n3xd (format ${format.data.format}, this one reads ${REPORT_FORMAT}): use one version on all hosts`,
    );
  }
  const report = recoveryReportSchema.safeParse(value);
  if (report.success) return report.data;
  const issue = report.error.issues[0];
  const what = format.success ? ` (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})` : '';
  throw new N3xError(ERROR_CODES.invalid, `${path} is no report of "n3xd recover inspect --output FILE"${what}`);
}

async function readText(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    if (size > FILE_BYTES_MAX) throw new Error(`it has ${size} bytes`);
    return await file.readFile('utf8');
  } catch (cause) {
    throw new N3xError(ERROR_CODES.invalid, `cannot read ${path}`, { details: { path }, cause });
  }
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new N3xError(ERROR_CODES.invalid, `${path} is no report: it is not JSON`, { details: { path }, cause });
  }
}
