/** The shape of what comes from outside. A message that fails here changes nothing. */
import type { IgnoreReason } from './events.ts';
import {
  type ConfState,
  LOCAL_APPEND,
  LOCAL_APPLY,
  type Message,
  type MsgApp,
  type NodeId,
  type SnapshotMeta,
} from './types.ts';

/** Why a node `self` does not step `m`; undefined when it does. `isPeer` tells the members. */
export function findFault(m: Message, self: NodeId, isPeer: (id: NodeId) => boolean): IgnoreReason | undefined {
  if (m.to !== self) return 'misaddressed';
  if (!isCount(m.term)) return 'malformed';
  const fromStorage = m.from === LOCAL_APPEND || m.from === LOCAL_APPLY;
  if (!fromStorage && !isNode(m.from)) return 'malformed';
  switch (m.type) {
    case 'MsgStorageAppendResp':
      if (m.from !== LOCAL_APPEND) return 'localOnly';
      return isCount(m.index) && isCount(m.logTerm) ? undefined : 'malformed';
    case 'MsgStorageApplyResp':
      return m.from === LOCAL_APPLY ? undefined : 'localOnly';
    case 'MsgStorageAppend':
    case 'MsgStorageApply':
    case 'MsgHup':
    case 'MsgBeat':
    case 'MsgCheckQuorum':
    case 'MsgUnreachable':
    case 'MsgSnapStatus':
      return 'localOnly';
    default:
      break;
  }
  // To itself a node sends only what waits for its disk.
  if (fromStorage || (m.from === self && !isOwnAcknowledgement(m))) return 'malformed';
  if (!isWellFormed(m)) return 'malformed';
  return isAnswer(m) && !isPeer(m.from) ? 'unknownPeer' : undefined;
}

function isOwnAcknowledgement(m: Message): boolean {
  return (m.type === 'MsgAppResp' || m.type === 'MsgVoteResp' || m.type === 'MsgPreVoteResp') && !m.reject;
}

/** Whether `m` answers something, so that it counts only from a member. */
function isAnswer(m: Message): boolean {
  switch (m.type) {
    case 'MsgAppResp':
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
    case 'MsgHeartbeatResp':
    case 'MsgReadIndexResp':
      return true;
    default:
      return false;
  }
}

function isWellFormed(m: Message): boolean {
  switch (m.type) {
    case 'MsgProp':
      return Array.isArray(m.entries) && m.entries.length > 0;
    case 'MsgReadIndex':
      return typeof m.context === 'string';
    case 'MsgTransferLeader':
    case 'MsgForgetLeader':
      return true;
    case 'MsgApp':
      return m.term > 0 && isAppend(m);
    case 'MsgAppResp':
      return m.term > 0 && isCount(m.index) && isCount(m.rejectHint) && isCount(m.logTerm);
    case 'MsgVote':
    case 'MsgPreVote':
      return m.term > 0 && isCount(m.index) && isCount(m.logTerm) && m.logTerm <= m.term;
    case 'MsgSnap':
      return m.term > 0 && isSnapshot(m.snapshot) && m.snapshot.term <= m.term;
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
      return m.term > 0 && (m.committed === undefined || (isNode(m.committed.index) && isNode(m.committed.term)));
    case 'MsgHeartbeat':
      return m.term > 0 && isCount(m.commit) && isTick(m.sentAt);
    case 'MsgHeartbeatResp':
      return m.term > 0 && isTick(m.sentAt);
    case 'MsgReadIndexResp':
      return m.term > 0 && isCount(m.index);
    default:
      return m.term > 0;
  }
}

/** Entries follow each other, and terms never fall nor exceed the leader's. */
function isAppend(m: MsgApp): boolean {
  if (!isCount(m.index) || !isCount(m.logTerm) || !isCount(m.commit) || m.logTerm > m.term) return false;
  let { index, logTerm } = m;
  for (const entry of m.entries) {
    index++;
    if (entry.index !== index || !isCount(entry.term) || entry.term < logTerm || entry.term > m.term) return false;
    if (entry.term === 0) return false;
    logTerm = entry.term;
  }
  return true;
}

function isSnapshot(snapshot: SnapshotMeta): boolean {
  return isNode(snapshot.index) && isNode(snapshot.term) && isConfState(snapshot.confState);
}

/** Lists as a changer leaves them: voters are no learners, and only a joint configuration has staged ones. */
function isConfState(state: ConfState): boolean {
  const lists = [state.voters, state.votersOutgoing, state.learners, state.learnersNext];
  if (!lists.every((ids) => Array.isArray(ids) && ids.every(isNode) && new Set(ids).size === ids.length)) return false;
  if (state.voters.length === 0) return false;
  const voting = new Set([...state.voters, ...state.votersOutgoing]);
  if (state.learners.some((id) => voting.has(id))) return false;
  const outgoing = new Set(state.votersOutgoing);
  const incoming = new Set(state.voters);
  return (
    state.learnersNext.every((id) => outgoing.has(id) && !incoming.has(id)) && (outgoing.size > 0 || !state.autoLeave)
  );
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isNode(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

function isTick(value: number | undefined): boolean {
  return value === undefined || isCount(value);
}
