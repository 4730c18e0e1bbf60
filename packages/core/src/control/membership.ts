/**
 * Brings the Raft group in line with the hosts: takes joining hosts in as learners, gives the vote to as many
 * as are wanted, replaces voters that are dead, takes leaving hosts out. One configuration change at a time,
 * of as many hosts at once as need it, and never one that the failures of the moment make unsafe.
 *
 * Invariants, each with its property in `membership-model.test.ts`:
 * - no change is begun unless those heard from are a majority of the voters before it and of those after it;
 * - a host that has not caught up, or is not heard from, is given no vote;
 * - repeated, the steps come to an end, and then as many vote as can be had of those wanted;
 * - a host that comes back is given its vote again only if it is needed.
 */
import { nextFormat } from '../machine/command-format.ts';
import { reads } from '../machine/format-range.ts';
import type { ClusterState } from '../machine/state.ts';
import { type Host, hostZone, wasLost } from '../model/host.ts';
import type { ConfChangeSingle, NodeId } from '../raft/types.ts';
import { isSafeChange, type SafetyRule } from './change-safety.ts';
import { COMMAND_FORMAT_KEY } from './command-format.ts';
import { type ControlOptions, type Decision, heard, type LeaderView } from './decision.ts';
import { bestExchange, type Contender, chooseVoters } from './voters.ts';

const KEY = 'membership';

/** One look at the group: what the rules below share. */
interface Look {
  readonly state: ClusterState;
  readonly view: LeaderView;
  readonly nowMs: number;
  readonly options: ControlOptions;
  readonly isSafe: SafetyRule;
  /** How long a voter may be silent before it is replaced, in ms. */
  readonly graceMs: number;
}

function confChange(changes: readonly ConfChangeSingle[]): Decision {
  return { type: 'confChange', key: KEY, change: { transition: 'auto', changes, context: new Uint8Array() } };
}

function isHeard({ view, nowMs, options }: Look, id: NodeId): boolean {
  return heard(view, id, options.backWithinMs, nowMs);
}

/** Whether it is heard from and has what is committed, but for a little. */
function isWell(look: Look, id: NodeId): boolean {
  const { view, options } = look;
  if (id === view.selfId) return true;
  const match = view.peers.get(id)?.match ?? 0;
  return isHeard(look, id) && match + options.caughtUpEntries >= view.committed;
}

/** Whether a voter has been silent for longer than the grace: under this leader, or since an earlier one gave it up. */
function isDead({ view, nowMs, graceMs, options }: Look, id: NodeId): boolean {
  if (id === view.selfId) return false;
  const { lastHeardMs = null, unreachableSinceMs = null } = view.peers.get(id) ?? {};
  const silentMs = nowMs - Math.max(lastHeardMs ?? view.leaderSinceMs, view.leaderSinceMs);
  if (silentMs > graceMs) return true;
  if (unreachableSinceMs === null || silentMs <= options.backWithinMs) return false;
  return nowMs - unreachableSinceMs > graceMs && (lastHeardMs ?? 0) <= unreachableSinceMs;
}

/** Whether messages have come from it without a gap for `forMs`. */
function isSteady({ view, nowMs }: Look, id: NodeId, forMs: number): boolean {
  if (id === view.selfId) return nowMs - view.leaderSinceMs >= forMs;
  const since = view.peers.get(id)?.heardSinceMs ?? null;
  return since !== null && nowMs - since >= forMs;
}

/** Whether a host reads the commands that are in force, and none are about to be that it may not read. */
function readsCommands({ state, view }: Look, host: Host): boolean {
  const { cluster } = state;
  if (cluster === undefined || host.facts === undefined) return false;
  if (view.inFlight.has(COMMAND_FORMAT_KEY) || nextFormat(state) !== undefined) return false;
  return reads(host.facts.commandFormats, cluster.commandFormat);
}

/** Whether a host that does not vote could do so at once. */
function couldVote(look: Look, host: Host): boolean {
  const { id } = host;
  return look.view.confState.learners.includes(id) && isWell(look, id) && readsCommands(look, host);
}

/** Whether a host that was lost has shown that it stays. */
function isTrusted(look: Look, host: Host): boolean {
  return !wasLost(host) || (host.reachable && isSteady(look, host.id, look.graceMs));
}

function contendersOf(look: Look): Contender[] {
  const { state, view } = look;
  const contenders: Contender[] = [];
  for (const host of state.hosts()) {
    const { id } = host;
    const votes = view.confState.voters.includes(id);
    if (host.membership === 'leaving' || host.settings.role === 'agent') continue;
    if (!votes && !couldVote(look, host)) continue;
    contenders.push({
      id,
      zone: hostZone(host),
      preferred: host.settings.role === 'server',
      votes,
      alive: !votes || !isDead(look, id),
      well: isWell(look, id),
      steady: votes || isTrusted(look, host),
      leads: id === view.selfId,
    });
  }
  return contenders;
}

/** Voters to exchange for the better, when all is well and has been for long. */
function rebalanced(look: Look, contenders: readonly Contender[], chosen: readonly Contender[]): NodeId[] | undefined {
  const { view, nowMs, options, graceMs } = look;
  const forMs = graceMs * options.rebalancePatience;
  if (nowMs - view.confSinceMs < forMs || nowMs - view.leaderSinceMs < forMs) return undefined;
  const isSettled = ({ id, well }: Contender): boolean => well && isSteady(look, id, forMs);
  if (!chosen.every((one) => one.votes && isSettled(one))) return undefined;
  const spare = contenders.filter((one) => !one.votes && isSettled(one));
  const exchange = bestExchange(chosen, spare);
  if (exchange === undefined) return undefined;
  return [...chosen.filter((one) => one !== exchange.out), exchange.in].map(({ id }) => id);
}

/** Whom a leader that is to lose its vote hands over to: the voter with most of the log among those that stay. */
function successor(look: Look, target: readonly NodeId[]): NodeId | undefined {
  const { view } = look;
  let best: NodeId | undefined;
  let most = -1;
  for (const id of target) {
    const match = view.peers.get(id)?.match ?? 0;
    if (!view.confState.voters.includes(id) || !isWell(look, id) || match <= most) continue;
    best = id;
    most = match;
  }
  return best;
}

/** The change from the present voters to `target`; undefined when there is nothing to change. */
function changesTo(look: Look, target: readonly NodeId[]): ConfChangeSingle[] | undefined {
  const { state, view } = look;
  const { voters } = view.confState;
  const changes: ConfChangeSingle[] = [];
  for (const node of target) if (!voters.includes(node)) changes.push({ type: 'addVoter', node });
  for (const node of voters) {
    if (target.includes(node)) continue;
    const host = state.host(node);
    const stays = host !== undefined && host.membership !== 'leaving';
    changes.push({ type: stays ? 'addLearner' : 'remove', node });
  }
  return changes.length === 0 ? undefined : changes;
}

/** A line in the history for every voter that is given up, since the change itself does not say why. */
function obituaries(look: Look, target: readonly NodeId[]): Decision[] {
  const { state, view, graceMs } = look;
  const dead = view.confState.voters.filter((id) => !target.includes(id) && isDead(look, id));
  const heirs = target.filter((id) => !view.confState.voters.includes(id)).map((id) => state.host(id)?.name ?? id);
  return dead.flatMap((id): Decision[] => {
    const host = state.host(id);
    if (host === undefined || host.membership === 'leaving') return [];
    const instead = heirs.length === 0 ? 'the others vote without it' : `${heirs.join(', ')} votes in its place`;
    const message = `not heard from for more than ${Math.round(graceMs / 1000)} s: ${instead}`;
    const about = { kind: 'host', name: host.name } as const;
    const command = { type: 'eventRecord', about, severity: 'warning', reason: 'VoterReplaced', message } as const;
    return [{ type: 'command', key: `${KEY}/replaced/${id}`, command }];
  });
}

/** The next step towards the voters that there should be. */
function planVoters(look: Look): Decision[] {
  const { state, view, nowMs, options, isSafe } = look;
  const { voters } = view.confState;
  const wanted = state.cluster?.settings.voters ?? voters.length;
  const contenders = contendersOf(look);
  const chosen = chooseVoters(contenders, wanted, voters.length);
  // Nobody is left who may vote: the group stays as it is rather than have no voters.
  if (chosen.length === 0) return [];
  let target = chosen.map(({ id }) => id);
  if (changesTo(look, target) === undefined) target = rebalanced(look, contenders, chosen) ?? target;
  if (!target.includes(view.selfId)) {
    const to = successor(look, target);
    if (to !== undefined) {
      const due = view.transferTriedMs === null || nowMs - view.transferTriedMs >= options.transferPauseMs;
      return due ? [{ type: 'transferLeader', key: KEY, to }] : [];
    }
    // Nobody could take over yet: the new voters come in beside the leader, which goes next.
    target = [...target, view.selfId];
  }
  const changes = changesTo(look, target);
  if (changes === undefined) return [];
  const safe = isSafe(
    { from: voters, to: target },
    (id) => isHeard(look, id),
    (id) => isWell(look, id),
  );
  return safe ? [confChange(changes), ...obituaries(look, target)] : [];
}

/** Takes one host in as a learner, or one learner out that leaves or is no host any more. */
function planLearners(look: Look): Decision[] {
  const { state, view } = look;
  const { voters, learners } = view.confState;
  const isThere = (id: NodeId): boolean => isHeard(look, id);
  // It would stay in the log without being committed, and in the way of changes that matter more.
  if (!look.isSafe({ from: voters, to: voters }, isThere, isThere)) return [];
  const gone = learners.find((id) => (state.host(id)?.membership ?? 'leaving') === 'leaving');
  if (gone !== undefined) return [confChange([{ type: 'remove', node: gone }])];
  for (const { id, membership } of state.hosts()) {
    if (membership === 'leaving' || membership === 'lost') continue;
    if (voters.includes(id) || learners.includes(id)) continue;
    // A join that broke off leaves nothing in the group.
    if (!view.connected.has(id)) continue;
    return [confChange([{ type: 'addLearner', node: id }])];
  }
  return [];
}

/** `hostRemoved` for every leaving host that is out of the group. */
function planRemoved({ state, view }: Look): Decision[] {
  const { voters, learners } = view.confState;
  const decisions: Decision[] = [];
  for (const { id, membership } of state.hosts()) {
    if (membership !== 'leaving' || voters.includes(id) || learners.includes(id)) continue;
    decisions.push({ type: 'command', key: `removed/${id}`, command: { type: 'hostRemoved', hostId: id } });
  }
  return decisions;
}

/**
 * The next step for the group: at most one configuration change or handover, and `hostRemoved` for hosts that
 * are out. Nothing while a change is under way. `isSafe` is for tests of what watches over this.
 */
export function planMembership(
  state: ClusterState,
  view: LeaderView,
  nowMs: number,
  options: ControlOptions,
  isSafe: SafetyRule = isSafeChange,
): Decision[] {
  const { confState, confChangePending, transferring } = view;
  if (confState.votersOutgoing.length > 0 || confChangePending || transferring) return [];
  const graceMs = (state.cluster?.settings.replaceAfterSeconds ?? 0) * 1000;
  const look: Look = { state, view, nowMs, options, isSafe, graceMs };
  const voters = planVoters(look);
  return [...planRemoved(look), ...(voters.length > 0 ? voters : planLearners(look))];
}
