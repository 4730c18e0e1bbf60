/** How many bytes a message is on the wire, near enough for bandwidth, without encoding it. */
import type { ConfState, Entry, ProposedEntry } from '@n3x/core/raft/types';
import type { PeerMessage } from '@n3x/core/wire/peer-message';

/** Frame header and the fields that every message has. */
const BASE_BYTES = 24;

/** A peer id and an address. */
const MEMBER_BYTES = 90;

/** Approximate length of the frame that carries `message`. */
export function messageBytes(message: PeerMessage): number {
  switch (message.type) {
    case 'snapshotAck':
    case 'leaseRenew':
    case 'leaseGrant':
      return BASE_BYTES;
    case 'snapshotChunk': {
      let bytes = BASE_BYTES + confStateBytes(message.snapshot.confState);
      for (const [key, value] of message.records) bytes += key.length + value.length + 6;
      return bytes;
    }
    case 'members':
      return BASE_BYTES + message.members.length * MEMBER_BYTES;
    case 'raft':
      return BASE_BYTES + raftBytes(message.message);
  }
}

function raftBytes(message: Extract<PeerMessage, { type: 'raft' }>['message']): number {
  switch (message.type) {
    case 'MsgApp':
    case 'MsgProp': {
      let bytes = 12;
      for (const entry of message.entries) bytes += entryBytes(entry);
      return bytes;
    }
    case 'MsgSnap':
      return confStateBytes(message.snapshot.confState);
    case 'MsgHeartbeat':
    case 'MsgHeartbeatResp':
    case 'MsgReadIndex':
    case 'MsgReadIndexResp':
      return message.context.length + 8;
    default:
      return 12;
  }
}

function entryBytes(entry: Entry | ProposedEntry): number {
  return entry.type === 'normal'
    ? entry.data.length + 12
    : entry.change.context.length + entry.change.changes.length * 4 + 16;
}

function confStateBytes(state: ConfState): number {
  const members = state.voters.length + state.votersOutgoing.length + state.learners.length + state.learnersNext.length;
  return members * 3 + 12;
}
