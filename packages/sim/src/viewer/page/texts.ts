/** What is said of things in words. */
import { FATES, OUTCOMES, ROLES } from './recording.ts';
import type { FaultSpan, OperationSpan, RoleSpan, RunModel, VmSpan } from './run-model.ts';

/** A time in virtual seconds, with as many digits as tell times apart that are `spanUs` from each other. */
export function timeText(us: number, spanUs = 0): string {
  const digits = spanUs > 20_000_000 ? 1 : spanUs > 200_000 ? 3 : spanUs > 2_000 ? 5 : 6;
  return `${(us / 1_000_000).toFixed(digits)} s`;
}

/** A length of time. */
export function lengthText(us: number): string {
  const seconds = Math.round(us / 1_000_000);
  if (seconds >= 60) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (us >= 1_000_000) return `${(us / 1_000_000).toFixed(us >= 10_000_000 ? 0 : 1)} s`;
  if (us >= 1_000) return `${(us / 1_000).toFixed(us >= 10_000 ? 0 : 1)} ms`;
  return `${us} µs`;
}

/** A number with its thousands apart. */
export function countText(count: number): string {
  return count.toLocaleString('en').replaceAll(',', ' ');
}

function entries(count: number): string {
  return count === 1 ? '1 entry' : `${count} entries`;
}

/** What a message says. */
export function messageContent(model: RunModel, row: number): string {
  const { messages } = model.tables;
  const type = model.recording.types[messages.type[row] ?? 0] ?? '';
  const [term = 0, index = 0, a = 0, b = 0] = [messages.term, messages.index, messages.a, messages.b].map(
    (column) => column[row],
  );
  switch (type) {
    case 'MsgApp':
      return `${type} term ${term} after ${index}, ${entries(a)}, commit ${b}`;
    case 'MsgAppResp':
      return `${type} term ${term} ${a === 1 ? `no, hint ${index}` : `has ${index}`}`;
    case 'MsgVote':
    case 'MsgPreVote':
      return `${type} term ${term}, last ${index}/${a}${b === 1 ? ', transfer' : ''}`;
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
      return `${type} term ${term} ${a === 1 ? 'no' : 'yes'}`;
    case 'MsgHeartbeat':
      return `${type} term ${term} commit ${index}`;
    case 'MsgProp':
      return `${type} ${entries(a)}`;
    case 'snapshotChunk':
      return `snapshot ${index}, piece ${a}${b === 1 ? ', the last' : ''}`;
    case 'snapshotAck':
      return `snapshot ${index}, piece ${a} wanted`;
    case 'members':
      return `${a} members as of ${index}`;
    default:
      return term > 0 ? `${type} term ${term}` : type;
  }
}

/** A message with its way. */
export function messageText(model: RunModel, row: number): string {
  const { messages } = model.tables;
  const { hosts } = model.recording;
  const fate = FATES[messages.fate[row] ?? 0] ?? 'delivered';
  const way = `${hosts[messages.from[row] ?? 0]} → ${hosts[messages.to[row] ?? 0]}`;
  const flight = lengthText(messages.flight[row] ?? 0);
  const told = { delivered: `arrives after ${flight}`, doubled: `a double, arrives after ${flight}` };
  const became = fate === 'delivered' || fate === 'doubled' ? told[fate] : fate;
  return `${way}: ${messageContent(model, row)}\nsent ${timeText(messages.sent[row] ?? 0)}, ${became}`;
}

/** A host at a moment. */
export function hostText(model: RunModel, host: number, at: number): string {
  const span = model.roleAt(host, at);
  const name = model.recording.hosts[host] ?? '';
  if (span === undefined) return `${name}: not there yet`;
  const role = ROLES[span.role] ?? '';
  const during = `from ${timeText(span.from)} for ${lengthText(span.until - span.from)}`;
  if (role === 'down') return `${name}: down ${during}`;
  return `${name}: ${role}${span.term > 0 ? ` in term ${span.term}` : ''} ${during}\napplied ${model.appliedAt(host, at)}`;
}

/** A leader. */
export function leaderText(model: RunModel, { host, term, from, until }: RoleSpan): string {
  return `${model.recording.hosts[host]} leads in term ${term}\nfrom ${timeText(from)} for ${lengthText(until - from)}`;
}

/** A fault. */
export function faultText({ text, from, until }: FaultSpan): string {
  return `${text}\nat ${timeText(from)}${until > from ? `, lasts ${lengthText(until - from)}` : ''}`;
}

/** An operation. */
export function operationText({ client, asked, answered, host, outcome, from, until }: OperationSpan): string {
  const how = OUTCOMES[outcome] === 'open' ? 'no answer' : `${answered}${host === undefined ? '' : ` by ${host}`}`;
  return `client ${client}: ${asked}\n${how}\nasked ${timeText(from)}, ${lengthText(until - from)}`;
}

/** A VM. */
export function vmText(model: RunModel, { name, host, from, until }: VmSpan): string {
  return `VM ${name} runs on ${model.recording.hosts[host]}\nfrom ${timeText(from)} for ${lengthText(until - from)} (looked at once a second)`;
}

/** What a host handed to its disk. */
export function writeText(model: RunModel, row: number): string {
  const { writes } = model.tables;
  const [first = 0, last = 0, term = 0, vote = 0, snapshot = 0] = [
    ...[writes.first[row], writes.last[row], writes.term[row], writes.vote[row], writes.snapshot[row]],
  ];
  const parts = [
    snapshot > 0 ? `snapshot ${snapshot}` : '',
    last > 0 ? `entries ${first}..${last}` : '',
    term > 0 ? `term ${term}${vote > 0 ? `, vote for id ${vote}` : ''}` : '',
  ];
  return `${model.recording.hosts[writes.host[row] ?? 0]} writes ${parts.filter((part) => part !== '').join(', ')}`;
}
