/** Follows the move of a volume until it is on its new host, or stays where it was. */
import type { VolumeView } from '@n3x/core/api/volume-routes';
import { ERROR_CODES } from '@n3x/core/base/errors';
import type { Deadline } from '../client/deadline.ts';
import type { Context } from '../context.ts';
import { CommandFailure } from '../output/error-report.ts';
import { copiedText } from '../output/volume-text.ts';
import { poll } from './poll.ts';
import { startProgress } from './progress.ts';

/** Waits until `volume`, which moves, is there, and gives it as it is then. Rejects with `CommandFailure` when it is not to be. */
export async function waitForVolume(context: Context, volume: VolumeView, deadline: Deadline): Promise<VolumeView> {
  const { uid } = volume;
  const to = volume.move?.to ?? '';
  const progress = startProgress(context.terminal.stderr, context.quiet);
  let last = volume;
  const look = async (): Promise<VolumeView | undefined> => {
    last = await context.client.call('getVolume', { deadline, params: { ref: uid }, query: {} });
    progress.update(`volume ${uid}: ${copiedText(last)}`);
    if (last.move?.to === to) return undefined;
    if (last.host === to) return last;
    const why = last.moveFailure ?? 'its move was taken back';
    throw new CommandFailure(ERROR_CODES.refused, `volume ${uid} stays on ${last.host ?? 'no host'}: ${why}`, {
      details: { uid },
    });
  };
  try {
    return await poll(context, {
      deadline,
      look,
      onTrouble: (text) => progress.update(`volume ${uid}: ${text}`),
      late: () => `volume ${uid} is not on ${to} yet: ${copiedText(last)}`,
      hint: `it goes on without you: n3xctl volume show ${uid}`,
    });
  } finally {
    progress.stop();
  }
}
