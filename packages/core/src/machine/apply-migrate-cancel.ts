/** A user takes the move of one VM back. */
import { ERROR_CODES } from '../base/errors.ts';
import { isDraining } from '../model/drain.ts';
import { displacedBy, moveOf } from '../model/move.ts';
import type { Command } from './command.ts';
import { giveUp } from './moving.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, overtaken, unchanged, type Verdict } from './verdict.ts';

/**
 * `vmMigrateCancel`. The VM runs on where it is, or is started there again when it has stopped already; one that has
 * arrived stays where it is.
 */
export function applyVmMigrateCancel(
  tx: Transaction,
  { name, ifModifiedIndex }: Extract<Command, { type: 'vmMigrateCancel' }>,
): Verdict {
  const vm = tx.state.vm(name);
  if (vm === undefined) return notFound('VM', name, '`n3xctl vm list` shows those that do');
  const late = overtaken('VM', vm, ifModifiedIndex);
  if (late !== undefined) return late;
  const room = displacedBy(vm);
  if (room !== undefined) {
    const message = `VM ${name} makes room for ${room}, which is more important: it gets another host once it has left`;
    return no(ERROR_CODES.refused, message, { name, for: room });
  }
  const move = moveOf(vm);
  if (move === undefined) return unchanged();
  const source = tx.state.host(vm.assignment?.hostId ?? 0);
  const isEmptied = move.cause === 'drain' || move.cause === 'evacuate';
  if (isEmptied && source !== undefined && isDraining(source.drain)) {
    const what = source.drain.mode === 'drain' ? 'drained' : 'evacuated';
    const message = `VM ${name} moves because ${source.name} is ${what}, and would be moved again: end that with \`n3xctl host undrain ${source.name}\``;
    return no(ERROR_CODES.refused, message, { name, host: source.name });
  }
  giveUp(tx, vm, 'its move was taken back');
  return done();
}
