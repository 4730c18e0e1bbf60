/** The restart of a host's n3xd: from the promise of a longer lease until it is over. */
import { ERROR_CODES } from '../base/errors.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Host } from '../model/host.ts';
import { restartLimits } from '../model/restart-lease.ts';
import type { Command } from './command.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, unchanged, type Verdict } from './verdict.ts';

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

function about(host: Host): { kind: 'host'; name: string } {
  return { kind: 'host', name: host.name };
}

/** `hostRestarting`. */
export function applyHostRestarting(
  tx: Transaction,
  cluster: Cluster,
  { hostId, bootId }: CommandOf<'hostRestarting'>,
): Verdict {
  const host = tx.state.host(hostId);
  if (host === undefined) return notFound('host', String(hostId), 'it is no member');
  const limits = restartLimits(cluster.settings);
  if (limits === undefined) {
    return no(ERROR_CODES.refused, `host ${host.name} is given no lease to restart: restart-lease is 0`, {
      name: host.name,
    });
  }
  // A promise that was thought lost may come after that of a later run, which was perhaps promised more.
  const waitMs = Math.max(limits.waitMs, host.restarting?.waitMs ?? 0);
  tx.putHost({
    ...host,
    restarting: { index: tx.index, bootId, sinceMs: tx.atMs, holdMs: limits.holdMs, waitMs },
  });
  const message = `n3xd stops, as for an upgrade: its VMs run on, and go elsewhere if it is not back within ${secondsText(waitMs)}`;
  tx.event(about(host), 'Restarting', message);
  return done();
}

/** `hostRestartOver`. Of another promise than the one that stands it says nothing. */
export function applyHostRestartOver(tx: Transaction, { hostId, index, cause }: CommandOf<'hostRestartOver'>): Verdict {
  const host = tx.state.host(hostId);
  if (host?.restarting?.index !== index) return unchanged();
  const { restarting, ...rest } = host;
  tx.putHost(rest);
  if (cause === 'back') tx.event(about(host), 'Restarted', 'n3xd is back, and renews its lease as ever');
  else {
    const message = `n3xd was to be back within ${secondsText(restarting.waitMs)}, and its longer lease has run out`;
    tx.event(about(host), 'RestartOverdue', message, 'warning');
  }
  return done();
}

function secondsText(ms: number): string {
  return `${Math.ceil(ms / 1000)} s`;
}
