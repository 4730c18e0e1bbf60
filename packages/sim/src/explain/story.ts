/** The story of a failure: what was broken, what led there, and who said what to whom. */
import type { KnownViolation } from '../commands/case-file.ts';
import type { TraceEvent } from '../trace/event.ts';
import { describeEvent, describeMessage } from '../trace/format.ts';
import { WrittenPromises } from '../trace/written-promises.ts';
import { FlightRecorder, kindOf, type StoryEvent } from './flight-recorder.ts';
import { MEANINGS, type Meaning, meaningOf, type StoryKind } from './meanings.ts';
import { messageChart } from './message-chart.ts';

/** Rows of the chart, and events of each host. */
const CHART_ROWS = 60;
const HOST_EVENTS = 10;
/** Leaders and faults that are told. */
const LEADERS_TOLD = 8;
const FAULTS_TOLD = 15;
/** Virtual ms before the moment of the story that are taken down. */
const WINDOW_MS = 8_000;
/** Virtual ms in which a fault is still felt after its end. */
const FELT_MS = 5_000;

/** One host in the story. */
export interface HostStory {
  readonly name: string;
  /** What it was at the moment of the story. */
  readonly state: string;
  /** Its last events, oldest first. */
  readonly events: readonly string[];
}

/** A story as data. */
export interface Story extends KnownViolation {
  /** When what was found happened: earlier for what is only found at the end. */
  readonly happenedMs: number;
  readonly meaning: Omit<Meaning, 'shows'>;
  /** Who voted for whom in the terms that the violation names. */
  readonly votes: readonly string[];
  readonly leaders: readonly string[];
  readonly faults: readonly string[];
  readonly hosts: readonly HostStory[];
  readonly chart: readonly string[];
}

/** Where a story happens: what a violation's message tells of it. */
interface Focus {
  readonly atMs: number;
  readonly hosts: readonly string[];
  readonly terms: readonly number[];
  readonly object: string | undefined;
}

/** What the message names. Of a client's answer that no order explains the story is when it was given. */
function focusOf({ message, atMs }: KnownViolation): Focus {
  const answered = /\[\d+\.\.(\d+) ms\]/.exec(message)?.[1];
  const [told = ''] = message.split('; around it: ');
  return {
    atMs: answered === undefined ? atMs : Math.min(atMs, Number(answered) + 1),
    hosts: [...new Set(told.match(/\bn\d+\b/g) ?? [])],
    terms: [...told.matchAll(/\bterm (\d+)/g)].map(([, term]) => Number(term)),
    object: /^((?:vm|token|lock|project)\/[^:\s]+)/.exec(told)?.[1],
  };
}

/** Takes down the run that broke a rule: hand `take` to it, then ask for the story. */
export class StoryTeller {
  readonly #violation: KnownViolation;
  readonly #focus: Focus;
  readonly #recorder: FlightRecorder;

  constructor(violation: KnownViolation) {
    this.#violation = violation;
    this.#focus = focusOf(violation);
    const { atMs } = this.#focus;
    this.#recorder = new FlightRecorder(atMs - WINDOW_MS, atMs);
  }

  /** Takes an event of the run. */
  readonly take = (atMs: number, event: TraceEvent): void => this.#recorder.take(atMs, event);

  /** The story of the run that was taken down. */
  story(): Story {
    const { shows, ...meaning } = meaningOf(this.#violation.rule);
    const { rule, message, atMs } = this.#violation;
    const names = [...this.#recorder.hosts.keys()];
    return {
      ...{ rule, message, atMs, happenedMs: this.#focus.atMs, meaning },
      votes: this.#votes(),
      leaders: this.#leaders(),
      faults: this.#faults(),
      hosts: names.map((name) => this.#host(name)),
      chart: messageChart(names, (id) => this.#recorder.nameOf(id), this.#shown(shows)),
    };
  }

  #votes(): string[] {
    const votes = new Map<string, { voter: string; term: number; given: string[] }>();
    for (const { atMs, event, sentMs } of this.#recorder.window) {
      if (event.type !== 'message' || event.event.message?.type !== 'raft') continue;
      const { message } = event.event.message;
      if (message.type !== 'MsgVoteResp' || message.reject || !this.#focus.terms.includes(message.term)) continue;
      const [voter, to] = [this.#recorder.nameOf(event.event.from), this.#recorder.nameOf(event.event.to)];
      const key = `${voter} ${message.term}`;
      const vote = votes.get(key) ?? { voter, term: message.term, given: [] };
      vote.given.push(`${to} at ${seconds(sentMs ?? atMs)}`);
      votes.set(key, vote);
    }
    return [...votes.values()].map(({ voter, term, given }) => {
      const twice = new Set(given.map((vote) => vote.split(' ', 1)[0])).size > 1 ? ': two candidates in one term' : '';
      return `${voter} votes in term ${term} for ${given.join(' and for ')}${twice}`;
    });
  }

  #leaders(): string[] {
    return this.#recorder.leaderships.slice(-LEADERS_TOLD).map(({ host, term, fromMs, untilMs }) => {
      const until = untilMs === undefined ? 'and still does' : `until ${seconds(untilMs)}`;
      return `${host} leads in term ${term} from ${seconds(fromMs)} ${until}`;
    });
  }

  /** The faults that may matter: those that are still felt, and the last ones of the hosts that the message names. */
  #faults(): string[] {
    const { atMs, hosts } = this.#focus;
    const faults = this.#recorder.faults.filter(({ event }) => event.type === 'fault' || !isVerdict(event));
    const isFelt = ({ atMs: beganMs, event }: StoryEvent): boolean => {
      const text = 'text' in event ? event.text : '';
      const named = hosts.some((host) => new RegExp(`\\b${host}\\b`).test(text));
      return beganMs + lastsMs(text) + FELT_MS * (named ? 4 : 1) >= atMs;
    };
    const felt = faults.filter(isFelt);
    const told = (felt.length > 0 ? felt : faults).slice(-FAULTS_TOLD);
    return told.map(({ atMs: beganMs, event }) => {
      const text = 'text' in event ? event.text : '';
      const lasts = lastsMs(text) > 0 && beganMs + lastsMs(text) > atMs;
      return `${seconds(beganMs)}  ${text}${lasts ? ' (lasts)' : ''}`;
    });
  }

  #host(name: string): HostStory {
    const at = this.#recorder.hosts.get(name);
    const state =
      at === undefined
        ? 'never started'
        : `${at.isUp ? at.role : `down, was ${at.role}`} in term ${at.term}, applied ${at.applied}`;
    const mine: string[] = [];
    const { window } = this.#recorder;
    for (let place = window.length - 1; place >= 0 && mine.length < HOST_EVENTS; place--) {
      const event = window[place];
      const told = event === undefined ? undefined : this.#toldOf(name, event);
      if (told !== undefined && told !== mine.at(-1)) mine.push(told);
    }
    return { name, state, events: mine.reverse() };
  }

  /** What an event says of a host; undefined when it is none of its own, or a heartbeat. */
  #toldOf(name: string, { atMs, event }: StoryEvent): string | undefined {
    if (event.type !== 'message') {
      const { host, text } = describeEvent(event);
      return host === name ? `${seconds(atMs)}  ${event.type} ${text}` : undefined;
    }
    const { from, to, type, message } = event.event;
    if (message === undefined || isIdle(message)) return undefined;
    const [sender, receiver] = [this.#recorder.nameOf(from), this.#recorder.nameOf(to)];
    const text = describeMessage(message);
    if (receiver === name && type === 'delivered') return `${seconds(atMs)}  got from ${sender}: ${text}`;
    if (sender !== name) return undefined;
    return type === 'delivered'
      ? `${seconds(atMs)}  ${receiver} got: ${text}`
      : `${seconds(atMs)}  ${type} on the way to ${receiver}: ${text}`;
  }

  /** The events of the chart: the last ones that tell of the rule. */
  #shown(shows: readonly StoryKind[]): StoryEvent[] {
    const { terms, hosts, object } = this.#focus;
    const first = Math.min(...terms, Number.POSITIVE_INFINITY);
    const isShown = ({ event }: StoryEvent): boolean => {
      switch (event.type) {
        case 'start':
        case 'stop':
        case 'role':
        case 'fault':
          return true;
        case 'note':
          return !isVerdict(event);
        case 'write':
          // A vote or a term that was written tells of elections, entries of everything.
          return shows.includes('writes') && ((shows.includes('entries') && event.last > 0) || isNews(event));
        case 'apply':
          return shows.includes('applies') && (hosts.length === 0 || hosts.includes(event.host));
        case 'invoke':
        case 'return':
          return shows.includes('clients') && (object === undefined || event.text.includes(object) || isReturn(event));
        case 'message': {
          const { message } = event.event;
          const kind = kindOf(message);
          if (kind === undefined || message === undefined || !shows.includes(kind) || isIdle(message)) return false;
          // What older terms had to say of votes is over.
          return kind !== 'votes' || message.type !== 'raft' || !(message.message.term < first);
        }
      }
    };
    const promises = new WrittenPromises();
    const isNews = (event: Extract<TraceEvent, { type: 'write' }>): boolean =>
      promises.news(event).term > 0 || event.snapshot > 0;
    const asked = new Set<string>();
    const isReturn = ({ text }: { readonly text: string }): boolean => asked.has(text.split(' ', 1)[0] ?? '');
    return this.#recorder.window
      .filter((told) => {
        const shown = isShown(told);
        if (shown && told.event.type === 'invoke') asked.add(told.event.text.split(' ', 1)[0] ?? '');
        return shown;
      })
      .slice(-CHART_ROWS);
  }
}

/** Whether this note is the violation itself: it is told above all else. */
function isVerdict(event: TraceEvent): boolean {
  return event.type === 'note' && Object.keys(MEANINGS).some((rule) => event.text.startsWith(`${rule}: `));
}

/** Whether a message only keeps things as they are. */
function isIdle(peer: NonNullable<Parameters<typeof kindOf>[0]>): boolean {
  if (peer.type !== 'raft') return peer.type === 'members';
  const { message } = peer;
  return (
    message.type === 'MsgHeartbeat' ||
    message.type === 'MsgHeartbeatResp' ||
    (message.type === 'MsgApp' && message.entries.length === 0)
  );
}

/** How long a fault lasts by its text, in ms; 0 when the text does not say. */
function lastsMs(text: string): number {
  const match = /\bfor (\d+(?:\.\d+)?)(ms|s)\b/.exec(text);
  return match === null ? 0 : Number(match[1]) * (match[2] === 's' ? 1_000 : 1);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(4)} s`;
}

/** A story as text. */
export function describeStory(story: Story): string {
  const { rule, message, atMs, meaning, votes, leaders, faults, hosts, chart } = story;
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
  return [
    `${rule} is broken at ${seconds(atMs)}:`,
    ...wrapped(message).map((line) => `  ${line}`),
    ...section('What should hold', wrapped(meaning.promise)),
    ...section('What this means', wrapped(meaning.broken)),
    ...section('Votes', votes),
    ...section('Leaders', leaders),
    ...section('Faults that may matter', faults),
    ...section('Message chart', chart),
    ...hosts.flatMap(({ name, state, events }) => section(`${name}: ${state}`, events)),
  ].join('\n');
}

/** Characters of a line of prose. */
const LINE = 100;

function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > LINE) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
