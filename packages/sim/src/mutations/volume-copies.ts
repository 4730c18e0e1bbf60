/** Planted bugs of data that moves with its VM: what is copied too early, counted for another move, or let go too soon. */
import type { Mutation } from './mutation.ts';

/** Where VMs with data are moved about. */
const COPIES = { workload: 'copies', hosts: 3, durationMs: 30_000 } as const;

/** The planted bugs of copies of volumes. */
export const VOLUME_COPY_MUTATIONS: readonly Mutation[] = [
  {
    ...{ name: 'copied-while-it-runs', summary: 'the data of a VM is copied while its host has yet to stop it' },
    ...{ budget: 40, ...COPIES },
    rewrites: [
      {
        file: 'host/volume-serving',
        find: "now.step === 'copy' ?",
        replace: "now.step !== 'prepare' ?",
      },
      {
        file: 'host/volume-copies',
        find: "if (move?.step !== 'copy' || vm.deleting) continue;",
        replace: "if (move === undefined || move.step === 'prepare' || vm.deleting) continue;",
      },
    ],
  },
  {
    ...{
      name: 'stops-at-part-of-a-copy',
      summary: 'a move ends when its target has a copy of the data, whole or not',
    },
    ...{ budget: 20, ...COPIES },
    rewrites: [
      { file: 'host/volume-copies', find: '      if (copy.isWhole) {', replace: '      if (copy.copiedBytes > 0) {' },
      { file: 'host/volume-copies', find: ' || !copy.isWhole) return undefined;', replace: ') return undefined;' },
    ],
  },
  {
    ...{
      name: 'old-copy-not-kept',
      summary: 'a host removes what a volume was copied from before a VM has run with the copy',
    },
    ...{ budget: 20, ...COPIES },
    rewrites: [
      {
        file: 'host/volumes',
        find: 'isNewestKnown(found)',
        replace: '(found.vm !== undefined && found.vm.assignment === null)',
      },
    ],
  },
  {
    ...{
      name: 'copied-before-it-has-left',
      summary: 'a target that has copied the data while the VM runs is given the VM',
    },
    ...{ budget: 60, ...COPIES },
    rewrites: [
      {
        file: 'machine/apply-move-copy',
        find: "if (move.targetId !== command.hostId || move.step !== 'copy') return unchanged();\n  const target",
        replace: 'if (move.targetId !== command.hostId) return unchanged();\n  const target',
      },
      {
        file: 'host/volume-copies',
        find: "if (move?.step !== 'copy' || vm.deleting) continue;",
        replace: 'if (move === undefined || vm.deleting) continue;',
      },
      {
        file: 'host/volume-serving',
        find: "now.step === 'copy' ?",
        replace: 'now.step !== undefined ?',
      },
    ],
  },
  {
    ...{
      name: 'moved-volume-not-taken',
      summary: 'the entry that ends the move of a volume does not say which copy it speaks of',
    },
    ...{ budget: 40, ...COPIES },
    rewrites: [
      {
        file: 'machine/apply-volume-move',
        find: 'move: move.index, alone: true as const };',
        replace: 'alone: true as const };',
      },
    ],
  },
  {
    ...{
      name: 'moved-volume-removed-at-once',
      summary: 'a host removes a volume of no VM as soon as it is to be moved',
    },
    ...{ budget: 40, ...COPIES, profile: 'calm' },
    rewrites: [
      {
        file: 'host/volumes',
        find: 'if (volume.deleting !== true || volume.place?.hostId !== hostId) continue;',
        replace: 'if (!(volume.deleting || volume.moving) || volume.place?.hostId !== hostId) continue;',
      },
    ],
  },
];
