/**
 * S3 as information: how often a VM was seen to run on two hosts at once. Nothing forbids it before VMs are
 * leased, so it is counted and not held against a run.
 */
import type { World } from '../world/world.ts';

/** Counts sightings. */
export class VmCopies {
  readonly #seen = new Set<string>();

  /** VMs that were seen twice at the same time at least once. */
  get sightings(): number {
    return this.#seen.size;
  }

  /** Looks at every host. */
  look(world: World): void {
    const running = new Set<string>();
    for (const host of world.hosts) {
      for (const uid of host.driver.running()) {
        if (running.has(uid)) this.#seen.add(uid);
        running.add(uid);
      }
    }
  }
}
