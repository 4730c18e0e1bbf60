/** Profiles: what a run's links, disks, clocks and drivers are like, and how often which fault happens. */
import type { LoopOptions } from '@n3x/core/loop/options';
import type { AimedRates } from '../faults/aims.ts';
import type { DiskLatency } from '../world/disk.ts';
import { LINK_PROFILES, type LinkProfile } from '../world/link-profile.ts';
import type { DriverProfile } from '../world/simulated-driver.ts';

/** Mean number of each fault per virtual minute in the whole cluster; a fault without a number never happens. */
export interface FaultRates {
  readonly crash?: number;
  readonly power?: number;
  /** A daemon that is stopped in good order. */
  readonly stop?: number;
  readonly stall?: number;
  readonly partition?: number;
  readonly cut?: number;
  readonly slowDisk?: number;
  readonly stuckDisk?: number;
  readonly fullDisk?: number;
  readonly drift?: number;
  readonly jump?: number;
  /** One host cut off from all, or deaf, or mute. */
  readonly isolate?: number;
  readonly flap?: number;
  readonly slowLink?: number;
  readonly brokenDisk?: number;
  readonly rot?: number;
  readonly wipe?: number;
  readonly upgrade?: number;
  readonly downgrade?: number;
  /** A driver that is slow, fails or hangs for a while. */
  readonly driver?: number;
  readonly misbehave?: number;
}

/** A profile. */
export interface Profile {
  readonly name: string;
  /** One line for `list`. */
  readonly summary: string;
  readonly links: LinkProfile;
  readonly disk: DiskLatency;
  readonly driver: DriverProfile;
  readonly faults: FaultRates;
  /** How long, in ms, faults that end by themselves last. */
  readonly lastsMs?: readonly [number, number];
  /** Power cuts at the worst moments. */
  readonly aims?: AimedRates;
  /** Hosts beside those of a run that follow without a vote. */
  readonly agents?: number;
  /** Whether messages go through the real wire codec, which is slower. */
  readonly codec?: 'wire';
  /** How hosts are configured where links ask for it. */
  readonly loop?: Partial<Pick<LoopOptions, 'electionTicks' | 'heartbeatTicks' | 'reads'>>;
  /** Largest rate error of a monotonic clock, in millionths. */
  readonly driftPpm: number;
}

const SSD: DiskLatency = { minMs: 0.05, maxMs: 2, slowPermille: 5, slowMs: 50 };
const CARD: DiskLatency = { minMs: 2, maxMs: 20, slowPermille: 30, slowMs: 800 };

const STEADY: DriverProfile = {
  buildMs: [200, 3_000],
  bootMs: [300, 2_000],
  stopMs: [100, 1_500],
  ...{ failPermille: 0, hangPermille: 0, hangMs: 20_000, exitPermille: 0, illPermille: 0 },
};
const SHAKY: DriverProfile = { ...STEADY, failPermille: 100, hangPermille: 20, exitPermille: 100, illPermille: 50 };

const CRASHING: DriverProfile = { ...STEADY, failPermille: 50, exitPermille: 700, illPermille: 300 };

/** So far from the true rate, to either side, that one clock is a tenth faster than another: what leases are made for. */
const LEASE_DRIFT_PPM = 47_000;

/** Hosts that are gone for longer than a lease lasts, and that build at once what they take over. */
const LEASED = {
  links: {
    ...LINK_PROFILES.default,
    name: 'leases',
    latency: { minMs: 0.5, maxMs: 5, slowPermille: 5, slowMs: 2_000 },
  },
  ...{ disk: SSD, driver: { ...SHAKY, buildMs: [5, 200] } satisfies DriverProfile },
  lastsMs: [2_000, 30_000],
  faults: { drift: 4, stall: 4, partition: 2, cut: 3, isolate: 4, crash: 2, power: 0.5, driver: 1 },
} as const;

/** All profiles by name. */
export const PROFILES: Readonly<Record<string, Profile>> = {
  calm: {
    ...{ name: 'calm', summary: 'nothing goes wrong', links: LINK_PROFILES.default },
    ...{ disk: SSD, driver: STEADY, driftPpm: 50, faults: {} },
  },
  default: {
    ...{ name: 'default', summary: 'hosts on one switch; crashes, power cuts, stalls, partitions, slow disks' },
    ...{ links: LINK_PROFILES.default, disk: SSD, driver: SHAKY, driftPpm: 200 },
    faults: { crash: 4, power: 2, stall: 2, partition: 3, cut: 2, slowDisk: 1, fullDisk: 0.3, jump: 0.5, driver: 1 },
  },
  crashing: {
    ...{ name: 'crashing', summary: 'guests that end or fall ill soon after their start, daemons killed, power cuts' },
    ...{ links: LINK_PROFILES.default, disk: SSD, driver: CRASHING, driftPpm: 200 },
    faults: { crash: 12, power: 3, partition: 2, jump: 2, driver: 2 },
  },
  constrained: {
    ...{ name: 'constrained', summary: 'small sites over consumer uplinks, memory cards for disks' },
    ...{ links: LINK_PROFILES.constrained, disk: CARD, driver: SHAKY, driftPpm: 500 },
    faults: { crash: 2, power: 2, stall: 1, partition: 3, cut: 2, slowDisk: 1, jump: 0.5 },
  },
  lossy: {
    ...{ name: 'lossy', summary: 'messages lost, doubled, overtaken and late; some crashes' },
    ...{ links: LINK_PROFILES.lossy, disk: SSD, driver: STEADY, driftPpm: 200 },
    faults: { crash: 3, power: 1, stall: 1, partition: 1, cut: 1 },
  },
  satellite: {
    ...{ name: 'satellite', summary: 'sites over a geostationary satellite, with timeouts set to it; some crashes' },
    ...{ links: LINK_PROFILES.satellite, disk: CARD, driver: STEADY, driftPpm: 200 },
    loop: { electionTicks: 60, heartbeatTicks: 6 },
    faults: { crash: 2, power: 1, stall: 1, partition: 1, isolate: 1 },
  },
  flaky: {
    ...{
      name: 'flaky',
      summary: 'partitions, cuts of some links and directions, links that flap or crawl, every few seconds',
    },
    ...{ links: LINK_PROFILES.default, disk: SSD, driver: STEADY, driftPpm: 200 },
    faults: { crash: 1, partition: 8, cut: 10, isolate: 8, flap: 6, slowLink: 4, stall: 2 },
  },
  disk: {
    ...{ name: 'disk', summary: 'disks that are slow, get stuck or full, and power cuts that lose unsynced writes' },
    ...{ links: LINK_PROFILES.default, disk: CARD, driver: STEADY, driftPpm: 200 },
    aims: { vote: 50, acknowledgement: 1 },
    faults: { power: 8, crash: 4, slowDisk: 4, stuckDisk: 4, fullDisk: 3, brokenDisk: 1 },
  },
  bitrot: {
    ...{
      name: 'bitrot',
      summary: 'stored values that go bad, data directories that are lost, hosts that replace them',
    },
    ...{ links: LINK_PROFILES.default, disk: SSD, driver: STEADY, driftPpm: 200 },
    faults: { rot: 6, wipe: 3, crash: 6, power: 4, brokenDisk: 1, partition: 2 },
  },
  upgrade: {
    ...{ name: 'upgrade', summary: 'builds with newer formats of commands put in host by host, and taken back' },
    ...{ links: LINK_PROFILES.default, disk: SSD, driver: STEADY, driftPpm: 200, agents: 2 },
    faults: { upgrade: 12, downgrade: 2, crash: 4, stop: 4, power: 2, partition: 3, isolate: 6, stall: 1 },
  },
  adversary: {
    ...{
      name: 'adversary',
      summary:
        'messages repeated, held back, forged, misrouted, spoilt or of wrong terms; everything over the real codec',
    },
    ...{ links: LINK_PROFILES.default, disk: SSD, driver: STEADY, driftPpm: 200, codec: 'wire' },
    faults: { misbehave: 20, crash: 4, power: 2, partition: 3, stall: 1, isolate: 1 },
  },
  clocks: {
    ...{
      name: 'clocks',
      summary: 'clocks that run up to a tenth fast or slow, wall clocks that jump, stalled processes',
    },
    ...{ links: LINK_PROFILES.default, disk: SSD, driver: STEADY, driftPpm: 100_000 },
    faults: { drift: 6, jump: 6, stall: 8, partition: 2, crash: 1 },
  },
  contested: {
    ...{ name: 'contested', summary: 'leaders cut off with entries that only some have; answers of earlier terms' },
    ...{
      links: {
        ...LINK_PROFILES.lossy,
        name: 'contested',
        latency: { minMs: 1, maxMs: 10, slowPermille: 40, slowMs: 1_500 },
        lossPermille: 20,
        reorderPermille: 100,
      },
      disk: SSD,
      driver: STEADY,
      driftPpm: 200,
    },
    aims: { vote: 60, acknowledgement: 2, append: 15 },
    faults: { crash: 12, power: 6, partition: 12, cut: 6, stall: 2, slowDisk: 2 },
  },
  sleepers: {
    ...{ name: 'sleepers', summary: 'leaders that sleep while others are elected, and wake up cut off' },
    ...{ links: LINK_PROFILES.default, disk: CARD, driver: STEADY, driftPpm: 200 },
    aims: { vote: 5, acknowledgement: 1, append: 4, sleep: 600 },
    faults: { crash: 6, stall: 10, partition: 6, cut: 3, slowDisk: 6 },
  },
  'lease-reads': {
    ...{
      name: 'lease-reads',
      summary:
        'reads by lease; clocks whose rates differ by a tenth, leaders that sleep or are cut off while others lead',
    },
    // Now and then a link stands still, so that one host hears of a new leader later than the others.
    links: {
      ...LINK_PROFILES.default,
      name: 'lease-reads',
      latency: { minMs: 0.5, maxMs: 5, slowPermille: 5, slowMs: 1_000 },
    },
    ...{ disk: SSD, driver: STEADY, driftPpm: LEASE_DRIFT_PPM },
    loop: { reads: 'lease' },
    aims: { vote: 5, acknowledgement: 1, append: 4, sleep: 600 },
    faults: { drift: 6, stall: 10, partition: 10, cut: 10, isolate: 6, crash: 4 },
  },
  leases: {
    ...LEASED,
    ...{
      name: 'leases',
      summary: 'hosts that stall, stop and are cut off for longer than a lease lasts',
      driftPpm: 200,
    },
  },
  'leases-drift': {
    ...LEASED,
    ...{ name: 'leases-drift', summary: 'as leases, with clocks as wrong as leases bear', driftPpm: LEASE_DRIFT_PPM },
  },
  restarting: {
    ...LEASED,
    ...{ name: 'restarting', summary: 'daemons stopped in good order, for longer and shorter than their lease for it' },
    ...{ driftPpm: 200, lastsMs: [4_000, 40_000] },
    faults: { stop: 5, crash: 1, isolate: 1, partition: 0.5, stall: 0.5, drift: 2, driver: 1 },
  },
  'slow-disks': {
    ...{ name: 'slow-disks', summary: 'disks that take seconds while one leader follows the other' },
    ...{ links: LINK_PROFILES.default, driver: STEADY, driftPpm: 200 },
    disk: { minMs: 1, maxMs: 40, slowPermille: 200, slowMs: 2_500 },
    aims: { vote: 20, acknowledgement: 3, append: 15, snapshot: 300 },
    faults: { crash: 4, power: 4, partition: 8, cut: 4, stuckDisk: 6 },
  },
  elections: {
    ...{ name: 'elections', summary: 'one election after the other: new leaders are cut off at once, votes come late' },
    ...{
      links: {
        ...LINK_PROFILES.lossy,
        name: 'elections',
        latency: { minMs: 1, maxMs: 100, slowPermille: 100, slowMs: 1_500 },
        reorderPermille: 200,
      },
      disk: SSD,
      driver: STEADY,
      driftPpm: 200,
    },
    aims: { vote: 40, acknowledgement: 1, append: 200 },
    faults: { crash: 6, power: 4, partition: 6, cut: 6, stall: 2 },
  },
  hostile: {
    ...{ name: 'hostile', summary: 'everything goes wrong, often: what a rare bug needs to show within few seeds' },
    ...{
      links: { ...LINK_PROFILES.lossy, name: 'hostile', lossPermille: 60 },
      disk: SSD,
      driver: SHAKY,
      driftPpm: 200,
    },
    aims: { vote: 300, acknowledgement: 5, snapshot: 200 },
    faults: { crash: 25, power: 25, stall: 8, partition: 12, cut: 12, slowDisk: 4, stuckDisk: 4, fullDisk: 2 },
  },
};
