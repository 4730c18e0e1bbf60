/**
 * Schedules drawn from a profile. Every fault lasts for a while, so that the cluster has the time to react
 * to it; a crashed or stalled host always comes back, so that none of it is more than Raft promises to bear.
 */
import type { Random } from '@n3x/core/base/random';
import type { FaultRates, Profile } from '../profiles/profile.ts';
import { type Fault, type FaultLink, MISBEHAVIOURS, type TimedFault } from './fault-kinds.ts';

/** Shortest and longest time that a fault lasts, in ms. */
const LASTS_MS = [300, 8_000] as const;
const MINUTE_MS = 60_000;
/** Of ten faults on one host, how many are aimed at the leader. */
const AT_LEADER = 3;

interface Draw {
  readonly random: Random;
  readonly names: readonly string[];
  readonly driftPpm: number;
  readonly lastsMs: readonly [number, number];
}

function lasting({ random, lastsMs }: Draw): number {
  // Short ones are more frequent.
  const [from, to] = lastsMs;
  const share = (random.below(1_000) * random.below(1_000)) / 1_000_000;
  return Math.round(from + (to - from) * share);
}

function someone({ random, names }: Draw): string {
  return random.below(10) < AT_LEADER ? 'leader' : (names[random.below(names.length)] ?? 'leader');
}

function shuffled({ random, names }: Draw): string[] {
  const all = [...names];
  for (let at = all.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    const swap = all[at] ?? '';
    all[at] = all[other] ?? '';
    all[other] = swap;
  }
  return all;
}

function anyOf<T>({ random }: Draw, choices: readonly [T, ...T[]]): T {
  return choices[random.below(choices.length)] ?? choices[0];
}

/** A way between two hosts. */
function way(draw: Draw, both: boolean): FaultLink {
  const [from = 'leader', to = 'leader'] = shuffled(draw);
  return { from, to, both };
}

/** One fault of each kind. */
const KINDS: Readonly<Record<keyof FaultRates, (draw: Draw) => Fault>> = {
  crash: (draw) => ({ type: 'crash', host: someone(draw), downMs: lasting(draw) }),
  stop: (draw) => ({ type: 'stop', host: someone(draw), downMs: lasting(draw) }),
  power: (draw) => ({ type: 'power', host: someone(draw), downMs: lasting(draw) }),
  stall: (draw) => ({ type: 'stall', host: someone(draw), forMs: lasting(draw) }),
  slowDisk: (draw) => ({ type: 'slow-disk', host: someone(draw), forMs: lasting(draw) }),
  stuckDisk: (draw) => ({ type: 'stuck-disk', host: someone(draw), forMs: lasting(draw) }),
  fullDisk: (draw) => ({ type: 'full-disk', host: someone(draw), forMs: lasting(draw) }),
  brokenDisk: (draw) => ({ type: 'broken-disk', host: someone(draw), forMs: lasting(draw) }),
  rot: (draw) => ({ type: 'rot', host: someone(draw) }),
  wipe: (draw) => ({ type: 'wipe', host: someone(draw) }),
  upgrade: (draw) => ({ type: 'upgrade', host: someone(draw) }),
  downgrade: (draw) => ({ type: 'downgrade', host: someone(draw) }),
  driver: (draw) => ({
    type: anyOf(draw, ['slow-driver', 'failing-driver', 'hanging-driver']),
    host: someone(draw),
    forMs: 2 * lasting(draw),
  }),
  drift: (draw) => ({
    type: 'drift',
    host: someone(draw),
    ppm: draw.random.below(2 * draw.driftPpm + 1) - draw.driftPpm,
  }),
  jump: (draw) => ({ type: 'jump', host: someone(draw), byMs: draw.random.below(7_200_001) - 3_600_000 }),
  partition: (draw) => {
    const names = shuffled(draw);
    const at = 1 + draw.random.below(Math.max(1, names.length - 1));
    const groups = [names.slice(0, at), names.slice(at)].filter((group) => group.length > 0);
    return { type: 'partition', groups, forMs: lasting(draw) };
  },
  isolate: (draw) => ({ type: anyOf(draw, ['isolate', 'deaf', 'mute']), host: someone(draw), forMs: lasting(draw) }),
  cut: (draw) => ({ type: 'cut', ...way(draw, draw.random.below(2) === 0), forMs: lasting(draw) }),
  flap: (draw) => ({
    ...{ type: 'flap', ...way(draw, draw.random.below(2) === 0) },
    everyMs: 50 + draw.random.below(1_000),
    forMs: 2 * lasting(draw),
  }),
  slowLink: (draw) => ({ type: 'slow-link', ...way(draw, true), by: 2 + draw.random.below(99), forMs: lasting(draw) }),
  misbehave: (draw) => ({
    type: 'misbehave',
    host: someone(draw),
    how: anyOf(draw, MISBEHAVIOURS),
    forMs: lasting(draw),
  }),
};

/** Faults for `durationMs` among `names`, ordered by time. */
export function drawSchedule(
  random: Random,
  profile: Profile,
  names: readonly string[],
  durationMs: number,
): TimedFault[] {
  const faults: TimedFault[] = [];
  for (const kind of Object.keys(KINDS) as (keyof FaultRates)[]) {
    const rate = profile.faults[kind];
    if (rate === undefined) continue;
    const draw: Draw = {
      ...{ random: random.fork(kind), names, driftPpm: profile.driftPpm, lastsMs: profile.lastsMs ?? LASTS_MS },
    };
    // One chance per step, so that faults come at any distance from one another.
    const stepMs = 100;
    const chances = Math.round((rate * 1_000_000 * stepMs) / MINUTE_MS);
    for (let atMs = 0; atMs < durationMs; atMs += stepMs) {
      if (draw.random.below(1_000_000) >= chances) continue;
      faults.push({ atMs, fault: KINDS[kind](draw) });
    }
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}
