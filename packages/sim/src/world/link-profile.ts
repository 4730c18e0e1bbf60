/** Link profiles: named descriptions of what a network does to messages. */
import type { Random } from '@n3x/core/base/random';

/**
 * A one-way delay in ms: uniform in `[minMs, maxMs]`, and in `slowPermille` of the cases up to `slowMs`. With `curve`
 * the usual delay is drawn from that instead: points `[permille, ms]` of the distribution, rising, joined by lines.
 */
export interface LatencyProfile {
  readonly minMs: number;
  readonly maxMs: number;
  readonly slowPermille: number;
  readonly slowMs: number;
  readonly curve?: readonly (readonly [permille: number, ms: number])[] | undefined;
}

/** What one direction of a link does to messages. Chances are in parts of a thousand. */
export interface LinkProfile {
  readonly name: string;
  readonly latency: LatencyProfile;
  readonly bytesPerSecond: number;
  /** Messages that vanish. */
  readonly lossPermille: number;
  /** Messages that arrive twice. */
  readonly duplicatePermille: number;
  /** Messages that are overtaken by later ones. */
  readonly reorderPermille: number;
  /** What may wait for the link and be under way on it; what comes on top is shed. */
  readonly maxBytes: number;
  readonly maxMessages: number;
}

/** Bounds of the real transport's queue. */
const QUEUE = { maxBytes: 16 * 1024 * 1024, maxMessages: 8_192 };

/** The profiles that have a name. Figures are one-way and meant as round magnitudes of their kind of link. */
export const LINK_PROFILES = {
  /** Hosts on one switch: a gigabit, a quarter of a millisecond. */
  default: {
    name: 'default',
    latency: { minMs: 0.1, maxMs: 0.5, slowPermille: 5, slowMs: 5 },
    bytesPerSecond: 125_000_000,
    lossPermille: 0,
    duplicatePermille: 0,
    reorderPermille: 0,
    ...QUEUE,
  },
  /** Small sites over consumer uplinks. */
  constrained: {
    name: 'constrained',
    latency: { minMs: 10, maxMs: 40, slowPermille: 20, slowMs: 300 },
    bytesPerSecond: 1_000_000,
    lossPermille: 2,
    duplicatePermille: 0,
    reorderPermille: 0,
    ...QUEUE,
  },
  /** A bad radio link, and worse than any stream protocol would let through: loss, doubles, overtaking. */
  lossy: {
    name: 'lossy',
    latency: { minMs: 2, maxMs: 20, slowPermille: 50, slowMs: 500 },
    bytesPerSecond: 5_000_000,
    lossPermille: 30,
    duplicatePermille: 10,
    reorderPermille: 30,
    ...QUEUE,
  },
  /** Over a geostationary satellite. */
  satellite: {
    name: 'satellite',
    latency: { minMs: 270, maxMs: 320, slowPermille: 20, slowMs: 1_000 },
    bytesPerSecond: 1_000_000,
    lossPermille: 5,
    duplicatePermille: 0,
    reorderPermille: 0,
    ...QUEUE,
  },
} as const satisfies Readonly<Record<string, LinkProfile>>;

/** Resolution of a drawn delay. */
const STEPS = 1_000_000;

/** A one-way delay in ms. Draws twice, or three times for a slow one. */
export function drawLatency(profile: LinkProfile, random: Random): number {
  const { minMs, maxMs, slowPermille, slowMs, curve } = profile.latency;
  const slow = random.below(1_000) < slowPermille;
  const share = random.below(STEPS) / STEPS;
  const usual = curve === undefined ? minMs + (maxMs - minMs) * share : onCurve(curve, share * 1_000);
  return slow ? usual + ((slowMs - minMs) * random.below(STEPS)) / STEPS : usual;
}

/** True in `permille` of a thousand cases. Draws only when the chance is neither none nor all. */
export function drawChance(permille: number, random: Random): boolean {
  return permille > 0 && (permille >= 1_000 || random.below(1_000) < permille);
}

/** The delay at `permille` of a distribution; before its first point and behind its last one, theirs. */
function onCurve(curve: NonNullable<LatencyProfile['curve']>, permille: number): number {
  let [belowAt, belowMs] = [0, curve[0]?.[1] ?? 0];
  for (const [at, ms] of curve) {
    if (permille <= at) return at === belowAt ? ms : belowMs + ((ms - belowMs) * (permille - belowAt)) / (at - belowAt);
    belowAt = at;
    belowMs = ms;
  }
  return belowMs;
}

/** A link `by` times slower: later, and with less room. */
export function slowed(profile: LinkProfile, by: number): LinkProfile {
  const { minMs, maxMs, slowPermille, slowMs, curve } = profile.latency;
  const latency = {
    ...{ minMs: minMs * by, maxMs: maxMs * by, slowPermille, slowMs: slowMs * by },
    ...(curve === undefined ? {} : { curve: curve.map(([at, ms]) => [at, ms * by] as const) }),
  };
  return { ...profile, latency, bytesPerSecond: profile.bytesPerSecond / by };
}
