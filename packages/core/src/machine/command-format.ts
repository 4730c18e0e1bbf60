/**
 * Which format of commands the hosts can read. The format in force only rises, by a command of its own, and
 * only to what every voter reads. A host without a vote counts while it is reachable: one that is away does
 * not hold the others up, and when it comes back with an old build it stops before it reads on.
 */
import { ERROR_CODES } from '../base/errors.ts';
import type { Host } from '../model/host.ts';
import type { Command, CommandResult } from './command.ts';
import { COMMAND_SINCE, isIn } from './command-since.ts';
import { reads } from './format-range.ts';
import type { ClusterState } from './state.ts';

/** Whether the format in force has to wait for this host. `leaving` hosts vote until they are out. */
function counts(host: Host): boolean {
  return host.membership === 'voter' || host.membership === 'leaving' || host.reachable;
}

/** Hosts that count and do not read `format`, in order of their ids. A host that has reported nothing reads nothing new. */
export function hostsWithoutFormat(state: ClusterState, format: number): Host[] {
  return [...state.hosts()].filter(
    (host) => counts(host) && (host.facts === undefined || !reads(host.facts.commandFormats, format)),
  );
}

/** The highest format above the one in force that all hosts that count can read; undefined when there is none. */
export function nextFormat(state: ClusterState): number | undefined {
  const { cluster } = state;
  if (cluster === undefined) return undefined;
  let highest = 0;
  for (const host of state.hosts()) highest = Math.max(highest, host.facts?.commandFormats[1] ?? 0);
  for (let format = highest; format > cluster.commandFormat; format--) {
    if (hostsWithoutFormat(state, format).length === 0) return format;
  }
  return undefined;
}

/** What a client is told whose command some host could not read; undefined for one that all can. */
export function unreadable(state: ClusterState, format: number, command: Command): CommandResult | undefined {
  if (isIn(format, command)) return undefined;
  const since = COMMAND_SINCE[command.type];
  const hosts = hostsWithoutFormat(state, since).map(({ name }) => name);
  const whom = hosts.length === 0 ? 'all hosts' : hosts.slice(0, 8).join(', ');
  const message = `${command.type} is of command format ${since}, and ${format} is in force: install this n3x version on ${whom} first`;
  const details = { format, since, hosts: hosts.slice(0, 64) };
  return { ok: false, index: state.index, error: { code: ERROR_CODES.version, message, details } };
}
