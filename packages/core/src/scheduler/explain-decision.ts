/** Why a VM came where it is, or nowhere, as it was seen when that was decided: from the record that it has of it. */
import type { ClusterState } from '../machine/state.ts';
import { strategyOf } from '../model/cluster.ts';
import type { PlacementDecision } from '../model/decision.ts';
import type { MoveCause } from '../model/move.ts';
import { type Vm, vmPriority } from '../model/vm.ts';
import { projectOf } from '../model/vm-name.ts';
import type { Weighing } from '../model/weighing.ts';
import type { HostOpinion, PlacementExplanation } from './explain.ts';
import { shownPoints } from './score.ts';

/** The circumstances of a decision. */
export interface DecisionFacts {
  /** Index of the entry that it was. */
  readonly index: number;
  /** Wall clock of who decided, ms since 1970. */
  readonly atMs: number;
  readonly maker: PlacementDecision['maker'];
  /** Name of the host that weighed the others; null when none were weighed. */
  readonly by: string | null;
  /** Index of the state that they were weighed in; null when none were. */
  readonly from: number | null;
  /** Hosts that were in question. */
  readonly considered: number;
  /** Hosts that were ruled out and are not listed, by the first rule against each. */
  readonly excluded: readonly { readonly rule: string; readonly hosts: number }[];
  /** Hosts that are neither listed nor known to be ruled out: none of them was better than those listed. */
  readonly others: number;
}

/** Where a VM went, and why. `choice` is the host that it got then, `host` the one that it has now. */
export interface DecisionExplanation extends PlacementExplanation {
  /** Null when nothing is known of it. */
  readonly decision: DecisionFacts | null;
}

const MOVED: Readonly<Record<MoveCause, string>> = {
  drain: 'because its host was drained',
  evacuate: 'because its host was evacuated',
  migrate: 'as a user asked',
  rebalance: 'by a plan to even out the hosts',
};

function nameOf(state: ClusterState, hostId: number): string {
  return state.host(hostId)?.name ?? `host ${hostId}, which has left`;
}

/** Hosts that it fitted on, the best first. */
function fitting(state: ClusterState, vm: Vm, { parts, ranked }: Weighing): HostOpinion[] {
  const found: HostOpinion[] = [];
  for (let at = 0; at < ranked.length; at += parts.length + 1) {
    const hostId = ranked[at] ?? 0;
    const points = ranked.slice(at + 1, at + 1 + parts.length);
    found.push({
      host: nameOf(state, hostId),
      here: vm.assignment?.hostId === hostId,
      fits: true,
      rules: [],
      score: shownPoints(points.reduce((sum, more) => sum + more, 0)),
      parts: parts.map((part, i) => ({ part, points: shownPoints(points[i] ?? 0) })),
    });
  }
  return found;
}

function ruledOut(state: ClusterState, vm: Vm, { against }: Weighing): HostOpinion[] {
  return (against ?? []).map(({ hostId, rules }) => ({
    host: nameOf(state, hostId),
    here: vm.assignment?.hostId === hostId,
    fits: false,
    // What would have helped then may not be what helps now.
    rules: rules.map(({ rule, text }) => ({ rule, text, remedy: '' })),
    score: null,
    parts: [],
  }));
}

/** What became of it, in one line that the name of the VM begins. */
function summary(state: ClusterState, vm: Vm, decision: PlacementDecision): string {
  const { hostId, maker, cause, weighing, message } = decision;
  if (hostId === undefined) return `was given no host: ${message ?? 'none took it'}`;
  const host = nameOf(state, hostId);
  const left = vm.assignment === null ? '; it has no host now' : '';
  const named = weighing === undefined ? ': no other host was looked at' : '';
  switch (maker) {
    case 'scheduler':
      return `was put on ${host}${weighing === undefined ? ': what was seen of the hosts was not kept' : ''}${left}`;
    case 'user':
      return `was put on ${host} by a user, who named it${named}${left}`;
    case 'move':
      return `was moved to ${host} ${cause === undefined ? 'as planned' : MOVED[cause]}${named}${left}`;
    case 'adoption':
      return `was adopted on ${host}, where it was${named}${left}`;
    case 'attachment':
      return `stayed on ${host} when it was given a volume that is there${named}${left}`;
  }
}

function facts(state: ClusterState, decision: PlacementDecision, listed: number): DecisionFacts {
  const { index, atMs, maker, weighing } = decision;
  const excluded = Object.entries(weighing?.excluded ?? {}).map(([rule, hosts]) => ({ rule, hosts }));
  const considered = weighing?.hosts ?? 0;
  const known = excluded.reduce((sum, { hosts }) => sum + hosts, listed);
  return {
    ...{ index, atMs, maker, considered, excluded },
    by: weighing === undefined ? null : nameOf(state, weighing.by),
    from: weighing?.from ?? null,
    others: Math.max(0, considered - known),
  };
}

/** Explains the last decision about a VM, as it was seen then. */
export function explainDecision(state: ClusterState, vm: Vm): DecisionExplanation {
  const { name, decision, assignment } = vm;
  const strategy = strategyOf(state.cluster, state.project(projectOf(name)), vm.spec.placement);
  const host = assignment === null ? null : nameOf(state, assignment.hostId);
  const base = { name, priority: vmPriority(vm), host, displaces: [] };
  if (decision === undefined) {
    const what = host === null ? 'has had no decision about its host yet' : `is on ${host}, and nobody kept why`;
    const older = host === null ? '' : ': that was decided before n3x kept decisions';
    const message = `${what}${older}. \`n3xctl vm explain ${name}\` shows it as of now`;
    return { ...base, strategy, choice: null, summary: message, hosts: [], decision: null };
  }
  const { weighing } = decision;
  const hosts = weighing === undefined ? [] : [...fitting(state, vm, weighing), ...ruledOut(state, vm, weighing)];
  return {
    ...base,
    strategy: weighing?.strategy ?? strategy,
    choice: decision.hostId === undefined ? null : nameOf(state, decision.hostId),
    summary: summary(state, vm, decision),
    hosts,
    decision: facts(state, decision, hosts.length),
  };
}
