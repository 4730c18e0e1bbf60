/** The verbs `run` and `replay`: one run, its result, and whatever of it is to be kept in files. */

import { scriptOf } from '../shrink/script.ts';
import { type RunResult, simulate } from '../simulator.ts';
import { pageOfRun } from '../viewer/page-of-run.ts';
import { RunRecorder } from '../viewer/recorder.ts';
import { historyLines } from '../workloads/history-lines.ts';
import { type Case, formatCase, traceHeader } from './case-file.ts';
import { storyOf } from './explain.ts';
import type { GivenCase, OneRunFlags } from './flags.ts';
import { checkOutputs, LineFile, writeOutput } from './input-file.ts';
import { EXIT, type ProgramOutput } from './program-output.ts';
import { describeResult, replayCommand, resultJson } from './report.ts';
import { resolveRequest } from './run-options.ts';

/** Flags of `run` and `replay`. */
export interface KeepFlags extends OneRunFlags {
  /** Files to write. */
  readonly history?: string;
  readonly trace?: string;
  readonly write?: string;
  readonly html?: string;
}

/** `run`: one run, without its trace on the terminal. */
export function runRun(found: GivenCase, flags: KeepFlags, output: ProgramOutput): number {
  return runCase(found, flags, output);
}

/** `replay`: one run with its trace, held against the trace of a file if that is what is given. */
export function runReplay(given: GivenCase, flags: KeepFlags, output: ProgramOutput): number {
  const { trace: expected, ...found } = given;
  let at = 0;
  let differs: { line: number; was: string; is: string } | undefined;
  const onLine = (line: string): void => {
    if (flags.json !== true && expected === undefined) output.out(line);
    const was = expected?.[at++];
    if (expected !== undefined && was !== line) differs ??= { line: at + 1, was: was ?? 'nothing', is: line };
  };
  const code = runCase(found, flags, output, onLine, () => {
    if (expected === undefined) return {};
    if (at < expected.length) differs ??= { line: at + 2, was: expected[at] ?? '', is: 'nothing' };
    return { same: differs === undefined, lines: expected.length };
  });
  if (expected === undefined) return code;
  if (differs === undefined) {
    if (flags.json !== true) output.out(`# the same trace, all ${expected.length} lines of it`);
    return code;
  }
  output.err(`the trace differs at line ${differs.line} of ${found.path}:\n  was ${differs.was}\n  is  ${differs.is}`);
  return EXIT.failed;
}

function runCase(
  found: GivenCase,
  flags: KeepFlags,
  output: ProgramOutput,
  onLine?: (line: string) => void,
  more: () => Record<string, unknown> = () => ({}),
): number {
  const { request } = found;
  const options = resolveRequest(request);
  checkOutputs(flags.html, flags.history, flags.write);
  const traceFile = flags.trace === undefined ? undefined : new LineFile(flags.trace);
  traceFile?.line(traceHeader(found));
  const line =
    onLine === undefined && traceFile === undefined
      ? {}
      : {
          onLine: (text: string) => {
            traceFile?.line(text);
            onLine?.(text);
          },
        };
  const recorder = flags.html === undefined ? undefined : new RunRecorder();
  const record = recorder === undefined ? {} : { onEvent: recorder.take, onSecond: recorder.look };
  const wholeHistory = flags.history !== undefined || flags.write !== undefined;
  const began = performance.now();
  const result = simulate({ ...options, ...line, ...record, wholeHistory });
  const realMs = performance.now() - began;
  traceFile?.close();
  if (flags.html !== undefined && recorder !== undefined) {
    const story = result.violation === undefined ? undefined : storyOf(request);
    writeOutput(flags.html, pageOfRun(found, result, recorder, repeatOf(found, flags), story));
  }
  keep(found, result, flags);
  const { planted } = request;
  const repeat = repeatOf(found, flags);
  if (flags.json === true) {
    output.out(JSON.stringify({ ...resultJson(options, result, realMs, planted), replay: repeat, ...more() }));
  } else {
    more();
    const text = describeResult(options, result, realMs, repeat);
    output.out(onLine === undefined ? text : text.replace(/^/gm, '# '));
  }
  return result.verdict === 'passed' ? EXIT.passed : EXIT.violated;
}

function historyText({ objects }: RunResult['history']): string {
  return historyLines(objects)
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
}

/** The command that repeats a run, as it was given. */
function repeatOf({ request, path }: GivenCase, flags: OneRunFlags): string {
  if (path !== undefined) return `n3x-sim replay --case ${path}`;
  return `${replayCommand(request)}${flags.faults === undefined ? '' : ` --faults ${flags.faults}`}`;
}

function keep({ request }: Case, result: RunResult, { history, write }: KeepFlags): void {
  if (history !== undefined) writeOutput(history, historyText(result.history));
  if (write === undefined) return;
  const { violation } = result;
  writeOutput(
    write,
    formatCase({
      request: { ...request, faults: result.faults, operations: scriptOf(result) },
      ...(violation === undefined ? {} : { violation }),
    }),
  );
}
