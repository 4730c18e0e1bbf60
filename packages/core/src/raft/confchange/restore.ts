/** Rebuilds the configuration that a ConfState describes, by the same steps that lead there from nothing. */
import { assert } from '../../base/assert.ts';
import type { GroupConfig, ProgressMap } from '../tracker/tracker.ts';
import { Tracker } from '../tracker/tracker.ts';
import type { ConfChangeSingle, ConfState, LogIndex, NodeId } from '../types.ts';
import { type ChangeResult, Changer } from './changer.ts';

/**
 * The configuration and fresh progress for `state`. Throws an invariant error when no sequence of valid
 * changes leads to `state`: it came from a snapshot or from the storage, so one of them is broken.
 */
export function restoreConfig(
  limits: Tracker['limits'],
  lastIndex: LogIndex,
  state: ConfState,
): { readonly config: GroupConfig; readonly progress: ProgressMap } {
  const tracker = new Tracker(limits);
  const take = (result: ChangeResult): void => {
    assert(result.ok, `the stored configuration is not possible${result.ok ? '' : `: ${result.reason}`}`);
    tracker.config = result.config;
    tracker.progress = result.progress;
  };
  const changer = (): Changer => new Changer(tracker, lastIndex);
  const add = (type: ConfChangeSingle['type'], node: NodeId): ConfChangeSingle => ({ type, node });

  // First the outgoing half one voter at a time, then everything else in one step into the joint configuration.
  for (const id of state.votersOutgoing) take(changer().simple([add('addVoter', id)]));
  const rest: ConfChangeSingle[] = [
    ...state.votersOutgoing.map((id) => add('remove', id)),
    ...state.voters.map((id) => add('addVoter', id)),
    ...state.learners.map((id) => add('addLearner', id)),
    ...state.learnersNext.map((id) => add('addLearner', id)),
  ];
  if (state.votersOutgoing.length > 0) take(changer().enterJoint(state.autoLeave, rest));
  else for (const change of rest) take(changer().simple([change]));
  return { config: tracker.config, progress: tracker.progress };
}
