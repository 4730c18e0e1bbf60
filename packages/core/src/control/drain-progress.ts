/** How far a drain is, VM by VM, as of one state: for people. */
import { copiedText } from '../machine/apply-move-copy.ts';
import { goesAnyway } from '../machine/moving.ts';
import type { ClusterState } from '../machine/state.ts';
import type { Drain } from '../model/drain.ts';
import type { Host } from '../model/host.ts';
import { displacedBy, isLeaving, MOVE_RETRY_MS, moveOf } from '../model/move.ts';
import type { Vm } from '../model/vm.ts';
import { relocate } from '../scheduler/relocation.ts';
import { LOOKS_PER_HOST } from './moves.ts';

/** One VM of a host that is to be empty. */
export interface DrainedVm {
  readonly name: string;
  /** `moving`: on its way. `waiting`: its turn comes. `stuck`: it can go nowhere now. */
  readonly state: 'moving' | 'waiting' | 'stuck';
  /** Where it goes, if that is settled. */
  readonly to: string | null;
  /** What goes on, or what is in the way. */
  readonly text: string;
}

/** How far a drain is. */
export interface DrainProgress {
  readonly host: string;
  /** Null for a host that is not drained. */
  readonly drain: Drain | null;
  /** VMs that have left since it began. */
  readonly moved: number;
  readonly moving: number;
  readonly waiting: number;
  readonly stuck: number;
  /** Uids of volumes of no VM that are on it, which no drain moves; at most 256. */
  readonly volumes: readonly string[];
  /** By name, at most 256. */
  readonly vms: readonly DrainedVm[];
}

/** VMs, and volumes, that are listed. */
const LISTED = 256;

function onItsWay(state: ClusterState, vm: Vm): DrainedVm {
  const move = moveOf(vm);
  const to = state.host(move?.targetId ?? 0)?.name ?? null;
  const { name } = vm;
  if (vm.deleting) return { name, state: 'moving', to: null, text: 'is being deleted' };
  const room = displacedBy(vm);
  if (room !== undefined) return { name, state: 'moving', to: null, text: `makes room for ${room}` };
  if (move?.step === 'copy') {
    return { name, state: 'moving', to, text: `its volumes are copied: ${copiedText(vm, move)}` };
  }
  if (isLeaving(vm)) return { name, state: 'moving', to, text: 'is stopped and removed here' };
  return { name, state: 'moving', to, text: `runs on until ${to ?? 'its target'} has built it` };
}

function look(state: ClusterState, host: Host, vm: Vm, wallMs: number): DrainedVm {
  const { name } = vm;
  if (!host.reachable) {
    const text =
      vm.spec.failover === 'stay'
        ? `waits for ${host.name}, which is not heard from: it is to stay on its host (failover: stay)`
        : `${host.name} is not heard from and cannot stop it; it is started elsewhere once the lease of ${host.name} has run out`;
    return { name, state: vm.spec.failover === 'stay' ? 'stuck' : 'waiting', to: null, text };
  }
  const failure = vm.moveFailure;
  if (failure !== undefined && wallMs >= failure.atMs && wallMs < failure.atMs + MOVE_RETRY_MS) {
    return { name, state: 'stuck', to: null, text: `tried in vain, and is tried again in a while: ${failure.message}` };
  }
  const goal = relocate(state, vm, host.drain?.mode ?? 'drain');
  if (goal.type === 'stuck') return { name, state: 'stuck', to: null, text: goal.message };
  if (goal.type === 'together') {
    const others = goal.vms.slice(1).map((one) => one.name);
    const text = `waits for its turn, together with ${others.join(', ')} (near ${goal.labels.join(', ')})`;
    return { name, state: 'waiting', to: null, text };
  }
  return { name, state: 'waiting', to: null, text: 'waits for its turn' };
}

/** How far the drain of `host` is. `wallMs` is the wall clock, for display. */
export function drainProgress(state: ClusterState, host: Host, wallMs: number): DrainProgress {
  const vms: DrainedVm[] = [];
  const counts = { moving: 0, waiting: 0, stuck: 0 };
  let looks = 0;
  let left = 0;
  for (const vm of [...state.vmsOnHost(host.id)].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    left += 1;
    let entry: DrainedVm;
    if (moveOf(vm) !== undefined || goesAnyway(vm)) entry = onItsWay(state, vm);
    else if (looks < LOOKS_PER_HOST) {
      looks += 1;
      entry = look(state, host, vm, wallMs);
    } else entry = { name: vm.name, state: 'waiting', to: null, text: 'has not been looked at yet' };
    counts[entry.state] += 1;
    if (vms.length < LISTED) vms.push(entry);
  }
  const moved = Math.max(0, (host.drain?.total ?? left) - left);
  const stored = [...state.stored.all()].filter(({ created, place }) => created && place?.hostId === host.id);
  const volumes = stored.slice(0, LISTED).map(({ uid }) => uid);
  return { host: host.name, drain: host.drain ?? null, moved, ...counts, volumes, vms };
}
