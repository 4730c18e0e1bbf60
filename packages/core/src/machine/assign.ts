/** VM to host: the one place where an assignment is made. */
import { ERROR_CODES } from '../base/errors.ts';
import { type Cluster, strategyOf } from '../model/cluster.ts';
import type { PlacementDecision } from '../model/decision.ts';
import type { Host } from '../model/host.ts';
import type { Vm } from '../model/vm.ts';
import { projectOf } from '../model/vm-name.ts';
import { type Misfit, misfits } from './fit.ts';
import { describeMisfit } from './fit-text.ts';
import type { Transaction } from './transaction.ts';
import { done, no, type Verdict } from './verdict.ts';
import { settleVolumes } from './volumes.ts';

/** Who decided about a VM, and what was seen then. The rest of the record follows from the entry. */
export type DecidedBy = Pick<PlacementDecision, 'maker' | 'cause' | 'weighing'>;

/**
 * Gives a VM its host, unless a rule is against it; then nothing has changed. `how` ends the sentence that tells of it.
 */
export function assign(tx: Transaction, cluster: Cluster, vm: Vm, host: Host, how: string, by: DecidedBy): Verdict {
  const hint = how === '' ? 'Decide again' : `\`n3xctl vm explain ${vm.name}\` shows where it fits`;
  const refusal = unfit(vm, host, misfits(vm, host, tx.state.indexes), hint);
  if (refusal !== undefined) return refusal;
  if (strategyOf(cluster, tx.state.project(projectOf(vm.name)), vm.spec.placement) === 'round-robin')
    tx.putCluster({ ...cluster, lastTurnHostId: host.id });
  tx.putVmStatus(
    {
      ...settleVolumes(tx, vm, host),
      assignment: { hostId: host.id, epoch: tx.index },
      decision: decision(tx, by, { hostId: host.id }),
    },
    { ...vm.status, phase: 'building', reason: 'Assigned', message: `assigned to ${host.name}${how}` },
  );
  tx.event({ kind: 'vm', name: vm.name }, 'Assigned', `assigned to ${host.name}${how}`);
  return done({ hostId: host.id, epoch: tx.index });
}

/** The record of what was decided in this entry: the host, or what was told to a VM that waits. */
export function decision(
  tx: Transaction,
  { maker, cause, weighing }: DecidedBy,
  outcome: Pick<PlacementDecision, 'hostId' | 'message'>,
): PlacementDecision {
  return {
    atMs: tx.atMs,
    ...(cause === undefined ? {} : { cause }),
    ...outcome,
    index: tx.index,
    maker,
    ...(weighing === undefined ? {} : { weighing }),
  };
}

/** Why a VM must not go to a host; undefined without a rule against it. */
export function unfit(vm: Vm, host: Host, against: readonly Misfit[], hint = 'Decide again'): Verdict | undefined {
  if (against.length === 0) return undefined;
  const reasons = against.map(describeMisfit).join(' and ');
  return no(ERROR_CODES.refused, `VM ${vm.name} cannot go to ${host.name}: it ${reasons}. ${hint}`, {
    name: vm.name,
    host: host.name,
    rules: against.map((misfit) => misfit.rule),
  });
}
