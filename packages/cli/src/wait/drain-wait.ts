/** Follows a drain until the host is empty, or what is left can go nowhere. */
import type { DrainView } from '@n3x/core/api/move-routes';
import { ERROR_CODES } from '@n3x/core/base/errors';
import type { Deadline } from '../client/deadline.ts';
import type { Context } from '../context.ts';
import { drainLine, stayingText } from '../output/drain-text.ts';
import { CommandFailure } from '../output/error-report.ts';
import { poll } from './poll.ts';
import { startProgress } from './progress.ts';

/** For how long, in ms, nothing may move before a drain counts as stuck: a target may only just be away. */
const STUCK_MS = 3_000;

/** Waits until the host is empty, and gives the last view. Rejects with `CommandFailure` when VMs stay, with the reasons. */
export async function waitForDrain(context: Context, name: string, deadline: Deadline): Promise<DrainView> {
  const progress = startProgress(context.terminal.stderr, context.quiet);
  let last: DrainView | undefined;
  let stuckSince: number | undefined;
  const look = async (): Promise<DrainView | undefined> => {
    const view = await context.client.call('getDrain', { deadline, params: { name }, query: {} });
    last = view;
    progress.update(drainLine(view));
    if (view.drain === null) {
      throw new CommandFailure(ERROR_CODES.conflict, `the drain of host ${name} was ended by somebody else`);
    }
    const { outcome } = view.drain;
    if (outcome === 'drained') return view;
    if (outcome !== 'stuck') stuckSince = undefined;
    else stuckSince ??= performance.now();
    const isStuck = stuckSince !== undefined && performance.now() - stuckSince >= STUCK_MS;
    if (!isStuck && outcome !== 'expired') return undefined;
    const why = outcome === 'expired' ? 'the deadline passed' : 'nothing more can be moved';
    throw new CommandFailure(ERROR_CODES.refused, `host ${name} is not empty: ${why}, ${drainLine(view)}`, {
      log: stayingText(view),
      hint:
        outcome === 'expired'
          ? `n3xctl host drain ${name} goes on with it, n3xctl host undrain ${name} gives it up`
          : `it goes on by itself once there is room; n3xctl host undrain ${name} gives it up`,
      details: { name, left: view.vms.map((vm) => ({ name: vm.name, text: vm.text })) },
    });
  };
  try {
    return await poll(context, {
      deadline,
      look,
      onTrouble: (text) => progress.update(`${name}: ${text}`),
      late: () => `host ${name} is not empty: ${last === undefined ? 'nothing was heard of it' : drainLine(last)}`,
      hint: `it goes on without you: n3xctl host show ${name}`,
    });
  } finally {
    progress.stop();
  }
}
