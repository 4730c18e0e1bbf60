/**
 * What bytes from a peer must be to become a message: every field of its type and in its range, lists
 * bounded, nothing left over, and no message that only a host itself may send itself.
 */
import type {
  ConfChange,
  ConfChangeSingle,
  ConfChangeTransition,
  ConfState,
  Entry,
  Message,
  NodeId,
  ProposedEntry,
  SnapshotMeta,
} from '../raft/types.ts';
import type { PeerAddress, PeerMessage } from './peer-message.ts';
import { PayloadReader } from './reader.ts';
import { WireError } from './wire-error.ts';

/** First field of each message. Part of the wire format. */
export const MESSAGE_CODES = {
  MsgProp: 1,
  MsgApp: 2,
  MsgAppResp: 3,
  MsgVote: 4,
  MsgPreVote: 5,
  MsgVoteResp: 6,
  MsgPreVoteResp: 7,
  MsgSnap: 8,
  MsgHeartbeat: 9,
  MsgHeartbeatResp: 10,
  MsgReadIndex: 11,
  MsgReadIndexResp: 12,
  MsgTransferLeader: 13,
  MsgTimeoutNow: 14,
  MsgForgetLeader: 15,
  snapshotChunk: 64,
  snapshotAck: 65,
  members: 66,
  leaseRenew: 67,
  leaseGrant: 68,
} as const;

/** Ways to leave a joint configuration, by their code. Part of the wire format. */
export const TRANSITIONS: readonly ConfChangeTransition[] = ['auto', 'implicit', 'explicit'];

/** Steps of a configuration change, by their code. Part of the wire format. */
export const CHANGE_TYPES: readonly ConfChangeSingle['type'][] = ['addVoter', 'addLearner', 'remove', 'update'];

/** Most elements of each list, most bytes of each text. */
export const WIRE_LIMITS = {
  /** Entries of one message. */
  entries: 65_536,
  /** Steps of one configuration change. */
  changes: 4_096,
  /** Members in one list of a configuration. */
  members: 65_536,
  /** Bytes of the context of a read or heartbeat. */
  contextBytes: 1_024,
  /** Bytes of the name of a run of a daemon. */
  bootIdBytes: 64,
  /** Records of one piece of a snapshot. */
  records: 65_536,
  /** Bytes of a record's key. */
  keyBytes: 512,
  /** Hosts that one message introduces. */
  introduced: 4_096,
  /** Addresses of one host. */
  addresses: 16,
  /** Bytes of a peer id or an address. */
  addressBytes: 256,
} as const;

/**
 * The message in `payload`, which the message then owns nothing of. Throws {@link WireError}, and nothing
 * else, when it is not exactly one message that may come from a peer.
 */
export function decodePeerMessage(payload: Uint8Array): PeerMessage {
  // One copy for all byte strings of the message: the payload is a view of a receive buffer, which a
  // single small entry kept in the log would otherwise hold on to.
  const reader = new PayloadReader(new Uint8Array(payload));
  const fields = reader.arrayLength(16);
  if (fields === 0) throw new WireError('malformed', 'a message has no fields');
  const message = readMessage(reader, reader.uint(), fields - 1);
  reader.end();
  return message;
}

/**
 * Throws {@link WireError} `wrongSender` or `wrongReceiver` unless the message speaks for `sender`, whom the
 * connection proves, and is meant for `receiver`. What followers pass on to their leader (proposals,
 * reads, transfers of leadership) names the host that it began on, so any host may stand there.
 */
export function checkAddressing(message: PeerMessage, sender: NodeId, receiver: NodeId): void {
  if (message.type !== 'raft') return;
  const { type, from, to } = message.message;
  if (to !== receiver) throw new WireError('wrongReceiver', `${type} is meant for host ${to}, this is ${receiver}`);
  if (from === sender || type === 'MsgProp' || type === 'MsgReadIndex' || type === 'MsgTransferLeader') return;
  throw new WireError('wrongSender', `${type} speaks for host ${from} and comes from ${sender}`);
}

function readMessage(r: PayloadReader, code: number, fields: number): PeerMessage {
  if (code === MESSAGE_CODES.snapshotChunk) {
    expectFields(fields, 6);
    return {
      type: 'snapshotChunk',
      term: r.uint(),
      snapshot: readSnapshot(r),
      offset: r.uint(),
      last: r.bool(),
      records: readList(r, WIRE_LIMITS.records, readRecord),
      checksum: r.uint(),
    };
  }
  if (code === MESSAGE_CODES.snapshotAck) {
    expectFields(fields, 3);
    return { type: 'snapshotAck', index: r.uint(), term: r.uint(), next: r.uint() };
  }
  if (code === MESSAGE_CODES.members) {
    expectFields(fields, 2);
    return { type: 'members', index: r.uint(), members: readList(r, WIRE_LIMITS.introduced, readIntroduced) };
  }
  if (code === MESSAGE_CODES.leaseRenew) {
    expectFields(fields, 2);
    return { type: 'leaseRenew', bootId: r.string(WIRE_LIMITS.bootIdBytes), sequence: r.uint() };
  }
  if (code === MESSAGE_CODES.leaseGrant) {
    expectFields(fields, 5);
    const bootId = r.string(WIRE_LIMITS.bootIdBytes);
    return { type: 'leaseGrant', bootId, sequence: r.uint(), index: r.uint(), holdMs: r.uint(), renewMs: r.uint() };
  }
  const least = RAFT_FIELDS[code] ?? unknownCode(code);
  const optional = fields - least;
  if (optional !== 0 && optional !== OPTIONAL_FIELDS[code]) expectFields(fields, least);
  const from = r.positive();
  const to = r.positive();
  const term = r.uint();
  return { type: 'raft', message: readRaft(r, code, { from, to, term }, optional > 0) };
}

/** Fields after the code, for each code of a Raft message, less the optional ones. */
const RAFT_FIELDS: Readonly<Record<number, number>> = {
  [MESSAGE_CODES.MsgProp]: 4,
  [MESSAGE_CODES.MsgApp]: 7,
  [MESSAGE_CODES.MsgAppResp]: 7,
  [MESSAGE_CODES.MsgVote]: 6,
  [MESSAGE_CODES.MsgPreVote]: 6,
  [MESSAGE_CODES.MsgVoteResp]: 4,
  [MESSAGE_CODES.MsgPreVoteResp]: 4,
  [MESSAGE_CODES.MsgSnap]: 4,
  [MESSAGE_CODES.MsgHeartbeat]: 5,
  [MESSAGE_CODES.MsgHeartbeatResp]: 4,
  [MESSAGE_CODES.MsgReadIndex]: 4,
  [MESSAGE_CODES.MsgReadIndexResp]: 5,
  [MESSAGE_CODES.MsgTransferLeader]: 3,
  [MESSAGE_CODES.MsgTimeoutNow]: 3,
  [MESSAGE_CODES.MsgForgetLeader]: 3,
};

/** Fields that may stand behind these, all of them or none. */
const OPTIONAL_FIELDS: Readonly<Record<number, number>> = {
  [MESSAGE_CODES.MsgVoteResp]: 2,
  [MESSAGE_CODES.MsgPreVoteResp]: 2,
  [MESSAGE_CODES.MsgHeartbeat]: 1,
  [MESSAGE_CODES.MsgHeartbeatResp]: 1,
};

interface Head {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: number;
}

// The literals are evaluated in the order they are written, which is the order on the wire.
function readRaft(r: PayloadReader, code: number, head: Head, more: boolean): Message {
  const { from, to, term } = head;
  switch (code) {
    case MESSAGE_CODES.MsgProp:
      return { type: 'MsgProp', from, to, term, entries: readList(r, WIRE_LIMITS.entries, readProposed) };
    case MESSAGE_CODES.MsgApp: {
      const index = r.uint();
      const logTerm = r.uint();
      const commit = r.uint();
      return { type: 'MsgApp', from, to, term, index, logTerm, commit, entries: readEntries(r) };
    }
    case MESSAGE_CODES.MsgAppResp: {
      const index = r.uint();
      const reject = r.bool();
      const rejectHint = r.uint();
      return { type: 'MsgAppResp', from, to, term, index, reject, rejectHint, logTerm: r.uint() };
    }
    case MESSAGE_CODES.MsgVote:
    case MESSAGE_CODES.MsgPreVote: {
      const type = code === MESSAGE_CODES.MsgVote ? 'MsgVote' : 'MsgPreVote';
      return { type, from, to, term, index: r.uint(), logTerm: r.uint(), transfer: r.bool() };
    }
    case MESSAGE_CODES.MsgVoteResp:
    case MESSAGE_CODES.MsgPreVoteResp: {
      const type = code === MESSAGE_CODES.MsgVoteResp ? 'MsgVoteResp' : 'MsgPreVoteResp';
      const answer = { type, from, to, term, reject: r.bool() } as const;
      return more ? { ...answer, committed: { index: r.uint(), term: r.uint() } } : answer;
    }
    case MESSAGE_CODES.MsgSnap:
      return { type: 'MsgSnap', from, to, term, snapshot: readSnapshot(r) };
    case MESSAGE_CODES.MsgHeartbeat: {
      const beat = { type: 'MsgHeartbeat', from, to, term, commit: r.uint(), context: readContext(r) } as const;
      return more ? { ...beat, sentAt: r.uint() } : beat;
    }
    case MESSAGE_CODES.MsgHeartbeatResp: {
      const answer = { type: 'MsgHeartbeatResp', from, to, term, context: readContext(r) } as const;
      return more ? { ...answer, sentAt: r.uint() } : answer;
    }
    case MESSAGE_CODES.MsgReadIndex:
      return { type: 'MsgReadIndex', from, to, term, context: readContext(r) };
    case MESSAGE_CODES.MsgReadIndexResp:
      return { type: 'MsgReadIndexResp', from, to, term, index: r.uint(), context: readContext(r) };
    case MESSAGE_CODES.MsgTransferLeader:
      return { type: 'MsgTransferLeader', from, to, term };
    case MESSAGE_CODES.MsgTimeoutNow:
      return { type: 'MsgTimeoutNow', from, to, term };
    case MESSAGE_CODES.MsgForgetLeader:
      return { type: 'MsgForgetLeader', from, to, term };
    default:
      return unknownCode(code);
  }
}

function unknownCode(code: number): never {
  throw new WireError('unknownType', `there is no message type ${code}`);
}

function expectFields(found: number, expected: number): void {
  if (found !== expected) throw new WireError('malformed', `expected ${expected + 1} fields, found ${found + 1}`);
}

function readList<T>(r: PayloadReader, maxLength: number, readElement: (r: PayloadReader) => T): T[] {
  const length = r.arrayLength(maxLength);
  const list: T[] = [];
  for (let i = 0; i < length; i++) list.push(readElement(r));
  return list;
}

function readEntries(r: PayloadReader): Entry[] {
  const length = r.arrayLength(WIRE_LIMITS.entries);
  const entries: Entry[] = [];
  for (let i = 0; i < length; i++) {
    const fields = r.arrayLength(5);
    const term = r.positive();
    const index = r.positive();
    if (fields === 3) entries.push({ type: 'normal', term, index, data: r.bytes(0xffff_ffff) });
    else if (fields === 5) entries.push({ type: 'confChange', term, index, change: readChange(r) });
    else throw new WireError('malformed', `an entry has ${fields} fields`);
  }
  return entries;
}

function readProposed(r: PayloadReader): ProposedEntry {
  const fields = r.arrayLength(3);
  if (fields === 1) return { type: 'normal', data: r.bytes(0xffff_ffff) };
  if (fields === 3) return { type: 'confChange', change: readChange(r) };
  throw new WireError('malformed', `a proposed entry has ${fields} fields`);
}

function readChange(r: PayloadReader): ConfChange {
  const transition = readCode(r, TRANSITIONS);
  const changes = readList(r, WIRE_LIMITS.changes, readSingleChange);
  return { transition, changes, context: r.bytes(0xffff_ffff) };
}

function readSingleChange(r: PayloadReader): ConfChangeSingle {
  r.tuple(2);
  return { type: readCode(r, CHANGE_TYPES), node: r.positive() };
}

function readCode<T>(r: PayloadReader, values: readonly T[]): T {
  const code = r.uint();
  const value = values[code];
  if (value === undefined) throw new WireError('outOfRange', `there is no value of code ${code}`);
  return value;
}

function readSnapshot(r: PayloadReader): SnapshotMeta {
  r.tuple(3);
  return { index: r.uint(), term: r.uint(), confState: readConfState(r) };
}

function readConfState(r: PayloadReader): ConfState {
  r.tuple(5);
  return {
    voters: readMembers(r),
    votersOutgoing: readMembers(r),
    learners: readMembers(r),
    learnersNext: readMembers(r),
    autoLeave: r.bool(),
  };
}

function readMembers(r: PayloadReader): NodeId[] {
  const members = readList(r, WIRE_LIMITS.members, readMember);
  for (let i = 1; i < members.length; i++) {
    if ((members[i - 1] ?? 0) >= (members[i] ?? 0)) {
      throw new WireError('outOfRange', 'a list of members is not sorted, or names one twice');
    }
  }
  return members;
}

function readMember(r: PayloadReader): NodeId {
  return r.positive();
}

function readRecord(r: PayloadReader): readonly [string, Uint8Array] {
  r.tuple(2);
  return [r.string(WIRE_LIMITS.keyBytes), r.bytes(0xffff_ffff)];
}

function readIntroduced(r: PayloadReader): PeerAddress {
  r.tuple(3);
  const id = r.positive();
  const peerId = readAddress(r);
  return { id, peerId, addresses: readList(r, WIRE_LIMITS.addresses, readAddress) };
}

function readAddress(r: PayloadReader): string {
  return r.string(WIRE_LIMITS.addressBytes);
}

function readContext(r: PayloadReader): string {
  return r.string(WIRE_LIMITS.contextBytes);
}
