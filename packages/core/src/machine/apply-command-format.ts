/** Raising the format of commands that is in force. */
import { ERROR_CODES } from '../base/errors.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Command } from './command.ts';
import { hostsWithoutFormat } from './command-format.ts';
import type { Transaction } from './transaction.ts';
import { done, no, unchanged, type Verdict } from './verdict.ts';

/** `commandFormatRaise`. Decided again here, because hosts may have come or changed since it was proposed. */
export function applyCommandFormatRaise(
  tx: Transaction,
  cluster: Cluster,
  { format }: Extract<Command, { type: 'commandFormatRaise' }>,
): Verdict {
  if (format <= cluster.commandFormat) return unchanged();
  const without = hostsWithoutFormat(tx.state, format).map(({ name }) => name);
  if (without.length > 0) {
    return no(
      ERROR_CODES.refused,
      `command format ${format} is not read by ${without.slice(0, 8).join(', ')}: upgrade them first`,
      {
        format,
        hosts: without.slice(0, 64),
      },
    );
  }
  tx.putCluster({ ...cluster, commandFormat: format });
  tx.event(
    { kind: 'cluster', name: cluster.name },
    'CommandFormatRaised',
    `commands of format ${format} are in force instead of ${cluster.commandFormat}: older builds of n3xd cannot take part any more`,
  );
  return done();
}
