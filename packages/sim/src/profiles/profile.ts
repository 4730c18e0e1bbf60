/** Profiles: what a run's links, disks, clocks and drivers are like, and how often which fault happens. */
import type { AimedRates } from '../faults/aims.ts';
import type { DiskLatency } from '../world/disk.ts';
import { LINK_PROFILES, type LinkProfile } from '../world/link-profile.ts';
import type { DriverProfile } from '../world/simulated-driver.ts';

/** Mean number of each fault per virtual minute in the whole cluster; a fault without a number never happens. */
export interface FaultRates {
  readonly crash?: number;
  readonly power?: number;
  readonly stall?: number;
  readonly partition?: number;
  readonly cut?: number;
  readonly slowDisk?: number;
  readonly stuckDisk?: number;
  readonly fullDisk?: number;
  readonly drift?: number;
  readonly jump?: number;
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
  /** Power cuts at the worst moments. */
  readonly aims?: AimedRates;
  /** Largest rate error of a monotonic clock, in millionths. */
  readonly driftPpm: number;
}

const SSD: DiskLatency = { minMs: 0.05, maxMs: 2, slowPermille: 5, slowMs: 50 };
const CARD: DiskLatency = { minMs: 2, maxMs: 20, slowPermille: 30, slowMs: 800 };

const STEADY: DriverProfile = {
  buildMs: [200, 3_000],
  bootMs: [300, 2_000],
  stopMs: [100, 1_500],
  ...{ failPermille: 0, hangPermille: 0, hangMs: 20_000, exitPermille: 0 },
};
const SHAKY: DriverProfile = { ...STEADY, failPermille: 100, hangPermille: 20, exitPermille: 100 };

/** All profiles by name. */
export const PROFILES: Readonly<Record<string, Profile>> = {
  calm: {
    ...{ name: 'calm', summary: 'nothing goes wrong', links: LINK_PROFILES.default },
    ...{ disk: SSD, driver: STEADY, driftPpm: 50, faults: {} },
  },
  default: {
    ...{ name: 'default', summary: 'hosts on one switch; crashes, power cuts, stalls, partitions, slow disks' },
    ...{ links: LINK_PROFILES.default, disk: SSD, driver: SHAKY, driftPpm: 200 },
    faults: { crash: 4, power: 2, stall: 2, partition: 3, cut: 2, slowDisk: 1, fullDisk: 0.3, jump: 0.5 },
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
  flaky: {
    ...{ name: 'flaky', summary: 'partitions and one-way cuts that come and go every few seconds' },
    ...{ links: LINK_PROFILES.default, disk: SSD, driver: STEADY, driftPpm: 200 },
    faults: { crash: 1, partition: 12, cut: 12, stall: 2 },
  },
  disk: {
    ...{ name: 'disk', summary: 'disks that are slow, get stuck or full, and power cuts that lose unsynced writes' },
    ...{ links: LINK_PROFILES.default, disk: CARD, driver: STEADY, driftPpm: 200 },
    aims: { vote: 50, acknowledgement: 1 },
    faults: { power: 8, crash: 4, slowDisk: 4, stuckDisk: 4, fullDisk: 3 },
  },
  clocks: {
    ...{
      name: 'clocks',
      summary: 'clocks that run up to a tenth fast or slow, wall clocks that jump, stalled processes',
    },
    ...{ links: LINK_PROFILES.default, disk: SSD, driver: STEADY, driftPpm: 100_000 },
    faults: { drift: 6, jump: 6, stall: 8, partition: 2, crash: 1 },
  },
  hostile: {
    ...{ name: 'hostile', summary: 'everything goes wrong, often: what a rare bug needs to show within few seeds' },
    ...{
      links: { ...LINK_PROFILES.lossy, name: 'hostile', lossPermille: 60 },
      disk: SSD,
      driver: SHAKY,
      driftPpm: 200,
    },
    aims: { vote: 300, acknowledgement: 5 },
    faults: { crash: 25, power: 25, stall: 8, partition: 12, cut: 12, slowDisk: 4, stuckDisk: 4, fullDisk: 2 },
  },
};
