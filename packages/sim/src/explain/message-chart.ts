/** Messages between hosts as a chart in text: a column per host, time downwards. */
import { describeEvent, describeMessage } from '../trace/format.ts';
import type { StoryEvent } from './flight-recorder.ts';

/** Characters between two columns. */
const COLUMN = 9;
/** Hosts that have a column; with more of them a line is too long to read. */
const HOSTS_MAX = 9;
/** Ms on the way from which on a message is told to be late. */
const LATE_MS = 5;
/** Characters of what an event says. */
const TEXT_MAX = 100;

/** The name of the host with a Raft id. */
type NameOf = (id: number) => string;

/** A line of the chart, and what has to be the same for two to be told as one. */
interface Row {
  readonly atMs: number;
  readonly lanes: string;
  readonly text: string;
}

/** A line with a mark in every column. */
function marks(count: number, mark: (at: number) => string): string {
  return Array.from({ length: count }, (_, at) => mark(at).padEnd(at === count - 1 ? 1 : COLUMN)).join('');
}

/** A line with an arrow from one column to another; its head, or the cross of a lost one, stands beside the column. */
function arrow(count: number, from: number, to: number, arrives: boolean): string {
  const line = [...marks(count, () => '│')];
  const [left, right] = [Math.min(from, to) * COLUMN, Math.max(from, to) * COLUMN];
  for (let at = left + 1; at < right; at++) line[at] = at % COLUMN === 0 ? '┼' : '─';
  line[from * COLUMN] = from < to ? '├' : '┤';
  line[from < to ? right - 1 : left + 1] = arrives ? (from < to ? '▶' : '◀') : '✗';
  return line.join('');
}

function row(hosts: readonly string[], nameOf: NameOf, { atMs, event, sentMs }: StoryEvent): Row | undefined {
  if (event.type === 'fault' || event.type === 'note') {
    return { atMs, lanes: marks(hosts.length, () => '┆'), text: `${event.type}: ${event.text}` };
  }
  if (event.type !== 'message') {
    const { host, text } = describeEvent(event);
    const mark = event.type === 'start' ? '▲' : event.type === 'stop' ? '▼' : event.type === 'role' ? '◆' : '●';
    const lanes = marks(hosts.length, (at) => (hosts[at] === host ? mark : '│'));
    return { atMs, lanes, text: `${host} ${event.type} ${text}`.trim() };
  }
  const { from, to, type, message } = event.event;
  const [a, b] = [hosts.indexOf(nameOf(from)), hosts.indexOf(nameOf(to))];
  if (a < 0 || b < 0 || message === undefined) return undefined;
  const lateMs = sentMs === undefined ? 0 : atMs - sentMs;
  const late = lateMs > LATE_MS ? `, ${lateMs.toFixed(0)} ms on the way` : '';
  const fate = type === 'delivered' ? '' : ` (${type})`;
  const lanes = arrow(hosts.length, a, b, type === 'delivered');
  return { atMs, lanes, text: `${describeMessage(message)}${fate}${late}` };
}

/** The chart of `events` with columns for `hosts`, the first nine of them. A repeated line is told once. */
export function messageChart(hosts: readonly string[], nameOf: NameOf, events: readonly StoryEvent[]): string[] {
  const columns = hosts.slice(0, HOSTS_MAX);
  const head = marks(columns.length, (at) => columns[at] ?? '');
  const width = Math.max(head.length, (columns.length - 1) * COLUMN + 1);
  const lines = [`${'s'.padStart(11)}  ${head}`];
  let last: Row | undefined;
  let times = 1;
  const end = (): void => {
    if (times > 1) lines[lines.length - 1] += ` (${times} times)`;
    times = 1;
  };
  for (const event of events) {
    const next = row(columns, nameOf, event);
    if (next === undefined) continue;
    if (last !== undefined && last.lanes === next.lanes && last.text === next.text) {
      times++;
      continue;
    }
    end();
    const text = next.text.length > TEXT_MAX ? `${next.text.slice(0, TEXT_MAX)}...` : next.text;
    lines.push(`${(next.atMs / 1_000).toFixed(4).padStart(11)}  ${next.lanes.padEnd(width)}  ${text}`);
    last = next;
  }
  end();
  return lines;
}
