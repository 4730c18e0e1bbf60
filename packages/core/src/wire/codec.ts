/**
 * Peer messages to bytes and back. A message is one MessagePack array: a type code, then the fields in a
 * fixed order. Codes and orders are the wire format: they change only together with `WIRE_VERSION`.
 */
import { Packr } from 'msgpackr';
import { unreachable } from '../base/assert.ts';
import type { ConfChange, ConfState, Entry, Message, ProposedEntry, SnapshotMeta } from '../raft/types.ts';
import type { PeerMessage } from './peer-message.ts';
import { CHANGE_TYPES, MESSAGE_CODES, TRANSITIONS } from './schema.ts';
import { WireError } from './wire-error.ts';

export { decodePeerMessage } from './schema.ts';

/** Version of the encoding; hosts that meet on a stream name theirs first. */
export const WIRE_VERSION = 1;

/** What the encoding is made of. */
type Field = number | boolean | string | Uint8Array | readonly Field[];

const PACKER = new Packr({ useRecords: false, moreTypes: false });

/**
 * The bytes of a message. Throws {@link WireError} `unknownType` for a Raft message that is local to a
 * host: to send one is a defect of the caller.
 */
export function encodePeerMessage(message: PeerMessage): Uint8Array {
  return PACKER.pack(fieldsOf(message));
}

function fieldsOf(message: PeerMessage): readonly Field[] {
  switch (message.type) {
    case 'raft':
      return raftFields(message.message);
    case 'snapshotChunk':
      return [
        MESSAGE_CODES.snapshotChunk,
        message.term,
        snapshotFields(message.snapshot),
        message.offset,
        message.last,
        message.records,
        message.checksum,
      ];
    case 'snapshotAck':
      return [MESSAGE_CODES.snapshotAck, message.index, message.term, message.next];
    case 'members':
      return [
        MESSAGE_CODES.members,
        message.index,
        message.members.map(({ id, peerId, addresses }) => [id, peerId, addresses]),
      ];
    case 'leaseRenew':
      return [MESSAGE_CODES.leaseRenew, message.bootId, message.sequence];
    case 'leaseGrant':
      return [
        MESSAGE_CODES.leaseGrant,
        ...[message.bootId, message.sequence, message.index, message.holdMs, message.renewMs],
      ];
    default:
      return unreachable(message);
  }
}

function raftFields(m: Message): readonly Field[] {
  switch (m.type) {
    case 'MsgProp':
      return [MESSAGE_CODES.MsgProp, m.from, m.to, m.term, m.entries.map(proposedFields)];
    case 'MsgApp':
      return [MESSAGE_CODES.MsgApp, m.from, m.to, m.term, m.index, m.logTerm, m.commit, m.entries.map(entryFields)];
    case 'MsgAppResp':
      return [MESSAGE_CODES.MsgAppResp, m.from, m.to, m.term, m.index, m.reject, m.rejectHint, m.logTerm];
    case 'MsgVote':
    case 'MsgPreVote':
      return [MESSAGE_CODES[m.type], m.from, m.to, m.term, m.index, m.logTerm, m.transfer];
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
      return [
        MESSAGE_CODES[m.type],
        m.from,
        m.to,
        m.term,
        m.reject,
        ...(m.committed === undefined ? [] : [m.committed.index, m.committed.term]),
      ];
    case 'MsgSnap':
      return [MESSAGE_CODES.MsgSnap, m.from, m.to, m.term, snapshotFields(m.snapshot)];
    case 'MsgHeartbeat':
      return [MESSAGE_CODES.MsgHeartbeat, m.from, m.to, m.term, m.commit, m.context, ...sentAt(m)];
    case 'MsgHeartbeatResp':
      return [MESSAGE_CODES.MsgHeartbeatResp, m.from, m.to, m.term, m.context, ...sentAt(m)];
    case 'MsgReadIndex':
      return [MESSAGE_CODES.MsgReadIndex, m.from, m.to, m.term, m.context];
    case 'MsgReadIndexResp':
      return [MESSAGE_CODES.MsgReadIndexResp, m.from, m.to, m.term, m.index, m.context];
    case 'MsgTransferLeader':
    case 'MsgTimeoutNow':
    case 'MsgForgetLeader':
      return [MESSAGE_CODES[m.type], m.from, m.to, m.term];
    default:
      throw new WireError('unknownType', `${m.type} never leaves a host`);
  }
}

function sentAt(m: { readonly sentAt?: number }): readonly number[] {
  return m.sentAt === undefined ? [] : [m.sentAt];
}

function entryFields(entry: Entry): readonly Field[] {
  return entry.type === 'normal'
    ? [entry.term, entry.index, entry.data]
    : [entry.term, entry.index, ...changeFields(entry.change)];
}

function proposedFields(entry: ProposedEntry): readonly Field[] {
  return entry.type === 'normal' ? [entry.data] : changeFields(entry.change);
}

function changeFields(change: ConfChange): readonly [Field, Field, Field] {
  return [
    TRANSITIONS.indexOf(change.transition),
    change.changes.map((single) => [CHANGE_TYPES.indexOf(single.type), single.node]),
    change.context,
  ];
}

function snapshotFields(meta: SnapshotMeta): readonly Field[] {
  return [meta.index, meta.term, confStateFields(meta.confState)];
}

function confStateFields(state: ConfState): readonly Field[] {
  return [state.voters, state.votersOutgoing, state.learners, state.learnersNext, state.autoLeave];
}
