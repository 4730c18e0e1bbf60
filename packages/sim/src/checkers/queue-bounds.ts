/** No queue grows without bound: what waits in hosts, disks and network is looked at once per virtual second. */
import { DEFAULT_LOOP_OPTIONS } from '@n3x/core/loop/options';
import { Violation } from '../world/observer.ts';
import type { World } from '../world/world.ts';
import type { LogViews } from './log-views.ts';

/** Name of the rule. */
export const QUEUE_BOUNDS = 'queue-bounds';

/** Writes that may wait for one disk: those of a stalled disk's host, which goes on taking messages. */
const WRITES_MAX = 50_000;
/** Messages under way from one host. */
const MESSAGES_MAX_PER_HOST = 20_000;

/** Looks at every queue. `keepAtMost` is how many entries a log holds for a follower that lags. */
export function checkQueues(world: World, views: LogViews, keepAtMost: number): void {
  const limit = (what: string, value: number, max: number): void => {
    if (value > max) throw new Violation(QUEUE_BOUNDS, `${what}: ${value}, more than ${max}`);
  };
  limit('messages under way', world.network.underWay, MESSAGES_MAX_PER_HOST * world.hosts.length);
  for (const host of world.hosts) {
    const { loop } = host;
    if (loop === undefined) continue;
    limit(`requests waiting on ${host.name}`, loop.status.pendingRequests, DEFAULT_LOOP_OPTIONS.maxPendingRequests);
    limit(`writes waiting on ${host.name}`, host.disk.outstanding, WRITES_MAX);
    const { appliedIndex } = loop.status;
    const kept = appliedIndex - views.of(host).baseIndex;
    limit(`applied entries kept on ${host.name}`, kept, keepAtMost + 1_000);
  }
}
