/**
 * The state machine: one committed entry after the other, the same on every host.
 *
 * - `applyProposal(state, position, proposal)`: a command, once per request id.
 * - `applyConfState(state, index, confState)`: a configuration change.
 * - `applyEmpty(state, index)`: an entry without effect (a new leader's first one).
 *
 * Exactly one of them is to be called for every entry, in order. None of them reads anything but its
 * arguments, and none throws on a proposal that fits its schema.
 */
import { ERROR_CODES } from '../base/errors.ts';
import type { LogIndex, Term } from '../raft/types.ts';
import { applyVmAdopt, applyVmRelease } from './apply-adopt.ts';
import { applyAnnotate } from './apply-annotate.ts';
import { applyClusterSet } from './apply-cluster.ts';
import { applyCommandFormatRaise } from './apply-command-format.ts';
import { applyHostDrain, applyHostDrainNote, applyHostUndrain } from './apply-drain.ts';
import { applyVmFailover } from './apply-failover.ts';
import { applyHostJoin, applyHostReachable, applyHostReport, applyHostSet } from './apply-host.ts';
import { applyHostLeave, applyHostRemove, applyHostRemoved } from './apply-host-leave.ts';
import { applyHostJoinExpired } from './apply-join-expired.ts';
import { applyLockAcquire, applyLockBreak, applyLockExpire, applyLockRelease, applyLockRenew } from './apply-lock.ts';
import { applyVmMigrateCancel } from './apply-migrate-cancel.ts';
import { applyClusterRebalance, applyVmMove, applyVmMoveBuilt, applyVmMoveCancel } from './apply-move.ts';
import { applyVmMoveCopied, applyVmMoveCopying } from './apply-move-copy.ts';
import { applyVmMoveTogether } from './apply-move-together.ts';
import { applyNetworkCreate, applyNetworkDelete, applyNetworkHoldEnd, applyNetworkSet } from './apply-network.ts';
import {
  applyVmAssign,
  applyVmPlace,
  applyVmPreempt,
  applyVmRemoved,
  applyVmReport,
  applyVmUnplaceable,
} from './apply-placement.ts';
import { applyProjectCreate, applyProjectDelete, applyProjectSet } from './apply-project.ts';
import { applyHostRestarting, applyHostRestartOver } from './apply-restart.ts';
import { applyTokenCreate, applyTokenRevoke } from './apply-token.ts';
import { applyVmRollback, applyVmUpdate } from './apply-update.ts';
import { applyVmCreate, applyVmDelete, applyVmRestart, applyVmSetPower } from './apply-vm.ts';
import {
  applyVmSetCreate,
  applyVmSetDelete,
  applyVmSetRollback,
  applyVmSetRun,
  applyVmSetScale,
  applyVmSetUpdate,
} from './apply-vm-set.ts';
import { applyVmSetStep } from './apply-vm-set-step.ts';
import {
  applyVolumeDelete,
  applyVolumeRecreate,
  applyVolumeRemoved,
  applyVolumeReport,
  applyVolumesCreated,
} from './apply-volume.ts';
import { applyVolumeAttach, applyVolumeCreate, applyVolumeDetach } from './apply-volume-attach.ts';
import {
  applyVolumeMove,
  applyVolumeMoveCancel,
  applyVolumeMoveCopied,
  applyVolumeMoveCopying,
} from './apply-volume-move.ts';
import { COMMAND_FORMATS, type Command, type CommandResult, type Proposal } from './command.ts';
import { type FormatRange, reads } from './format-range.ts';
import type { ClusterState } from './state.ts';
import { type Changes, Transaction } from './transaction.ts';
import { done, no, type Verdict } from './verdict.ts';

export { applyConfState } from './apply-membership.ts';

/** Where an entry stands in the log. */
export interface EntryPosition {
  readonly index: LogIndex;
  readonly term: Term;
}

/** What came of a proposal. */
export type ApplyOutcome =
  | ({ readonly type: 'applied'; readonly result: CommandResult } & Changes)
  /** Nothing was done and the index did not move: this build must stop before it diverges. */
  | { readonly type: 'unsupportedFormat'; readonly format: number };

function verdictOn(tx: Transaction, term: Term, command: Command): Verdict {
  const { cluster } = tx.state;
  if (cluster === undefined) return no(ERROR_CODES.notInitialised, 'there is no cluster yet');
  switch (command.type) {
    case 'vmCreate':
      return applyVmCreate(tx, cluster, command);
    case 'vmSetPower':
      return applyVmSetPower(tx, command);
    case 'vmRestart':
      return applyVmRestart(tx, command);
    case 'vmUpdate':
      return applyVmUpdate(tx, command);
    case 'vmRollback':
      return applyVmRollback(tx, command);
    case 'vmSetCreate':
      return applyVmSetCreate(tx, command);
    case 'vmSetScale':
      return applyVmSetScale(tx, command);
    case 'vmSetUpdate':
      return applyVmSetUpdate(tx, command);
    case 'vmSetRollback':
      return applyVmSetRollback(tx, command);
    case 'vmSetRun':
      return applyVmSetRun(tx, command);
    case 'vmSetDelete':
      return applyVmSetDelete(tx, command);
    case 'vmSetStep':
      return applyVmSetStep(tx, cluster, command);
    case 'annotate':
      return applyAnnotate(tx, command);
    case 'vmDelete':
      return applyVmDelete(tx, command);
    case 'vmAdopt':
      return applyVmAdopt(tx, cluster, command);
    case 'vmRelease':
      return applyVmRelease(tx, command);
    case 'vmAssign':
      return applyVmAssign(tx, cluster, command);
    case 'vmPlace':
      return applyVmPlace(tx, cluster, command);
    case 'vmPreempt':
      return applyVmPreempt(tx, command);
    case 'vmUnplaceable':
      return applyVmUnplaceable(tx, command);
    case 'vmFailover':
      return applyVmFailover(tx, term, command);
    case 'vmReport':
      return applyVmReport(tx, command);
    case 'vmRemoved':
      return applyVmRemoved(tx, cluster, command);
    case 'vmMove':
      return applyVmMove(tx, command);
    case 'vmMoveBuilt':
      return applyVmMoveBuilt(tx, command);
    case 'vmMoveTogether':
      return applyVmMoveTogether(tx, command);
    case 'vmMigrateCancel':
      return applyVmMigrateCancel(tx, command);
    case 'vmMoveCopying':
      return applyVmMoveCopying(tx, command);
    case 'vmMoveCopied':
      return applyVmMoveCopied(tx, cluster, command);
    case 'vmMoveCancel':
      return applyVmMoveCancel(tx, command);
    case 'clusterRebalance':
      return applyClusterRebalance(tx, command);
    case 'volumesCreated':
      return applyVolumesCreated(tx, command);
    case 'volumeReport':
      return applyVolumeReport(tx, command);
    case 'volumeRemoved':
      return applyVolumeRemoved(tx, command);
    case 'volumeDelete':
      return applyVolumeDelete(tx, command);
    case 'volumeRecreate':
      return applyVolumeRecreate(tx, command);
    case 'volumeAttach':
      return applyVolumeAttach(tx, command);
    case 'volumeCreate':
      return applyVolumeCreate(tx, command);
    case 'volumeDetach':
      return applyVolumeDetach(tx, command);
    case 'volumeMove':
      return applyVolumeMove(tx, command);
    case 'volumeMoveCancel':
      return applyVolumeMoveCancel(tx, command);
    case 'volumeMoveCopying':
      return applyVolumeMoveCopying(tx, command);
    case 'volumeMoveCopied':
      return applyVolumeMoveCopied(tx, command);
    case 'hostJoin':
      return applyHostJoin(tx, cluster, command);
    case 'hostJoinExpired':
      return applyHostJoinExpired(tx, command);
    case 'hostReport':
      return applyHostReport(tx, command);
    case 'hostReachable':
      return applyHostReachable(tx, command);
    case 'hostRestarting':
      return applyHostRestarting(tx, cluster, command);
    case 'hostRestartOver':
      return applyHostRestartOver(tx, command);
    case 'hostSet':
      return applyHostSet(tx, command);
    case 'hostDrain':
      return applyHostDrain(tx, command);
    case 'hostUndrain':
      return applyHostUndrain(tx, command);
    case 'hostDrainNote':
      return applyHostDrainNote(tx, command);
    case 'hostLeave':
      return applyHostLeave(tx, command);
    case 'hostRemove':
      return applyHostRemove(tx, command);
    case 'hostRemoved':
      return applyHostRemoved(tx, command);
    case 'clusterSet':
      return applyClusterSet(tx, cluster, command);
    case 'tokenCreate':
      return applyTokenCreate(tx, command);
    case 'tokenRevoke':
      return applyTokenRevoke(tx, command);
    case 'commandFormatRaise':
      return applyCommandFormatRaise(tx, cluster, command);
    case 'lockAcquire':
      return applyLockAcquire(tx, command);
    case 'lockRenew':
      return applyLockRenew(tx, command);
    case 'lockRelease':
      return applyLockRelease(tx, command);
    case 'lockBreak':
      return applyLockBreak(tx, command);
    case 'lockExpire':
      return applyLockExpire(tx, command);
    case 'networkCreate':
      return applyNetworkCreate(tx, command);
    case 'networkSet':
      return applyNetworkSet(tx, command);
    case 'networkDelete':
      return applyNetworkDelete(tx, command);
    case 'networkHoldEnd':
      return applyNetworkHoldEnd(tx, command);
    case 'projectCreate':
      return applyProjectCreate(tx, command);
    case 'projectSet':
      return applyProjectSet(tx, command);
    case 'projectDelete':
      return applyProjectDelete(tx, command);
    case 'eventRecord':
      tx.event(command.about, command.reason, command.message, command.severity);
      return done();
  }
}

/**
 * Applies a command. A request id that was seen before has no effect and gets the result of the first
 * time; that result names the index at which it took effect. `formats` are those that this build reads.
 */
export function applyProposal(
  state: ClusterState,
  position: EntryPosition,
  proposal: Proposal,
  formats: FormatRange = COMMAND_FORMATS,
): ApplyOutcome {
  const { format, requestId, atMs, command } = proposal;
  if (!reads(formats, format)) return { type: 'unsupportedFormat', format };
  const { index } = position;
  state.advance(index);
  const seen = state.request(requestId);
  if (seen !== undefined) return { type: 'applied', result: seen, changes: [], objectChanges: [] };
  const tx = new Transaction(state, index, atMs);
  const verdict = verdictOn(tx, position.term, command);
  const result = resultOf(verdict, index);
  // Without a cluster there is no state to keep anything in.
  if (state.cluster !== undefined) tx.request({ kind: 'request', requestId, result });
  return { type: 'applied', result, ...tx.finish() };
}

/** With its keys in the order that its bytes have. */
function resultOf(verdict: Verdict, index: LogIndex): CommandResult {
  if (!verdict.ok) return { error: verdict.error, index, ok: false };
  const { changed, values } = verdict;
  return values === undefined ? { changed, index, ok: true } : { changed, index, ok: true, values };
}

/** Passes over an entry without effect. */
export function applyEmpty(state: ClusterState, index: LogIndex): void {
  state.advance(index);
}
