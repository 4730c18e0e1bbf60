/**
 * Schedules drawn from a profile. Every fault lasts for a while, so that the cluster has the time to react
 * to it; a crashed or stalled host always comes back, so that none of it is more than Raft promises to bear.
 */
import type { Random } from '@n3x/core/base/random';
import type { FaultRates, Profile } from '../profiles/profile.ts';
import type { Fault, TimedFault } from './fault.ts';

/** Shortest and longest time that a fault lasts, in ms. */
const LASTS_MS = [300, 8_000] as const;
const MINUTE_MS = 60_000;
/** Of ten faults on one host, how many are aimed at the leader. */
const AT_LEADER = 3;

interface Draw {
  readonly random: Random;
  readonly names: readonly string[];
  readonly driftPpm: number;
}

function lasting({ random }: Draw): number {
  // Short ones are more frequent.
  const [from, to] = LASTS_MS;
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

/** One fault of each kind, with what ends it where it does not end by itself. */
const KINDS: Readonly<Record<keyof FaultRates, (draw: Draw) => { fault: Fault; end?: Fault }>> = {
  crash: (draw) => ({ fault: { type: 'crash', host: someone(draw), downMs: lasting(draw) } }),
  power: (draw) => ({ fault: { type: 'power', host: someone(draw), downMs: lasting(draw) } }),
  stall: (draw) => ({ fault: { type: 'stall', host: someone(draw), forMs: lasting(draw) } }),
  slowDisk: (draw) => ({ fault: { type: 'slow-disk', host: someone(draw), forMs: lasting(draw) } }),
  stuckDisk: (draw) => ({ fault: { type: 'stuck-disk', host: someone(draw), forMs: lasting(draw) } }),
  fullDisk: (draw) => ({ fault: { type: 'full-disk', host: someone(draw), forMs: lasting(draw) } }),
  drift: (draw) => ({
    fault: { type: 'drift', host: someone(draw), ppm: draw.random.below(2 * draw.driftPpm + 1) - draw.driftPpm },
  }),
  jump: (draw) => ({ fault: { type: 'jump', host: someone(draw), byMs: draw.random.below(7_200_001) - 3_600_000 } }),
  partition: (draw) => {
    const names = shuffled(draw);
    const at = 1 + draw.random.below(Math.max(1, names.length - 1));
    const groups = [names.slice(0, at), names.slice(at)].filter((group) => group.length > 0);
    return { fault: { type: 'partition', groups }, end: { type: 'heal' } };
  },
  cut: (draw) => {
    const [from = 'leader', to = 'leader'] = shuffled(draw);
    return { fault: { type: 'cut', from, to }, end: { type: 'mend', from, to } };
  },
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
    const draw: Draw = { random: random.fork(kind), names, driftPpm: profile.driftPpm };
    // One chance per step, so that faults come at any distance from one another.
    const stepMs = 100;
    const chances = Math.round((rate * 1_000_000 * stepMs) / MINUTE_MS);
    for (let atMs = 0; atMs < durationMs; atMs += stepMs) {
      if (draw.random.below(1_000_000) >= chances) continue;
      const { fault, end } = KINDS[kind](draw);
      faults.push({ atMs, fault });
      if (end !== undefined) faults.push({ atMs: atMs + lasting(draw), fault: end });
    }
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}
