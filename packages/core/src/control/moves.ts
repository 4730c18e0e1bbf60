/**
 * Moves VMs off hosts that are to be empty, and gives up moves whose targets fell away. What there is to do follows from
 * the state alone, so that any leader goes on where the last one stopped.
 */

import { misfits } from '../machine/fit.ts';
import { describeMisfit } from '../machine/fit-text.ts';
import { emptying, goesAnyway, loadsWithout } from '../machine/moving.ts';
import type { ClusterState } from '../machine/state.ts';
import { type Drain, isDraining } from '../model/drain.ts';
import type { Host } from '../model/host.ts';
import { MOVE_RETRY_MS, type MoveCause, moveOf } from '../model/move.ts';
import type { Vm } from '../model/vm.ts';
import { PassLoads } from '../scheduler/loads.ts';
import { type Relocation, relocate } from '../scheduler/relocation.ts';
import type { Decision, LeaderView } from './decision.ts';

const PREFIX = 'move/';

/** VMs that are looked at for one host in one pass: each look costs as much as there are hosts. */
export const LOOKS_PER_HOST = 64;

/** The same for a host whose VMs could go nowhere when they were last looked at. */
const LOOKS_WHEN_STUCK = 8;

/** Time, in ms, after which other VMs of many are looked at. */
const TURN_MS = 1_000;

/** VMs that are named in a note. */
const NAMED = 8;

function byName(a: Vm, b: Vm): number {
  return a.name < b.name ? -1 : 1;
}

/** Gives up the moves that cannot come to an end. */
function planCancellations(state: ClusterState): Decision[] {
  const decisions: Decision[] = [];
  for (const name of state.indexes.moving) {
    const vm = state.vm(name);
    const move = vm === undefined ? undefined : moveOf(vm);
    if (vm === undefined || move?.targetId === undefined || vm.deleting) continue;
    const target = state.host(move.targetId);
    const against = target === undefined ? [] : misfits(vm, target, loadsWithout(state, vm));
    if (target !== undefined && against.length === 0) continue;
    const reason = `${target?.name ?? 'its target'} ${against.map(describeMisfit).join(' and ') || 'has left'}`;
    const command = {
      type: 'vmMoveCancel',
      name,
      uid: vm.uid,
      index: move.index,
      reason: reason.slice(0, 256),
    } as const;
    decisions.push({ type: 'command', key: `${PREFIX}${name}/cancel`, command });
  }
  return decisions;
}

/** What has become of one host's drain, in a pass over its VMs. */
interface Progress {
  readonly moves: readonly Decision[];
  /** VMs that can go nowhere, with the reasons: those of them that were looked at. */
  readonly stuck: readonly string[];
  /** VMs that neither move nor were told to, looked at or not. */
  readonly rest: number;
  /** Whether some move, or are about to. */
  readonly getsOn: boolean;
  /** Whether all were looked at. */
  readonly isWhole: boolean;
}

/** The VMs that are looked at now: some of many, others each time. */
function inTurn(vms: readonly Vm[], drain: Drain, left: number, wallMs: number): readonly Vm[] {
  // What was stuck and has not changed most likely still is.
  const most = drain.outcome === 'stuck' && drain.left === left ? LOOKS_WHEN_STUCK : LOOKS_PER_HOST;
  if (vms.length <= most) return vms;
  const start = (Math.floor(Math.max(0, wallMs) / TURN_MS) * most) % vms.length;
  return [...vms.slice(start), ...vms.slice(0, start)].slice(0, most);
}

/** A VM whose last move failed a short while ago, with why. */
function triedInVain({ name, moveFailure: failure }: Vm, wallMs: number): string | undefined {
  const isRecent = failure !== undefined && wallMs >= failure.atMs && wallMs < failure.atMs + MOVE_RETRY_MS;
  return isRecent ? `${name} (tried in vain: ${failure.message})` : undefined;
}

function planHost(
  state: ClusterState,
  host: Host,
  drain: Drain,
  loads: PassLoads,
  { wallMs, selfId: by }: LeaderView,
): Progress {
  const moves: Decision[] = [];
  const stuck: string[] = [];
  let room = drain.parallel - emptying(state, host.id);
  const all = [...state.vmsOnHost(host.id)].sort(byName);
  const candidates = all.filter((vm) => moveOf(vm) === undefined && !goesAnyway(vm));
  const looked = inTurn(candidates, drain, all.length, wallMs);
  const gone = new Set<string>();
  for (const vm of looked) {
    if (room <= 0 || vm.assignment === null) break;
    if (gone.has(vm.name)) continue;
    const failure = triedInVain(vm, wallMs);
    if (failure !== undefined) {
      stuck.push(failure);
      continue;
    }
    const goal = relocate(state, vm, drain.mode, loads);
    if (goal.type === 'stuck') {
      stuck.push(`${vm.name} ${goal.message}`);
      continue;
    }
    if (goal.type === 'together') {
      const inVain = goal.vms.flatMap((one) => triedInVain(one, wallMs) ?? []);
      if (inVain.length > 0) {
        stuck.push(`${vm.name} goes only together with ${inVain.join(', ')}`);
        continue;
      }
      // More than the limit allows go when nobody else does.
      if (goal.vms.length > room && room < drain.parallel) continue;
      moves.push(moveTogether(goal, drain.mode, by));
      for (const one of goal.vms) {
        loads.reserve(one, goal.host.id);
        gone.add(one.name);
      }
      room -= goal.vms.length;
      continue;
    }
    const target = goal.type === 'to' ? { targetId: goal.host.id, weighing: goal.weigh(by) } : {};
    if (goal.type === 'to') loads.reserve(vm, goal.host.id);
    const of = { name: vm.name, uid: vm.uid, epoch: vm.assignment.epoch };
    const command = { type: 'vmMove', ...of, cause: drain.mode, ...target } as const;
    moves.push({ type: 'command', key: PREFIX + vm.name, command });
    room -= 1;
  }
  const getsOn = moves.length > 0 || all.length > candidates.length;
  const alone = moves.length - moves.filter(isTogether).length;
  const rest = candidates.length - alone - gone.size;
  return { moves, stuck, rest, getsOn, isWhole: looked.length === candidates.length };
}

/** The command by which several VMs leave as one. */
function moveTogether(goal: Relocation & { type: 'together' }, cause: MoveCause, by: number): Decision {
  const weighings = goal.weigh(by);
  const moves = goal.vms.map(({ name, uid, assignment }, at) => {
    const weighing = weighings[at];
    return { name, uid, epoch: assignment?.epoch ?? 0, ...(weighing === undefined ? {} : { weighing }) };
  });
  const command = { type: 'vmMoveTogether', cause, targetId: goal.host.id, moves } as const;
  return { type: 'command', key: `${PREFIX}${goal.vms[0]?.name}`, command };
}

function isTogether(decision: Decision): boolean {
  return decision.type === 'command' && decision.command.type === 'vmMoveTogether';
}

/** What stays and why, in one line. */
function stuckText({ stuck, rest }: Progress): string {
  const named = stuck.slice(0, NAMED).join('; ');
  const more = rest > NAMED ? `; and ${rest - NAMED} more` : '';
  return `${rest} ${rest === 1 ? 'VM stays' : 'VMs stay'}: ${named}${more}`.slice(0, 1024);
}

/** The note that a drain deserves now, if it differs from the one that it has. */
function note(
  state: ClusterState,
  host: Host,
  drain: Drain,
  progress: Progress,
  isLate: boolean,
): Decision | undefined {
  const left = [...state.vmsOnHost(host.id)].length;
  const base = { type: 'hostDrainNote', hostId: host.id, index: drain.index } as const;
  const decide = (outcome: Drain['outcome'], message: string): Decision | undefined => {
    if (drain.outcome === outcome && (drain.message ?? '') === message) return undefined;
    const command = outcome === undefined ? { ...base, message } : { ...base, outcome, message };
    return { type: 'command', key: `drain/${host.id}`, command };
  };
  if (left === 0) return decide('drained', 'is empty and takes no VMs until it is undrained');
  if (isLate) {
    const why = progress.stuck.length === 0 ? '' : `; ${stuckText(progress)}`;
    return decide('expired', `the deadline passed with ${left} of ${drain.total} VMs left${why}`.slice(0, 1024));
  }
  if (progress.getsOn) return decide(undefined, '');
  // Some of many were looked at: what was said of all of them stands.
  if (!progress.isWhole && drain.outcome === 'stuck' && drain.left === left) return undefined;
  return decide('stuck', stuckText(progress));
}

/** What moves next. Nothing while earlier decisions about moves are under way, as of which the state knows nothing. */
export function planMoves(state: ClusterState, view: LeaderView): Decision[] {
  for (const key of view.inFlight) if (key.startsWith(PREFIX)) return [];
  const decisions = planCancellations(state);
  if (decisions.length > 0) return decisions;
  let loads: PassLoads | undefined;
  for (const host of state.hosts()) {
    const { drain } = host;
    if (!isDraining(drain) || host.membership === 'leaving') continue;
    const isLate = drain.deadlineMs !== undefined && view.wallMs >= drain.deadlineMs;
    const isEmpty = state.indexes.onHost(host.id).size === 0;
    // Nobody can stop its VMs in good order: they are failed over, or wait for it.
    if (!host.reachable && !isLate && !isEmpty) continue;
    if (drain.outcome === 'drained' && isEmpty) continue;
    loads ??= new PassLoads(state);
    const progress = planHost(state, host, drain, loads, view);
    if (!isLate) decisions.push(...progress.moves);
    const told = note(state, host, drain, progress, isLate);
    if (told !== undefined) decisions.push(told);
  }
  return decisions;
}
