import manifest from '../../package.json' with { type: 'json' };
import { ConnectionError } from '../client/connection-error.ts';
import type { Context } from '../context.ts';

/** Version of this program, from its package. */
export function ownVersion(): string {
  return manifest.version;
}

/** `version`. Tells its own also when no n3xd answers. */
export async function version(context: Context): Promise<void> {
  const client = ownVersion();
  let server: string | null = null;
  let why = '';
  try {
    server = (await context.client.call('getVersion', { deadline: context.requestDeadline() })).version;
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    why = error.message;
  }
  await context.show(
    { n3xctl: client, n3xd: server },
    { names: [client], text: () => `n3xctl ${client}\nn3xd   ${server ?? `not reached: ${why}`}\n` },
  );
}
