/** VMs that are bound to each other by `near` leave a host together: none of them would fit on another host by itself. */
import { assert } from '../base/assert.ts';
import { ERROR_CODES } from '../base/errors.ts';
import { hostZone } from '../model/host.ts';
import type { Vm } from '../model/vm.ts';
import { beginMove } from './apply-move.ts';
import type { Command } from './command.ts';
import { emptying } from './moving.ts';
import { type Loads, withoutVms, withVms } from './occupancy.ts';
import type { ClusterState } from './state.ts';
import type { Transaction } from './transaction.ts';
import { done, no, notFound, type Verdict } from './verdict.ts';

/** What one of `group` finds on a host to which the others go too; all of them are on the host `sourceId` now. */
export function loadsBeside(
  state: ClusterState,
  loads: Loads,
  group: readonly Vm[],
  sourceId: number,
  targetId: number,
): (vm: Vm) => Loads {
  const zoneOf = (hostId: number): string => {
    const host = state.host(hostId);
    return host === undefined ? '' : hostZone(host);
  };
  const gone = withoutVms(loads, sourceId, zoneOf(sourceId), group);
  return (vm) =>
    withVms(
      gone,
      targetId,
      zoneOf(targetId),
      group.filter((other) => other.name !== vm.name),
    );
}

/** `vmMoveTogether`: all of them or none. Each then builds and leaves by itself. */
export function applyVmMoveTogether(
  tx: Transaction,
  { moves, cause, targetId }: Extract<Command, { type: 'vmMoveTogether' }>,
): Verdict {
  const group: Vm[] = [];
  for (const { name } of moves) {
    const vm = tx.state.vm(name);
    if (vm === undefined) return notFound('VM', name, 'it went while its move was planned');
    if (group.includes(vm)) return no(ERROR_CODES.invalid, `VM ${name} is named twice`, { name });
    group.push(vm);
  }
  const sourceId = group[0]?.assignment?.hostId ?? 0;
  const source = tx.state.host(sourceId);
  const stray = group.find(({ assignment }) => assignment?.hostId !== sourceId);
  if (stray !== undefined || source === undefined) {
    const message = `VM ${stray?.name ?? moves[0]?.name} is not on one host with the others: plan again`;
    return no(ERROR_CODES.conflict, message, { name: stray?.name ?? '' });
  }
  const isEmptied = cause === 'drain' || cause === 'evacuate';
  const before = emptying(tx.state, sourceId);
  const most = source.drain?.parallel ?? 0;
  // A group that is larger than the limit goes when nobody else does.
  if (isEmptied && before > 0 && before + group.length > most) {
    const message = `${group.length} VMs wait: ${before} of host ${source.name} are on their way already, and ${most} may be`;
    return no(ERROR_CODES.refused, message, { host: source.name });
  }
  const judge = loadsBeside(tx.state, tx.state.indexes, group, sourceId, targetId);
  for (const move of moves) {
    const verdict = beginMove(tx, { ...move, cause, targetId }, { judge });
    if (!verdict.ok) return verdict;
  }
  for (const move of moves) {
    const verdict = beginMove(tx, { ...move, cause, targetId }, 'judged');
    assert(verdict.ok, `${move.name} cannot move after all`);
  }
  return done({ epoch: tx.index, hostId: targetId });
}
