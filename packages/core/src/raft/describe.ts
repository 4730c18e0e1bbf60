/** Byte-stable text for traces and golden scripts. Fields that are zero are left out. */
import { unreachable } from '../base/assert.ts';
import { describeChanges } from './confchange/describe.ts';
import type { RaftEvent } from './events.ts';
import {
  type ConfState,
  type Entry,
  type HardState,
  LOCAL_APPEND,
  LOCAL_APPLY,
  type Message,
  type NodeId,
  type ProposedEntry,
  type Ready,
  type Role,
  type SnapshotMeta,
  type SoftState,
} from './types.ts';

const ROLE_NAMES: Readonly<Record<Role, string>> = {
  follower: 'StateFollower',
  preCandidate: 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
};

/** `StateLeader` and so on. */
export function describeRole(role: Role): string {
  return ROLE_NAMES[role];
}

/** `3`, or the name of a storage address. */
export function describeTarget(id: NodeId): string {
  if (id === LOCAL_APPEND) return 'AppendThread';
  return id === LOCAL_APPLY ? 'ApplyThread' : String(id);
}

/** Data as a quoted string, with everything that is not printable ASCII as `\xNN`. */
export function describeData(data: Uint8Array): string {
  let text = '"';
  for (const byte of data) {
    if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return `${text}"`;
}

/** What an entry holds: `EntryNormal "data"` or `EntryConfChangeV2 v1 r2`. */
export function describeProposed(entry: Entry | ProposedEntry): string {
  if (entry.type === 'normal') return `EntryNormal ${describeData(entry.data)}`;
  const changes = describeChanges(entry.change.changes);
  return changes === '' ? 'EntryConfChangeV2' : `EntryConfChangeV2 ${changes}`;
}

/** `1/11 EntryNormal "data"`. */
export function describeEntry(entry: Entry): string {
  return `${entry.term}/${entry.index} ${describeProposed(entry)}`;
}

/** One entry per line. */
export function describeEntries(entries: readonly Entry[]): string {
  return entries.map(describeEntry).join('\n');
}

/** `Voters:[1 2] VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false`. */
export function describeConfState(state: ConfState): string {
  const list = (ids: readonly NodeId[]): string => `[${ids.join(' ')}]`;
  return (
    `Voters:${list(state.voters)} VotersOutgoing:${list(state.votersOutgoing)} Learners:${list(state.learners)} ` +
    `LearnersNext:${list(state.learnersNext)} AutoLeave:${state.autoLeave}`
  );
}

/** `Index:4 Term:1 ConfState:...`. */
export function describeSnapshot(snapshot: SnapshotMeta): string {
  return `Index:${snapshot.index} Term:${snapshot.term} ConfState:${describeConfState(snapshot.confState)}`;
}

/** `Term:1 Vote:1 Commit:10`. */
export function describeHardState(state: HardState): string {
  return `Term:${state.term}${state.vote === 0 ? '' : ` Vote:${state.vote}`} Commit:${state.commit}`;
}

/** `Lead:1 State:StateLeader`. */
export function describeSoftState(state: SoftState): string {
  return `Lead:${state.leader} State:${describeRole(state.role)}`;
}

/** One message, `1->2 MsgApp Term:1 Log:1/11 Commit:11 Entries:[...]`. What it carries inside follows on lines of its own. */
export function describeMessage(m: Message): string {
  const parts = [`${describeTarget(m.from)}->${describeTarget(m.to)} ${m.type} Term:${m.term} Log:${position(m)}`];
  parts.push(...details(m));
  let text = parts.join(' ');
  if ((m.type === 'MsgSnap' || m.type === 'MsgStorageAppend' || m.type === 'MsgStorageAppendResp') && m.snapshot) {
    text += `\n  Snapshot: ${describeSnapshot(m.snapshot)}`;
  }
  if ((m.type === 'MsgStorageAppend' || m.type === 'MsgStorageApply') && m.responses.length > 0) {
    const inner = m.responses.map((response) => indent(describeMessage(response)));
    text += ` Responses:[\n${inner.join('\n')}\n]`;
  }
  return text;
}

function position(m: Message): string {
  switch (m.type) {
    case 'MsgApp':
    case 'MsgAppResp':
    case 'MsgVote':
    case 'MsgPreVote':
    case 'MsgStorageAppendResp':
      return `${m.logTerm}/${m.index}`;
    case 'MsgReadIndexResp':
      return `0/${m.index}`;
    default:
      return '0/0';
  }
}

function details(m: Message): string[] {
  const commit = (index: number): string[] => (index === 0 ? [] : [`Commit:${index}`]);
  const list = (entries: readonly Entry[]): string[] =>
    entries.length === 0 ? [] : [bracketed(entries.map(describeEntry))];
  switch (m.type) {
    case 'MsgApp':
      return [...commit(m.commit), ...list(m.entries)];
    case 'MsgAppResp':
      return m.reject ? [`Rejected (Hint: ${m.rejectHint})`] : [];
    case 'MsgVoteResp':
    case 'MsgPreVoteResp': {
      const known = m.committed === undefined ? [] : [`Committed:${m.committed.term}/${m.committed.index}`];
      return m.reject ? ['Rejected (Hint: 0)', ...known] : [];
    }
    case 'MsgSnapStatus':
      return m.reject ? ['Rejected (Hint: 0)'] : [];
    case 'MsgHeartbeat':
      return [...commit(m.commit), ...context(m.context), ...sentAt(m.sentAt)];
    case 'MsgHeartbeatResp':
      return [...context(m.context), ...sentAt(m.sentAt)];
    case 'MsgReadIndex':
    case 'MsgReadIndexResp':
      return context(m.context);
    case 'MsgVote':
    case 'MsgPreVote':
      return m.transfer ? ['Transfer'] : [];
    case 'MsgProp':
      return [bracketed(m.entries.map((entry) => `0/0 ${describeProposed(entry)}`))];
    case 'MsgStorageAppend': {
      const hard = m.hardState;
      const state =
        hard === undefined ? [] : [...commit(hard.commit), ...(hard.vote === 0 ? [] : [`Vote:${hard.vote}`])];
      return [...state, ...list(m.entries)];
    }
    case 'MsgStorageApply':
    case 'MsgStorageApplyResp':
      return list(m.entries);
    default:
      return [];
  }
}

/** A single entry stays on the line, several get a line each. */
function bracketed(entries: readonly string[]): string {
  return entries.length === 1 ? `Entries:[${entries[0]}]` : `Entries:[\n${entries.map(indent).join('\n')}\n]`;
}

function context(value: string): string[] {
  return value === '' ? [] : [`Context:${value}`];
}

function sentAt(value: number | undefined): string[] {
  return value === undefined ? [] : [`SentAt:${value}`];
}

/** A Ready, one kind of work after another; `<empty Ready>` without any. */
export function describeReady(ready: Ready): string {
  const lines: string[] = [];
  if (ready.softState) lines.push(describeSoftState(ready.softState));
  if (ready.hardState) lines.push(`HardState ${describeHardState(ready.hardState)}`);
  if (ready.readStates.length > 0) {
    const reads = ready.readStates.map(({ index, context: name }) => `${name}@${index}`);
    lines.push(`ReadStates ${reads.join(' ')}`);
  }
  if (ready.entries.length > 0) lines.push('Entries:', describeEntries(ready.entries));
  if (ready.snapshot) lines.push(`Snapshot ${describeSnapshot(ready.snapshot)}`);
  if (ready.committedEntries.length > 0) lines.push('CommittedEntries:', describeEntries(ready.committedEntries));
  if (ready.messages.length > 0) lines.push('Messages:', ...ready.messages.map(describeMessage));
  if (lines.length === 0) return '<empty Ready>';
  return [`Ready MustSync=${ready.mustSync}:`, ...lines].join('\n');
}

/** Two spaces before every line. */
export function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}

/** An event in one line, without the node it happened at. */
export function describeEvent(event: RaftEvent): string {
  switch (event.type) {
    case 'role':
      return `${describeRole(event.role)} at term ${event.term}`;
    case 'campaign':
      return `campaigns for term ${event.term}${event.transfer ? " on its leader's behalf" : ''}`;
    case 'campaignRefused':
      return `does not campaign: ${event.reason}`;
    case 'vote':
      return `vote ${event.verdict}: ${describeMessage(event.message)}`;
    case 'config':
      return `configuration ${event.config}`;
    case 'confChangeRefused':
      return `configuration change refused: ${event.reason}`;
    case 'ignored':
      return `ignored (${event.reason}): ${describeMessage(event.message)}`;
    case 'staleAppend':
      return `append up to ${event.index} was of term ${event.term}: still unstable`;
    case 'quorumLost':
      return 'lost its quorum';
    case 'leaderForgotten':
      return `forgets leader ${event.leader}`;
    case 'transfer':
      return `transfer to ${event.to}: ${event.step}`;
    case 'progress':
      return `progress of ${event.peer} [${event.progress}]: ${event.cause}`;
    case 'snapshot':
      return `snapshot ${event.index} ${event.step}`;
    default:
      return unreachable(event);
  }
}
