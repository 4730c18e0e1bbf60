/** `--wait` for a set: follows it until all of its VMs are as asked, or its update has failed. */
import type { SetView } from '@n3x/core/api/set-routes';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import { Deadline, pause } from '../client/deadline.ts';
import type { Context } from '../context.ts';
import { CommandFailure } from '../output/error-report.ts';
import { startProgress } from './progress.ts';

/** Pause between two looks, in ms. */
const LOOK_MS = 300;

/** Why the set will not get there, or undefined while it may. */
function failureOf(wanted: SetView, set: SetView): string | undefined {
  if (set.uid !== wanted.uid || set.deleting) return 'it was deleted by somebody else';
  if (set.generation !== wanted.generation) return 'somebody else has changed it';
  const revision = set.revisions.find(({ number }) => number === wanted.current);
  if (revision?.outcome !== 'failed') return undefined;
  const then = set.current === wanted.current ? '' : `; all go back to revision ${set.current}`;
  return `revision ${wanted.current} failed: ${revision.message ?? 'a VM did not get ready'}${then}`;
}

/** Waits until the set is as it was asked to be. Rejects with `CommandFailure`: timed out, failed, or overtaken. */
export async function waitForSet(context: Context, wanted: SetView, deadline: Deadline): Promise<SetView> {
  const progress = startProgress(context.terminal.stderr, context.quiet);
  const limit = deadline.signal();
  const signal = AbortSignal.any([limit.signal, context.terminal.interrupted]);
  const { name } = wanted;
  let last = wanted;
  try {
    while (!signal.aborted) {
      last = await look(context, name, deadline, last);
      const failure = failureOf(wanted, last);
      if (failure !== undefined) {
        throw new CommandFailure(ERROR_CODES.driver, `set ${name}: ${failure}`, { hint: `n3xctl vm history ${name}` });
      }
      if (last.state === 'settled' || last.state === 'stopped') return last;
      progress.update(`${name}: ${last.ready} of ${last.replicas} ready, ${last.updated} updated: ${last.waitsFor}`);
      await pause(LOOK_MS, signal);
    }
  } finally {
    limit.stop();
    progress.stop();
  }
  const why = context.terminal.interrupted.aborted ? 'interrupted' : `not done after ${deadline.spanMs / 1000} s`;
  throw new CommandFailure(ERROR_CODES.timeout, `set ${name}: ${why}: ${last.waitsFor}`, {
    hint: `it goes on without you: n3xctl vm show ${name}`,
  });
}

async function look(context: Context, name: string, deadline: Deadline, last: SetView): Promise<SetView> {
  try {
    return await context.client.call('getSet', {
      deadline: deadline.passed ? new Deadline(1) : deadline,
      params: { name },
      query: { consistency: 'linearizable' },
    });
  } catch (error) {
    // The deadline is told by the one who waits, with the reason.
    if (error instanceof N3xError && error.code === ERROR_CODES.timeout && deadline.passed) return last;
    throw error;
  }
}

/** Waits until no set of this name is left. Rejects with `CommandFailure` when time is up. */
export async function waitForSetGone(context: Context, name: string, deadline: Deadline): Promise<void> {
  const limit = deadline.signal();
  const signal = AbortSignal.any([limit.signal, context.terminal.interrupted]);
  try {
    while (!signal.aborted) {
      const query = { consistency: 'linearizable' } as const;
      await context.client.call('getSet', {
        deadline: deadline.passed ? new Deadline(1) : deadline,
        params: { name },
        query,
      });
      await pause(LOOK_MS, signal);
    }
  } catch (error) {
    if (error instanceof N3xError && error.code === ERROR_CODES.notFound) return;
    if (!(error instanceof N3xError && error.code === ERROR_CODES.timeout && deadline.passed)) throw error;
  } finally {
    limit.stop();
  }
  throw new CommandFailure(ERROR_CODES.timeout, `set ${name} is not gone after ${deadline.spanMs / 1000} s`, {
    hint: `it goes on without you: n3xctl vm show ${name}`,
  });
}
