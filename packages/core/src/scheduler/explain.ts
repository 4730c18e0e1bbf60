/** Where a VM is or would be, and why: every host with the rules against it, or its score by part. */

import { misfits } from '../machine/fit.ts';
import { describeMisfit, remedy } from '../machine/fit-text.ts';
import { loadsWithout } from '../machine/moving.ts';
import type { Loads } from '../machine/occupancy.ts';
import type { ClusterState } from '../machine/state.ts';
import { strategyOf } from '../model/cluster.ts';
import type { Host } from '../model/host.ts';
import { displacedBy, moveTargetId } from '../model/move.ts';
import type { Strategy } from '../model/placement.ts';
import { type Vm, vmPriority } from '../model/vm.ts';
import { projectOf } from '../model/vm-name.ts';
import { bestOf } from './candidates.ts';
import { explainUnplaceable, placedByHand } from './feasible.ts';
import { planPreemption } from './preemption.ts';
import { type ScorePart, scoreParts, shownPoints } from './score.ts';

/** One host seen with the VM in mind. */
export interface HostOpinion {
  readonly host: string;
  /** Whether the VM is assigned to it. */
  readonly here: boolean;
  readonly fits: boolean;
  /** What keeps the VM off. Empty when it fits. */
  readonly rules: readonly { readonly rule: string; readonly text: string; readonly remedy: string }[];
  /** Sum of the parts; null where it does not fit. */
  readonly score: number | null;
  readonly parts: readonly ScorePart[];
}

/** Where a VM would go as of now. */
export interface PlacementExplanation {
  readonly name: string;
  readonly strategy: Strategy;
  readonly priority: number;
  /** The host that it has. */
  readonly host: string | null;
  /** The host that would be chosen now, were it not for the VM itself. Null when none would be. */
  readonly choice: string | null;
  /** VMs that would have to make room first. */
  readonly displaces: readonly string[];
  /** All of it in one line. */
  readonly summary: string;
  /** By rising id. */
  readonly hosts: readonly HostOpinion[];
}

function shownPart({ part, points }: ScorePart): ScorePart {
  return { part, points: shownPoints(points) };
}

function opinion(vm: Vm, host: Host, strategy: Strategy, loads: Loads): HostOpinion {
  const against = misfits(vm, host, loads);
  const parts = against.length > 0 ? [] : scoreParts(strategy, vm, host, loads);
  const points = parts.reduce((sum, part) => sum + part.points, 0);
  return {
    host: host.name,
    here: vm.assignment?.hostId === host.id,
    fits: against.length === 0,
    rules: against.map((misfit) => ({
      rule: misfit.rule,
      text: describeMisfit(misfit),
      remedy: remedy(misfit, host.name),
    })),
    score: against.length === 0 ? shownPoints(points) : null,
    parts: parts.map(shownPart),
  };
}

/** Explains one VM, of the state or one that is not there yet. Its cost grows with the number of hosts. */
export function explainPlacement(state: ClusterState, vm: Vm): PlacementExplanation {
  const loads = vm.assignment === null ? state.indexes : loadsWithout(state, vm);
  const strategy = strategyOf(state.cluster, state.project(projectOf(vm.name)), vm.spec.placement);
  const hosts = [...state.hosts()];
  const opinions = hosts.map((host) => opinion(vm, host, strategy, loads));
  const byHand = strategy === 'manual' && vm.spec.placement.host === undefined;
  const fitting = hosts.filter((_, at) => opinions[at]?.fits);
  const best = byHand ? undefined : bestOf(vm, strategy, fitting, loads, state.cluster?.lastTurnHostId ?? 0);
  const current = vm.assignment === null ? undefined : state.host(vm.assignment.hostId);
  const mayDisplace = vm.assignment === null && best === undefined && !byHand;
  const room = mayDisplace ? planPreemption(state, vm, hosts, loads, new Set()) : undefined;
  const displaces = room?.victims.map(({ name }) => name) ?? [];
  const choice = best ?? room?.host;
  const facts = { name: vm.name, strategy, priority: vmPriority(vm) };
  const named = { host: current?.name ?? null, choice: choice?.name ?? null, displaces };
  return { ...facts, ...named, summary: summary(), hosts: opinions };

  function summary(): string {
    if (current !== undefined) {
      const room = displacedBy(vm);
      if (room !== undefined) return `is on ${current.name}, where it makes room for ${room}`;
      const target = state.host(moveTargetId(vm) ?? 0);
      if (target !== undefined) return `is on ${current.name}, and moves to ${target.name}`;
      if (choice === undefined) return `is on ${current.name}; no host would be chosen for it now`;
      return choice === current
        ? `is on ${current.name}, which would be chosen again`
        : `is on ${current.name}; ${choice.name} would be chosen now, but a VM that has a host keeps it`;
    }
    const waits = state.indexes.roomMadeOn(vm.name).map((id) => state.host(id)?.name ?? `host ${id}`);
    if (best === undefined && waits.length > 0) return `waits for room on ${waits.join(', ')}`;
    if (byHand) return placedByHand(vm).message;
    if (choice === undefined) return explainUnplaceable(vm, hosts, loads)?.message ?? 'fits nowhere';
    const first = displaces.length === 0 ? '' : `, once ${displaces.join(', ')} made room`;
    return vm.power === 'running'
      ? `goes to ${choice.name}${first}`
      : `would go to ${choice.name}${first}, if it were started`;
  }
}
