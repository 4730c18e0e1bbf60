/** Planted bugs of volumes: what is started without its data, made anew, or taken for what it is not. */
import type { Mutation } from './mutation.ts';

/** The planted bugs of volumes. */
export const VOLUME_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'missing-volume-not-missed', summary: 'a VM is started although its volume is not on its host' },
    ...{ budget: 40, workload: 'volumes' },
    rewrites: [
      {
        file: 'host/volume-gate',
        find: 'if (found === undefined) {',
        replace: 'if (found === undefined) return undefined;\n  if (found === undefined) {',
      },
    ],
  },
  {
    ...{ name: 'goes-where-its-data-is-not', summary: 'a VM with data is placed on another host, with new volumes' },
    ...{ budget: 120, workload: 'volumes', profile: 'leases', durationMs: 45_000 },
    rewrites: [
      {
        file: 'machine/fit',
        find: 'if (isElsewhere(volume, host.id) && !comes) add',
        replace: 'if (isElsewhere(volume, -1) && host.id < 0) add',
      },
    ],
  },
];
