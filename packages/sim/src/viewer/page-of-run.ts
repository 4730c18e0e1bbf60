/** From a run that was recorded to its page: what the run was, what it came to, and its story. */
import { type Case, formatCase } from '../commands/case-file.ts';
import type { Story } from '../explain/story.ts';
import type { RunResult } from '../simulator.ts';
import { pageOf } from './html.ts';
import type { Recording, Verdict } from './page/recording.ts';
import type { RunRecorder } from './recorder.ts';

/** Characters of a case up to which the page has it. */
const CASE_MAX = 20_000;

/** The page of a run; `story` is there when it broke a rule. `command` repeats it. */
export function pageOfRun(
  { request }: Case,
  result: RunResult,
  recorder: RunRecorder,
  command: string,
  story: Story | undefined,
): string {
  const { seed, hosts, profile, workload, planted, durationMs, faults, operations } = request;
  const { tables, ...recorded } = recorder.finish(result.virtualMs);
  const workBegin = Math.round(result.workAtMs * 1_000);
  const { counts } = result;
  const text = faults === undefined && operations === undefined ? '' : formatCase({ request });
  const recording: Recording = {
    title: `n3x-sim seed ${seed}: ${hosts} hosts, ${profile}, ${workload}${story === undefined ? '' : `, violated ${story.rule}`}`,
    command,
    facts: [
      ['profile', profile],
      ['workload', workload],
      ...(planted === undefined ? [] : [['planted bug', planted] as const]),
      ['virtual time', `${(result.virtualMs / 1_000).toFixed(1)} s`],
      ...Object.entries(counts).map(([name, value]) => [spaced(name), String(value)] as const),
      ['digest', result.digest],
      ...(text !== '' && text.length <= CASE_MAX ? [['case', text] as const] : []),
    ],
    ...recorded,
    endUs: Math.max(1, Math.round(result.virtualMs * 1_000)),
    workUs: [workBegin, Math.min(workBegin + durationMs * 1_000, Math.round(result.virtualMs * 1_000))],
    ...(story === undefined ? {} : { verdict: verdictOf(story) }),
  };
  return pageOf({ recording, tables });
}

function spaced(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function verdictOf({ rule, message, atMs, happenedMs, meaning, votes, leaders, faults, chart }: Story): Verdict {
  const section = (title: string, lines: readonly string[], isChart = false) => ({ title, lines, isChart });
  return {
    ...{ rule, message, atUs: Math.round(atMs * 1_000), happenedUs: Math.round(happenedMs * 1_000) },
    sections: [
      section('What should hold', [meaning.promise]),
      section('What this means', [meaning.broken]),
      section('Votes', votes),
      section('Faults that may matter', faults),
      section('Leaders', leaders),
      section('Message chart', chart, true),
    ],
  };
}
