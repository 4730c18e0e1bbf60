/** Turns the node's outstanding work into a Ready, and into messages to the storage in async mode. */
import { entriesSize } from './entry-size.ts';
import type { NodeState } from './node-state.ts';
import {
  type Entry,
  type HardState,
  LOCAL_APPEND,
  LOCAL_APPLY,
  type Message,
  type MsgStorageAppend,
  type MsgStorageAppendResp,
  type MsgStorageApplyResp,
  type Ready,
  type SnapshotMeta,
  type SoftState,
} from './types.ts';

/** While it is put together: optional fields are set one by one, as that is faster than spreading them. */
type Fillable<T> = { -readonly [K in keyof T]: T[K] };

/** What was handed out last, to tell what changed. */
export interface Handed {
  soft: SoftState;
  hard: HardState;
}

/** Whether there is anything to hand out. Changes nothing. */
export function hasReady(r: NodeState, handed: Handed): boolean {
  const allowUnstable = !r.config.asyncStorageWrites;
  return (
    r.messages.length > 0 ||
    r.messagesAfterAppend.length > 0 ||
    r.readStates.length > 0 ||
    r.reads.roundDue ||
    r.log.unstable.hasNextEntries() ||
    r.log.unstable.nextSnapshot() !== undefined ||
    r.log.hasNextCommitted(allowUnstable) ||
    !sameSoftState(r, handed.soft) ||
    !sameHardState(r, handed.hard)
  );
}

/** Hands everything out. `localSteps` are to be stepped by `advance` in sync mode. */
export function takeReady(r: NodeState, handed: Handed): { readonly ready: Ready; readonly localSteps: Message[] } {
  const async = r.config.asyncStorageWrites;
  const soft = sameSoftState(r, handed.soft) ? handed.soft : r.softState();
  const hard = sameHardState(r, handed.hard) ? handed.hard : r.hardState();
  const entries = r.log.unstable.nextEntries();
  const snapshot = r.log.unstable.nextSnapshot();
  const committedEntries = r.log.nextCommitted(!async);
  const changedHard = hard === handed.hard ? undefined : hard;
  const mustSync = entries.length > 0 || hard.term !== handed.hard.term || hard.vote !== handed.hard.vote;

  const messages = r.messages;
  const responses = r.messagesAfterAppend;
  const appended = appendResponse(r, snapshot);
  const applied = applyResponse(r, committedEntries);
  const localSteps: Message[] = [];
  if (async) {
    if (entries.length > 0 || changedHard !== undefined || snapshot !== undefined || responses.length > 0) {
      // The node's own acknowledgements come first: they are cheapest while the entries are still in memory.
      if (appended !== undefined) responses.push(appended);
      const term = changedHard?.term ?? 0;
      const to = LOCAL_APPEND;
      const append: Fillable<MsgStorageAppend> = { type: 'MsgStorageAppend', from: r.id, to, term, entries, responses };
      if (changedHard !== undefined) append.hardState = changedHard;
      if (snapshot !== undefined) append.snapshot = snapshot;
      messages.push(append);
    }
    if (applied !== undefined) {
      messages.push({
        type: 'MsgStorageApply',
        from: r.id,
        to: LOCAL_APPLY,
        term: 0,
        entries: committedEntries,
        responses: [applied],
      });
    }
  } else {
    // The driver writes before it sends, so these may go along; one's own wait for `advance`.
    for (const message of responses) (message.to === r.id ? localSteps : messages).push(message);
    if (appended !== undefined) localSteps.push(appended);
    if (applied !== undefined) localSteps.push(applied);
  }

  const ready: Fillable<Ready> = { readStates: r.readStates, entries, committedEntries, messages, mustSync };
  if (soft !== handed.soft) ready.softState = soft;
  if (changedHard !== undefined) ready.hardState = changedHard;
  if (snapshot !== undefined) ready.snapshot = snapshot;
  handed.soft = soft;
  handed.hard = hard;
  r.readStates = [];
  r.messages = [];
  r.messagesAfterAppend = [];
  r.log.unstable.acceptInProgress();
  const last = committedEntries.at(-1);
  if (last !== undefined) r.log.acceptApplying(last.index, entriesSize(committedEntries), !async);
  return { ready, localSteps };
}

/**
 * The message by which the node learns that everything so far is durable. It names the end of the log even
 * if this write has no entries: an earlier answer with them may have been passed over for its term (the
 * ABA guard in `step`), and then this one tells it.
 */
function appendResponse(r: NodeState, snapshot: SnapshotMeta | undefined): MsgStorageAppendResp | undefined {
  const pending = r.log.unstable.length > 0;
  if (!pending && snapshot === undefined) return undefined;
  const response: Fillable<MsgStorageAppendResp> = {
    type: 'MsgStorageAppendResp',
    from: LOCAL_APPEND,
    to: r.id,
    term: r.term,
    index: pending ? r.log.lastIndex() : 0,
    logTerm: pending ? r.log.lastTerm() : 0,
  };
  if (snapshot !== undefined) response.snapshot = snapshot;
  return response;
}

function applyResponse(r: NodeState, entries: readonly Entry[]): MsgStorageApplyResp | undefined {
  if (entries.length === 0) return undefined;
  return { type: 'MsgStorageApplyResp', from: LOCAL_APPLY, to: r.id, term: 0, entries };
}

function sameSoftState(r: NodeState, soft: SoftState): boolean {
  return r.leader === soft.leader && r.role === soft.role;
}

function sameHardState(r: NodeState, hard: HardState): boolean {
  return r.term === hard.term && r.vote === hard.vote && r.log.committed === hard.commit;
}
