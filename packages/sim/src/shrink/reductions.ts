/** The ways in which a failing run is made smaller: each proposes candidates, and goes on from those that still fail. */
import { CALM_PARTS, type FixedRequest } from '../commands/run-options.ts';
import type { TimedFault } from '../faults/fault.ts';
import type { ScriptedOperation } from '../workloads/operation.ts';
import { WORKLOADS } from '../workloads/workloads.ts';
import { minimise } from './delta-debugging.ts';

/** A run whose faults and operations are data. */
export interface ShrinkableRequest extends FixedRequest {
  readonly faults: readonly TimedFault[];
  readonly operations: readonly ScriptedOperation[];
}

/** What a reduction works on: the smallest run that is known to fail, and the question whether a smaller one does. */
export interface Reducible {
  readonly request: ShrinkableRequest;
  /** Ms from the end of the setting up to the violation; undefined when it was found in the rest that follows. */
  readonly violatedAfterMs: number | undefined;
  /** Runs `change` on top of `request`, which it becomes if it fails in the same way. */
  fails(change: Partial<ShrinkableRequest>): boolean;
}

/** A way to make a run smaller, and what it counts. */
export interface Reduction {
  readonly name: string;
  /** How much there is of what it reduces. */
  size(request: ShrinkableRequest): number;
  reduce(run: Reducible): void;
}

/** The shortest that a fault or the run is made, in ms. */
const SHORTEST_MS = 10;
/** How often one time is halved. */
const HALVINGS = 12;

/** Everything that comes after the violation. */
const afterwards: Reduction = {
  name: 'after the violation',
  size: ({ durationMs }) => durationMs,
  reduce: (run) => {
    const { violatedAfterMs: endMs, request } = run;
    if (endMs === undefined || endMs >= request.durationMs) return;
    const durationMs = Math.max(1, Math.ceil(endMs));
    run.fails({ durationMs, ...upTo(request, durationMs) });
  },
};

function upTo({ faults, operations }: ShrinkableRequest, endMs: number): Partial<ShrinkableRequest> {
  return {
    faults: faults.filter(({ atMs }) => atMs <= endMs),
    operations: operations.filter(({ atMs }) => atMs <= endMs),
  };
}

const faults: Reduction = {
  name: 'faults',
  size: (request) => request.faults.length,
  reduce: (run) => void minimise(run.request.faults, (faults) => run.fails({ faults })),
};

const clients: Reduction = {
  name: 'clients',
  size: ({ operations }) => new Set(operations.map(({ client }) => client)).size,
  reduce: (run) => {
    const { operations } = run.request;
    const all = [...new Set(operations.map(({ client }) => client))];
    minimise(all, (kept) => run.fails({ operations: operations.filter(({ client }) => kept.includes(client)) }));
  },
};

const operations: Reduction = {
  name: 'operations',
  size: (request) => request.operations.length,
  reduce: (run) => void minimise(run.request.operations, (operations) => run.fails({ operations })),
};

/** Loss, delays, doubles and overtaking; slow disks; builds that fail; clocks that drift. */
const trouble: Reduction = {
  name: 'parts with trouble',
  size: ({ profile, calm = [] }) => (profile === 'calm' ? 0 : CALM_PARTS.length - calm.length),
  reduce: (run) => {
    if (run.request.profile === 'calm' || run.fails({ profile: 'calm', calm: [] })) return;
    for (const part of CALM_PARTS) {
      const { calm = [] } = run.request;
      if (!calm.includes(part)) run.fails({ calm: [...calm, part] });
    }
  },
};

const membership: Reduction = {
  name: 'joins and departures',
  size: ({ membership, workload }) => (WORKLOADS[workload]?.membership === true && membership !== false ? 1 : 0),
  reduce: (run) => {
    run.fails({ membership: false });
  },
};

const hosts: Reduction = {
  name: 'hosts',
  size: (request) => request.hosts,
  reduce: (run) => {
    for (let count = 1; count < run.request.hosts; count++) {
      if (run.fails({ hosts: count })) return;
    }
  },
};

/** Tries ever smaller values, halving the way to `least`, and stops at the first that does not do. */
function halve(from: number, least: number, fails: (value: number) => boolean): void {
  let value = from;
  for (let turn = 0; turn < HALVINGS && value > least; turn++) {
    const next = round(least + (value - least) / 2);
    if (next >= value || !fails(next)) return;
    value = next;
  }
}

/** Cut to two digits: what people can read. */
function round(value: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, value))) - 1);
  return Math.floor(value / unit) * unit;
}

const faultTimes: Reduction = {
  name: 'ms of faults',
  size: (request) => request.faults.reduce((total, { fault }) => total + (lengthOf(fault) ?? 0), 0),
  reduce: (run) => {
    run.request.faults.forEach(({ fault }, at) => {
      const length = lengthOf(fault);
      if (length === undefined) return;
      const fails = (ms: number): boolean => {
        const now = run.request.faults;
        return run.fails({ faults: now.map((timed, other) => (other === at ? withLength(timed, ms) : timed)) });
      };
      halve(length, SHORTEST_MS, fails);
      for (const ms of [round(length)])
        if (ms < length && lengthOf(run.request.faults[at]?.fault) === length) fails(ms);
    });
  },
};

function lengthOf(fault: TimedFault['fault'] | undefined): number | undefined {
  if (fault === undefined) return undefined;
  if ('forMs' in fault) return fault.forMs;
  return 'downMs' in fault ? fault.downMs : undefined;
}

function withLength({ atMs, fault }: TimedFault, ms: number): TimedFault {
  if ('forMs' in fault) return { atMs, fault: { ...fault, forMs: ms } };
  return 'downMs' in fault ? { atMs, fault: { ...fault, downMs: ms } } : { atMs, fault };
}

/** Idle time before the first thing and between two: what follows is moved up. */
const waiting: Reduction = {
  name: 'ms until the last fault or operation',
  size: (request) => Math.max(0, ...timesOf(request)),
  reduce: (run) => {
    const count = timesOf(run.request).length;
    if (count > MOVED_MAX) return;
    for (let at = 0; at < count; at++) {
      const times = timesOf(run.request);
      const begin = times[at] ?? 0;
      const gap = begin - (times[at - 1] ?? 0);
      if (gap < SHORTEST_MS) continue;
      const moved = (left: number): boolean => run.fails(movedUp(run.request, begin, gap - left));
      if (!moved(0)) halve(gap, 0, moved);
    }
  },
};

/** Faults and operations beyond which nothing is moved one by one. */
const MOVED_MAX = 40;

function timesOf({ faults, operations }: ShrinkableRequest): readonly number[] {
  return [...faults, ...operations].map(({ atMs }) => atMs).sort((a, b) => a - b);
}

function movedUp({ faults, operations }: ShrinkableRequest, fromMs: number, byMs: number): Partial<ShrinkableRequest> {
  const move = <T extends { readonly atMs: number }>(list: readonly T[]): T[] =>
    list.map((item) => (item.atMs < fromMs ? item : { ...item, atMs: Math.max(0, item.atMs - byMs) }));
  return { faults: move(faults), operations: move(operations) };
}

const duration: Reduction = {
  name: 'ms of load and faults',
  size: ({ durationMs }) => durationMs,
  reduce: (run) => {
    const last = Math.max(1, Math.ceil(Math.max(0, ...timesOf(run.request))));
    if (last < run.request.durationMs && run.fails({ durationMs: last })) return;
    halve(run.request.durationMs, last, (durationMs) => run.fails({ durationMs }));
    const { request } = run;
    halve(request.durationMs, SHORTEST_MS, (durationMs) => run.fails({ durationMs, ...upTo(run.request, durationMs) }));
  },
};

/** Times that people can read. Only tried: nothing gets smaller by it. */
const roundTimes: Reduction = {
  name: 'times with fractions',
  size: (request) => timesOf(request).filter((atMs) => !Number.isInteger(atMs)).length,
  reduce: (run) => {
    for (const unit of [1_000, 100, 10, 1]) {
      const to = <T extends { readonly atMs: number }>(list: readonly T[]): T[] =>
        list.map((item) => ({ ...item, atMs: Math.round(item.atMs / unit) * unit }));
      const { faults, operations } = run.request;
      if (run.fails({ faults: to(faults), operations: to(operations) })) return;
      if (run.fails({ operations: to(operations) })) continue;
    }
  },
};

/** All reductions, in the order in which they save most runs. */
export const REDUCTIONS: readonly Reduction[] = [
  ...[afterwards, faults, clients, operations, trouble, membership, hosts],
  ...[faultTimes, waiting, duration, roundTimes],
];
