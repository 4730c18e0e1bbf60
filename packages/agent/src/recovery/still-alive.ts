/** Looks whether hosts that are taken for lost answer all the same. */
import type { PrivateKey } from '@libp2p/interface';
import type { ReportHost } from '@n3x/core/recovery/report';
import { PeerNode } from '../transport/node.ts';

/** How long, in ms, a host may take to answer. */
const ANSWER_MS = 4_000;

/**
 * Those of `hosts` at whose addresses their own keys answer: an n3xd of theirs runs. Addresses where nobody or somebody
 * else answers prove nothing.
 */
export async function stillAlive(
  self: { readonly peerId: string; readonly privateKey: PrivateKey },
  hosts: readonly ReportHost[],
): Promise<readonly ReportHost[]> {
  const asked = hosts.filter((host) => host.addresses.length > 0);
  if (asked.length === 0) return [];
  const node = await PeerNode.start({ identity: self, listen: [], log: () => undefined });
  try {
    const answers = await Promise.all(
      asked.map(async (host) => {
        try {
          await node.connect(host.peerId, host.addresses, AbortSignal.timeout(ANSWER_MS));
          return true;
        } catch {
          return false;
        }
      }),
    );
    return asked.filter((_, i) => answers[i]);
  } finally {
    await node.stop();
  }
}
