/** Planted bugs of volumes that come and go: given away while somebody has them, to two at once, or where they are not. */
import type { Mutation } from './mutation.ts';

/** Where volumes are attached and detached. */
const ATTACHING = { workload: 'attaching', profile: 'flaky', hosts: 3, durationMs: 40_000 } as const;

/** The planted bugs of attaching and detaching. */
export const ATTACHING_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'detached-while-it-runs', summary: 'a volume is taken from a VM that has it open' },
    ...{ budget: 40, ...ATTACHING },
    rewrites: [
      {
        file: 'machine/volume-quiet',
        find: 'if (refusal !== undefined || vm.assignment === null) return refusal;',
        replace: 'if (refusal !== undefined || vm.uid !== "") return undefined;',
      },
    ],
  },
  {
    ...{
      name: 'stopped-before-it-was-told',
      summary: 'a VM counts as stopped by a report of a time before it was to be stopped',
    },
    ...{ budget: 120, ...ATTACHING },
    rewrites: [
      {
        file: 'machine/volume-quiet',
        find: "status.phase === 'stopped' && status.observedGeneration >= wishGeneration(vm)",
        replace: "status.phase === 'stopped' && wishGeneration(vm) > 0",
      },
    ],
  },
  {
    ...{ name: 'attached-where-it-is-not', summary: 'a volume is attached to a VM of another host' },
    ...{ budget: 20, ...ATTACHING },
    rewrites: [
      {
        file: 'machine/apply-volume-attach',
        find: 'if (assignment.hostId === place.hostId) return undefined;',
        replace: 'if (assignment.hostId !== -1) return undefined;',
      },
      {
        file: 'machine/apply-volume-attach',
        find: "if (anew || rule === 'data' || rule",
        replace: "if (rule === 'data') return false;\n    if (anew || rule",
      },
    ],
  },
  {
    ...{ name: 'attached-to-two', summary: 'a volume that a VM has is attached to another one as well' },
    ...{ budget: 20, ...ATTACHING },
    rewrites: [
      {
        file: 'machine/apply-volume-attach',
        find: '  tx.deleteVolume(stored);\n  put(tx, draft.vm);',
        replace: '  put(tx, draft.vm);',
      },
    ],
  },
  {
    ...{ name: 'update-brings-volumes', summary: 'an update or rollback changes which volumes a VM asks for' },
    ...{ budget: 20, ...ATTACHING },
    rewrites: [
      {
        file: 'machine/apply-update',
        find: 'if (!same(disks(before), disks(spec))) {',
        replace: 'if (!same(disks(before), disks(spec)) && name === "") {',
      },
    ],
  },
  {
    ...{
      name: 'older-epoch-than-its-writer',
      summary: 'a volume is stamped with an epoch older than that of its last writer',
    },
    ...{ budget: 120, ...ATTACHING },
    rewrites: [
      {
        file: 'machine/apply-volume-attach',
        find: 'assignment !== null && volume.writer > assignment.epoch;',
        replace: 'assignment !== null && volume.writer < 0;',
      },
    ],
  },
];
