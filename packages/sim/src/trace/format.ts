/**
 * A trace as text: one line per event with time, event and host in columns of fixed width, then what happened.
 * `docs/simulation.md` is the legend.
 */
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import type { TraceEvent } from './event.ts';

/** One line, without its end. */
export function formatEvent(atMs: number, event: TraceEvent): string {
  const { host, text } = describeEvent(event);
  // One event is one line, whatever a message of an error has in it.
  const line = text.replace(/\s*\n\s*/g, ' ');
  return `${(atMs / 1_000).toFixed(6).padStart(13)}  ${event.type.padEnd(7)}  ${host.padEnd(4)}  ${line}`;
}

/** What happened, and at which host; no host for what concerns them all. */
export function describeEvent(event: TraceEvent): { readonly host: string; readonly text: string } {
  const [host, text] = described(event);
  return { host, text };
}

function described(event: TraceEvent): readonly [host: string, text: string] {
  switch (event.type) {
    case 'start':
      return [event.host, `id ${event.id}, applied ${event.applied}, last ${event.last}`];
    case 'stop':
      return [event.host, event.kind];
    case 'role':
      return [event.host, `${event.role} in term ${event.term}`];
    case 'apply':
      return [event.host, `${event.index} ${event.hash}`];
    case 'write': {
      const { first, last, term, vote, snapshot } = event;
      const parts = [
        snapshot > 0 ? `snapshot ${snapshot}` : '',
        last > 0 ? `entries ${first}..${last}` : '',
        term > 0 ? `term ${term}${vote > 0 ? ` vote ${vote}` : ''}` : '',
      ];
      return [event.host, parts.filter((part) => part !== '').join(', ')];
    }
    case 'message': {
      const { from, to, type, message } = event.event;
      return [`n${from}`, `${type} to ${to}${message === undefined ? '' : ` ${describeMessage(message)}`}`];
    }
    case 'fault':
    case 'note':
      return ['', event.text];
    case 'invoke':
    case 'return':
      return [event.host, `client ${event.client} ${event.text}`];
  }
}

/** What a message says, in a few words. */
export function describeMessage(peer: PeerMessage): string {
  switch (peer.type) {
    case 'snapshotChunk':
      return `chunk ${peer.offset} of ${peer.snapshot.index}${peer.last ? ', the last' : ''}`;
    case 'snapshotAck':
      return `chunk ${peer.next} of ${peer.index} wanted`;
    case 'members':
      return `members ${peer.members.map(({ id }) => id).join(',')} as of ${peer.index}`;
    case 'leaseRenew':
      return `lease renewal ${peer.sequence}`;
    case 'leaseGrant':
      return `lease ${peer.sequence} granted for ${peer.holdMs} ms as of ${peer.index}`;
    case 'raft':
      break;
  }
  const { message } = peer;
  const term = `term ${message.term}`;
  switch (message.type) {
    case 'MsgApp':
      return `MsgApp ${term} after ${message.index}/${message.logTerm} entries ${message.entries.length} commit ${message.commit}`;
    case 'MsgAppResp':
      return `MsgAppResp ${term} ${message.reject ? `rejects, hint ${message.rejectHint}/${message.logTerm}` : `has ${message.index}`}`;
    case 'MsgVote':
    case 'MsgPreVote':
      return `${message.type} ${term} last ${message.index}/${message.logTerm}${message.transfer ? ' transfer' : ''}`;
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
      return `${message.type} ${term} ${message.reject ? 'no' : 'yes'}`;
    case 'MsgHeartbeat':
      return `MsgHeartbeat ${term} commit ${message.commit}`;
    case 'MsgProp':
      return `MsgProp entries ${message.entries.length}`;
    case 'MsgReadIndex':
    case 'MsgReadIndexResp':
      return `${message.type} ${message.context}`;
    default:
      return `${message.type} ${term}`;
  }
}
