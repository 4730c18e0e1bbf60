/** Takes a run down for the page. Everything in it is bounded: of what is too much a sample is kept, and said to be one. */
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import type { TraceEvent } from '../trace/event.ts';
import { WrittenPromises } from '../trace/written-promises.ts';
import type { World } from '../world/world.ts';
import { FaultSpans } from './fault-spans.ts';
import { MessageDensity } from './message-density.ts';
import { type Columns, FATES, OUTCOMES, type Recording, ROLES, type Tables } from './page/recording.ts';
import { Sample } from './sample.ts';

/** Rows of the large tables. */
const MESSAGES_MAX = 900_000;
const OTHERS_MAX = 240_000;
const NOTES_MAX = 5_000;
/** Characters of what a client asks or is answered. */
const TEXT_MAX = 120;

type Row<Table extends keyof Tables> = { -readonly [Name in keyof Tables[Table]]: number };

/** Whole microseconds of a time in ms. */
function us(ms: number): number {
  return Math.round(ms * 1_000);
}

/** A list of different texts, each with its place. */
class Places {
  readonly #places = new Map<string, number>();

  of(text: string): number {
    const place = this.#places.get(text) ?? this.#places.size;
    this.#places.set(text, place);
    return place;
  }

  all(): string[] {
    return [...this.#places.keys()];
  }
}

/** One run. Hand {@link RunRecorder.take} and {@link RunRecorder.look} to it. */
export class RunRecorder {
  readonly #hosts = new Places();
  readonly #types = new Places();
  readonly #texts = new Places();
  readonly #hostOfId = new Map<number, number>();
  readonly #messages = new Sample<Row<'messages'>>(MESSAGES_MAX);
  readonly #underWay = new Map<PeerMessage, Row<'messages'>>();
  /** The second copies of messages that are on their way. */
  readonly #twins = new Map<PeerMessage, Row<'messages'>>();
  readonly #density = new MessageDensity();
  readonly #roles = new Sample<Row<'roles'>>(OTHERS_MAX);
  readonly #writes = new Sample<Row<'writes'>>(OTHERS_MAX);
  readonly #applies = new Sample<Row<'applies'>>(OTHERS_MAX);
  readonly #operations = new Sample<Row<'operations'>>(OTHERS_MAX);
  readonly #open = new Map<string, Row<'operations'>>();
  readonly #promises = new WrittenPromises();
  readonly #faults = new FaultSpans();
  readonly #notes = new Sample<Row<'notes'>>(NOTES_MAX);
  readonly #vms: Row<'vms'>[] = [];
  readonly #running = new Map<string, Row<'vms'>>();
  readonly #vmNames = new Map<string, string>();

  /** Takes an event of the trace. */
  readonly take = (atMs: number, event: TraceEvent): void => {
    const at = us(atMs);
    switch (event.type) {
      case 'message':
        this.#message(at, event.event);
        return;
      case 'start':
        this.#hostOfId.set(event.id, this.#hosts.of(event.host));
        this.#faults.started(atMs, event.host);
        this.#role(at, event.host, 'starting', 0);
        return;
      case 'stop':
        this.#role(at, event.host, 'down', 0);
        this.#note(at, `${event.host} ends${event.kind === 'power' ? ' with its power' : ''}`);
        return;
      case 'role':
        this.#role(at, event.host, event.role, event.term);
        return;
      case 'write': {
        const { first, last, snapshot } = event;
        const news = this.#promises.news(event);
        this.#writes.push({ at, host: this.#hosts.of(event.host), first, last, snapshot, ...news });
        return;
      }
      case 'apply':
        this.#applies.push({ at, host: this.#hosts.of(event.host), index: event.index });
        return;
      case 'fault':
        this.#faults.add(atMs, event.text);
        return;
      case 'note':
        this.#note(at, event.text);
        return;
      case 'invoke':
      case 'return':
        this.#operation(at, event);
    }
  };

  /** Looks at the VMs that run; called once a virtual second. */
  readonly look = (atMs: number, world: World): void => {
    const at = us(atMs);
    const seen = new Set<string>();
    for (const host of world.hosts) {
      for (const { uid, name } of host.loop?.state.vms() ?? []) this.#vmNames.set(uid, name);
      for (const uid of host.driver.running()) {
        const key = `${host.name} ${uid}`;
        seen.add(key);
        const row = this.#running.get(key);
        if (row !== undefined) row.until = at;
        else if (this.#vms.length < OTHERS_MAX) {
          const name = this.#texts.of(this.#vmNames.get(uid) ?? uid);
          const begun = { from: at, until: at, host: this.#hosts.of(host.name), name };
          this.#running.set(key, begun);
          this.#vms.push(begun);
        }
      }
    }
    for (const key of this.#running.keys()) if (!seen.has(key)) this.#running.delete(key);
  };

  /** What was taken down, and what of a recording follows from it; `endMs` is when the run ended. */
  finish(endMs: number): { tables: Tables } & Pick<Recording, 'hosts' | 'types' | 'texts' | 'sliceUs' | 'messages'> {
    const end = us(endMs);
    const messages = this.#messages.rows();
    for (const row of messages) if (row.fate === UNDERWAY) row.flight = Math.max(0, end - row.sent);
    const operations = this.#operations.rows();
    for (const row of operations) if (row.outcome === OPEN) row.until = end;
    const faults = this.#faults.spans.map(({ fromMs, untilMs, text, hosts }) => ({
      ...{ from: us(fromMs), until: us(Math.min(endMs, untilMs ?? endMs)), text: this.#texts.of(text) },
      hosts: hosts.reduce((bits, name) => bits + 2 ** Math.min(this.#hosts.of(name), 50), 0),
    }));
    const vms = [...this.#vms].sort((a, b) => a.from - b.from);
    const tables: Tables = {
      messages: columns(messages, 'sent flight from to type fate term index a b'),
      density: columns(this.#density.rows(), 'slice from type count'),
      roles: columns(this.#roles.rows(), 'at host role term'),
      writes: columns(this.#writes.rows(), 'at host first last term vote snapshot'),
      applies: columns(this.#applies.rows(), 'at host index'),
      faults: columns(faults, 'from until hosts text'),
      notes: columns(this.#notes.rows(), 'at text'),
      operations: columns(operations, 'from until client host outcome asked answered'),
      vms: columns(vms, 'from until host name'),
    };
    return {
      ...{ tables, hosts: this.#hosts.all(), types: this.#types.all(), texts: this.#texts.all() },
      ...{ sliceUs: this.#density.sliceUs, messages: { all: this.#messages.all, kept: messages.length } },
    };
  }

  #role(at: number, host: string, role: (typeof ROLES)[number], term: number): void {
    this.#roles.push({ at, host: this.#hosts.of(host), role: ROLES.indexOf(role), term }, true);
  }

  #note(at: number, text: string): void {
    this.#notes.push({ at, text: this.#texts.of(text) });
  }

  #message(at: number, { type, from, to, message }: Extract<TraceEvent, { type: 'message' }>['event']): void {
    if (message === undefined) return;
    if (type === 'sent' || type === 'shed') {
      const row = this.#rowOf(at, from, to, message);
      if (type === 'sent') this.#underWay.set(message, row);
      else row.fate = FATES.indexOf('shed');
      this.#density.add(at, row.from, row.type);
      this.#messages.push(row, isTelling(message));
      return;
    }
    const row = this.#underWay.get(message);
    if (row === undefined) return;
    if (type === 'doubled') {
      const twin = { ...row, fate: FATES.indexOf('doubled') };
      this.#messages.push(twin, isTelling(message));
      this.#twins.set(message, twin);
      return;
    }
    const twin = this.#twins.get(message);
    if (row.fate === UNDERWAY) {
      row.flight = at - row.sent;
      row.fate = FATES.indexOf(type === 'delivered' ? 'delivered' : 'lost');
      if (twin !== undefined) return;
    } else if (twin !== undefined) twin.flight = at - twin.sent;
    this.#underWay.delete(message);
    this.#twins.delete(message);
  }

  #rowOf(sent: number, from: number, to: number, message: PeerMessage): Row<'messages'> {
    const hosts = { from: this.#hostOfId.get(from) ?? 0, to: this.#hostOfId.get(to) ?? 0 };
    const name = message.type === 'raft' ? message.message.type : message.type;
    return { sent, flight: 0, ...hosts, type: this.#types.of(name), fate: UNDERWAY, ...contentOf(message) };
  }

  #operation(at: number, event: Extract<TraceEvent, { type: 'invoke' | 'return' }>): void {
    const [requestId = ''] = event.text.split(' ', 1);
    const text = event.text.length > TEXT_MAX ? `${event.text.slice(0, TEXT_MAX)}...` : event.text;
    if (event.type === 'invoke') {
      const asked = { client: event.client, host: 0, outcome: OPEN, asked: this.#texts.of(text), answered: 0 };
      const row = { from: at, until: at, ...asked };
      this.#open.set(requestId, row);
      this.#operations.push(row);
      return;
    }
    const row = this.#open.get(requestId);
    if (row === undefined) return;
    this.#open.delete(requestId);
    const answer = text.slice(requestId.length + 1);
    Object.assign(row, { until: at, outcome: outcomeOf(answer), answered: this.#texts.of(answer) });
    if (event.host !== '') row.host = 1 + this.#hosts.of(event.host);
  }
}

const UNDERWAY = FATES.indexOf('underway');
const OPEN = OUTCOMES.indexOf('open');

function outcomeOf(answer: string): number {
  if (answer === 'unknown') return OUTCOMES.indexOf('unknown');
  if (answer === 'no effect') return OUTCOMES.indexOf('none');
  return OUTCOMES.indexOf(/^(ok|found)\b/.test(answer) ? 'done' : 'refused');
}

/** Whether a message is rare, and what an event hangs on: not a heartbeat, not an append. */
function isTelling(peer: PeerMessage): boolean {
  return peer.type !== 'raft' || /Vote|Timeout|Snap|Transfer|Forget/.test(peer.message.type);
}

/** The numbers that a message says, as the page tells them. */
function contentOf(peer: PeerMessage): Pick<Row<'messages'>, 'term' | 'index' | 'a' | 'b'> {
  switch (peer.type) {
    case 'snapshotChunk':
      return { term: 0, index: peer.snapshot.index, a: peer.offset, b: peer.last ? 1 : 0 };
    case 'snapshotAck':
      return { term: 0, index: peer.index, a: peer.next, b: 0 };
    case 'members':
      return { term: 0, index: peer.index, a: peer.members.length, b: 0 };
    case 'leaseRenew':
      return { term: 0, index: 0, a: peer.sequence, b: 0 };
    case 'leaseGrant':
      return { term: 0, index: peer.index, a: peer.sequence, b: peer.holdMs };
    case 'raft':
      break;
  }
  const { message } = peer;
  const { term } = message;
  switch (message.type) {
    case 'MsgApp':
      return { term, index: message.index, a: message.entries.length, b: message.commit };
    case 'MsgAppResp':
      return { term, index: message.reject ? message.rejectHint : message.index, a: message.reject ? 1 : 0, b: 0 };
    case 'MsgVote':
    case 'MsgPreVote':
      return { term, index: message.index, a: message.logTerm, b: message.transfer ? 1 : 0 };
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
      return { term, index: 0, a: message.reject ? 1 : 0, b: 0 };
    case 'MsgHeartbeat':
      return { term, index: message.commit, a: 0, b: 0 };
    case 'MsgProp':
      return { term, index: 0, a: message.entries.length, b: 0 };
    default:
      return { term, index: 0, a: 0, b: 0 };
  }
}

/** Rows turned into the columns that `names` lists. */
function columns<Name extends string>(rows: readonly Record<Name, number>[], names: string): Columns<Name> {
  const all: Partial<Record<Name, readonly number[]>> = {};
  for (const name of names.split(' ') as Name[]) all[name] = rows.map((row) => row[name]);
  return all as Columns<Name>;
}
