/** What `n3xd recover` and `n3xd restore` do, once the command line is read. */
import { loadConfig } from '../config/load.ts';
import { assessmentText, inspectionText } from './assessment-text.ts';
import type { Agreed, Console } from './consent.ts';
import { forget } from './forget.ts';
import { compareReports, recover } from './recover.ts';
import { reportText, writeReport } from './report-file.ts';
import { restore } from './restore.ts';
import { openStoppedMember } from './stopped-host.ts';

/** Flags that name the data directory. */
export interface PlaceFlags {
  /** The configuration file; where it is unless said otherwise. */
  readonly config: string;
  readonly dataDir?: string;
}

async function dataDirOf({ config, dataDir }: PlaceFlags): Promise<string> {
  return dataDir ?? (await loadConfig(config)).config.dataDir;
}

/** `n3xd recover inspect`. */
export async function runInspect(
  flags: PlaceFlags & { readonly output?: string; readonly json?: true },
  console: Console,
): Promise<void> {
  const member = await openStoppedMember(await dataDirOf(flags), Date.now());
  await member.data.close();
  const { report } = member;
  if (flags.output !== undefined) await writeReport(flags.output, report);
  console.stdout.write(flags.json === true ? reportText(report) : inspectionText(report));
  if (flags.output !== undefined) console.stderr.write(`n3xd: the report is in ${flags.output}\n`);
}

/** `n3xd recover plan REPORT...`. */
export async function runPlan(
  reports: readonly string[],
  flags: { readonly json?: true },
  console: Console,
): Promise<void> {
  const assessment = await compareReports(reports);
  const { best } = assessment;
  console.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ ...assessment, ranking: assessment.ranking.map(({ host, last, commit }) => ({ host, last, commit })), best: best.host }, null, 2)}\n`
      : `${assessmentText(assessment, undefined, Date.now())}\nRecover on ${best.host.name}, with the reports of the others: n3xd recover REPORT...\n`,
  );
}

/** `n3xd recover [REPORT...]`. */
export async function runRecover(
  reports: readonly string[],
  flags: PlaceFlags & Agreed & { readonly althoughAlive?: true },
  console: Console,
): Promise<void> {
  await recover({ ...flags, dataDir: await dataDirOf(flags), reports }, console);
}

/** `n3xd recover forget`. */
export async function runForget(flags: PlaceFlags & Agreed, console: Console): Promise<void> {
  const archive = await forget({ ...flags, dataDir: await dataDirOf(flags) }, console);
  console.stdout.write(
    `\nDone. What it had is kept in ${archive}.\n\nNext:\n  1. systemctl start n3xd, then n3xctl cluster join TOKEN\n`,
  );
}

/** `n3xd restore FILE`. */
export async function runRestore(
  file: string,
  flags: { readonly config: string } & Agreed,
  console: Console,
): Promise<void> {
  const { config } = await loadConfig(flags.config);
  await restore({ ...flags, config, file }, console);
}
