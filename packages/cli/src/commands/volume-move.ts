/** The verb that moves a volume of no VM. */
import type { RouteResult } from '@n3x/core/api/routes';
import { UsageError } from '../arguments/usage-error.ts';
import type { Context } from '../context.ts';
import { waitDeadlines } from '../wait/vm-wait.ts';
import { waitForVolume } from '../wait/volume-wait.ts';

/** Flags of `volume move`. */
export interface MoveFlags {
  readonly to?: string;
  readonly cancel?: true;
  readonly wait?: true;
}

async function show(context: Context, answer: RouteResult<'moveVolume'>, ref: string, done: string): Promise<void> {
  const uid = answer.volume?.uid ?? ref;
  await context.show({ ...answer }, { names: [uid], text: () => `volume ${uid}: ${done}\n` });
}

/** `volume move VOLUME --to HOST [--wait]`, or `--cancel` to take it back. */
export async function move(context: Context, args: readonly string[], flags: MoveFlags): Promise<void> {
  context.refuseStale();
  const ref = args[0] ?? '';
  if (flags.cancel === true) {
    const deadline = context.requestDeadline();
    const answer = await context.client.call('cancelVolumeMove', { deadline, params: { ref } });
    const done = answer.changed ? 'its move was taken back' : 'unchanged, it does not move';
    return await show(context, answer, ref, `${done}; it stays on ${answer.volume?.host ?? 'no host'}`);
  }
  const { to } = flags;
  if (to === undefined) {
    throw new UsageError('volume move: where to?', 'name the host with --to, or take a move back with --cancel');
  }
  const deadlines = waitDeadlines(context, flags.wait === true);
  const answer = await context.client.call('moveVolume', {
    deadline: deadlines.request,
    params: { ref },
    body: { host: to },
  });
  const { volume } = answer;
  if (flags.wait !== true || volume === null || volume.move === null) {
    return await show(context, answer, ref, answer.changed ? `moves to ${to}` : 'unchanged');
  }
  const moved = await waitForVolume(context, volume, deadlines.whole);
  await show(context, { ...answer, volume: moved }, ref, `moved to ${moved.host ?? to}`);
}
