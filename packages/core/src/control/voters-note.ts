/** Why fewer hosts vote, or live among those that do, than the cluster wants; and what somebody could do about it. */
import type { ClusterState } from '../machine/state.ts';
import type { Host } from '../model/host.ts';

/** Hosts named in one note. */
const SHOWN = 4;

function named(hosts: readonly Host[]): string {
  const names = hosts.map(({ name }) => name);
  const more = names.length - SHOWN;
  return names.slice(0, SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function is(hosts: readonly Host[]): string {
  return hosts.length === 1 ? 'is' : 'are';
}

/** One line for people; undefined when as many hosts vote and live as are wanted. From the state alone: it may be a moment old. */
export function votersNote(state: ClusterState): string | undefined {
  const settings = state.cluster?.settings;
  if (settings === undefined) return undefined;
  const hosts = [...state.hosts()].filter(({ membership }) => membership !== 'leaving' && membership !== 'lost');
  const voters = hosts.filter(({ membership }) => membership === 'voter');
  const silent = voters.filter(({ reachable }) => !reachable);
  if (voters.length >= settings.voters && silent.length === 0) return undefined;
  const spare = hosts.filter(({ membership, settings: { role } }) => membership !== 'voter' && role !== 'agent');
  const here = spare.filter(({ reachable }) => reachable);
  const agents = hosts.filter(({ membership, settings: { role } }) => membership !== 'voter' && role === 'agent');
  const [agent] = agents;
  const letAgent =
    agent === undefined ? '' : `, or let ${agent.name} vote with \`n3xctl host set ${agent.name} --role auto\``;
  if (silent.length > 0) {
    const what = `${named(silent)} ${is(silent)} not heard from`;
    if (here.length > 0) return `${what}: ${named(here)} can take over after ${settings.replaceAfterSeconds} s`;
    return `${what}, and no host that may vote is left to take over: bring ${silent.length === 1 ? 'it' : 'them'} back, join another${letAgent}`;
  }
  const total = voters.length + spare.length;
  if (total < settings.voters) {
    const odd = total % 2 === 0 ? ', of which an odd number votes' : '';
    return `${settings.voters} hosts should vote, and ${total} may${odd}: join ${settings.voters - total} more${letAgent}`;
  }
  return `${settings.voters} hosts should vote, and ${voters.length} do: others follow once they have caught up and were heard from for a while`;
}
