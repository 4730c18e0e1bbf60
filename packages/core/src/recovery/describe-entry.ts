/** An entry of the log as one line for people. */
import type { Command } from '../machine/command.ts';
import { decodeProposal } from '../machine/proposal-codec.ts';
import type { ConfChange, Entry } from '../raft/types.ts';

/** Longest line, in characters. */
const LENGTH_MAX = 400;

/** Commands that a report would name by more than their type and their object. */
function describeCommand(command: Command, hostName: (id: number) => string): string {
  switch (command.type) {
    case 'vmCreate':
      return `create VM ${command.name}`;
    case 'vmDelete':
      return `delete VM ${command.name}`;
    case 'vmSetPower':
      return `VM ${command.name} shall be ${command.power}`;
    case 'vmAssign':
      return `place VM ${command.name} on host ${hostName(command.hostId)}`;
    case 'vmReport':
      return `host ${hostName(command.hostId)} reports ${command.reports.map((one) => `${one.name} ${one.status.phase}`).join(', ')}`;
    case 'vmRemoved':
      return `host ${hostName(command.hostId)} has removed VM ${command.name}`;
    case 'hostJoin':
      return `host ${command.name} joins`;
    case 'hostReport':
      return `host ${hostName(command.hostId)} reports on itself`;
    case 'hostReachable':
      return `host ${hostName(command.hostId)} is ${command.reachable ? 'heard from again' : 'not heard from'}`;
    case 'hostLeave':
      return `host ${command.name} leaves`;
    default:
      return `${words(command.type)}${objectOf(command)}`;
  }
}

/** `vmUnplaceable` as `vm unplaceable`. */
function words(type: string): string {
  return type.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function objectOf(command: Command): string {
  if ('name' in command && typeof command.name === 'string') return ` ${command.name}`;
  if ('id' in command && typeof command.id === 'string') return ` ${command.id}`;
  return '';
}

function describeChange(change: ConfChange, hostName: (id: number) => string): string {
  if (change.changes.length === 0) return 'leave the joint configuration of the Raft group';
  const verbs = { addVoter: 'gets a vote', addLearner: 'follows without a vote', remove: 'is taken out', update: '' };
  const parts = change.changes.map(({ type, node }) => `host ${hostName(node)} ${verbs[type]}`.trimEnd());
  return `Raft group: ${parts.join(', ')}`;
}

/** What the entry does if it takes effect, in one line. `hostName` gives the name of a host, or its id in words. */
export function describeEntry(entry: Entry, hostName: (id: number) => string): string {
  let text: string;
  if (entry.type === 'confChange') text = describeChange(entry.change, hostName);
  else if (entry.data.length === 0) text = 'a new leader began';
  else {
    const decoded = decodeProposal(entry.data);
    text = decoded.ok
      ? describeCommand(decoded.proposal.command, hostName)
      : `a command that this version cannot read (${decoded.message})`;
  }
  return text.length <= LENGTH_MAX ? text : `${text.slice(0, LENGTH_MAX - 3)}...`;
}
