/** Brings a stored state to the end of its log, as if every entry were committed. */
import { ERROR_CODES, N3xError } from '../base/errors.ts';
import { applyConfState, applyEmpty, applyProposal } from '../machine/apply.ts';
import { decodeProposal } from '../machine/proposal-codec.ts';
import { ClusterState } from '../machine/state.ts';
import type { StoredState } from '../ports/storage.ts';
import { Changer } from '../raft/confchange/changer.ts';
import { restoreConfig } from '../raft/confchange/restore.ts';
import { Tracker } from '../raft/tracker/tracker.ts';
import type { ConfChange, ConfState } from '../raft/types.ts';

/** A state with the whole log in it. */
export interface Replayed {
  readonly state: ClusterState;
  /** The applied configuration, then what each entry after it makes of it. Never empty. */
  readonly confStates: readonly ConfState[];
  readonly last: { readonly index: number; readonly term: number };
}

/**
 * Applies what the log holds beyond the applied state. Throws `N3X_CORRUPT` when a record cannot be read, and
 * `N3X_VERSION` when an entry needs a newer build.
 */
export function replayLog(stored: StoredState): Replayed {
  const state = ClusterState.fromRecords(stored.applied.index, stored.records);
  const confStates: ConfState[] = [stored.applied.confState];
  let last = { index: stored.applied.index, term: stored.applied.term };
  for (const entry of stored.entries) {
    const { index, term } = entry;
    if (index <= stored.applied.index) continue;
    last = { index, term };
    if (entry.type === 'confChange') {
      const next = configurationAfter(confStates.at(-1) ?? stored.applied.confState, entry.change);
      confStates.push(next);
      applyConfState(state, index, next);
      continue;
    }
    const decoded = entry.data.length === 0 ? undefined : decodeProposal(entry.data);
    if (decoded?.ok === false && decoded.reason === 'unsupportedFormat') throw newerFormat(index, decoded.format);
    if (decoded?.ok !== true) {
      applyEmpty(state, index);
      continue;
    }
    const outcome = applyProposal(state, { index, term }, decoded.proposal);
    if (outcome.type === 'unsupportedFormat') throw newerFormat(index, outcome.format);
  }
  return { state, confStates, last };
}

/** What `change` makes of a configuration; one that is not possible changes nothing, as on every member. */
export function configurationAfter(before: ConfState, change: ConfChange): ConfState {
  const tracker = new Tracker({ maxInflightMsgs: 1, maxInflightBytes: 1 });
  const restored = restoreConfig(tracker.limits, 0, before);
  tracker.config = restored.config;
  tracker.progress = restored.progress;
  const result = new Changer(tracker, 0).change(change);
  if (!result.ok) return before;
  tracker.config = result.config;
  tracker.progress = result.progress;
  return tracker.confState();
}

function newerFormat(index: number, format: number): N3xError {
  const message = `entry ${index} of the log holds a command of format ${format} that this n3xd cannot read: install the version that the other hosts ran`;
  return new N3xError(ERROR_CODES.version, message, { details: { index, format } });
}
