/** Planted bugs of moves and drains. */
import type { Mutation } from './mutation.ts';

/** Where VMs are moved about, most of the time. */
const MOVES = { workload: 'moves', hosts: 3 } as const;

/** The planted bugs of moves. */
export const MOVE_MUTATIONS: readonly Mutation[] = [
  {
    ...{
      name: 'moved-before-stopped',
      summary: 'a VM belongs to its target as soon as that has built it, and not when its host has stopped it',
    },
    ...{ budget: 20, ...MOVES, profile: 'default' },
    rewrites: [
      {
        file: 'machine/apply-move',
        find: '  leave(tx, vm, move);\n  return done();',
        replace: '  finishMove(tx, tx.state.cluster, vm);\n  return done();',
      },
    ],
  },
  {
    ...{ name: 'target-room-not-asked', summary: 'a VM is moved to a host whatever room there is on it' },
    ...{ budget: 20, ...MOVES, profile: 'calm' },
    rewrites: [
      {
        file: 'machine/apply-move',
        find: 'if (misfit !== undefined) return misfit;',
        replace: 'if (misfit !== undefined && !target.reachable) return misfit;',
      },
    ],
  },
  {
    ...{ name: 'target-room-not-held', summary: 'the room that a move was promised is given to others' },
    ...{ budget: 20, ...MOVES, profile: 'calm' },
    rewrites: [
      {
        file: 'machine/indexes',
        find: '      this.#host(targetId).incoming.add(vm.name);\n      this.#take(targetId, vm);',
        replace: '      this.#host(targetId).incoming.add(vm.name);',
      },
      {
        file: 'machine/indexes',
        find: '      this.#host(targetId).incoming.delete(vm.name);\n      this.#give(targetId, vm);',
        replace: '      this.#host(targetId).incoming.delete(vm.name);',
      },
    ],
  },
  {
    ...{ name: 'drain-forgotten', summary: 'a new leader knows nothing of drains that were asked for before its time' },
    ...{ budget: 40, ...MOVES, profile: 'hostile' },
    rewrites: [
      {
        file: 'control/plan',
        find: '...planMoves(state, view),',
        replace: '...planMoves(state, { ...view, bornMs: view.wallMs - (nowMs - view.leaderSinceMs) }),',
      },
      {
        file: 'control/moves',
        find: "if (!isDraining(drain) || host.membership === 'leaving') continue;",
        replace: 'if (!isDraining(drain) || drain.startedAtMs < view.bornMs) continue;',
      },
    ],
  },
  {
    ...{ name: 'moved-vm-lost', summary: 'a VM that has left its host is taken for one that nobody wants to run' },
    ...{ budget: 20, ...MOVES, profile: 'calm' },
    rewrites: [
      {
        file: 'machine/apply-move',
        find: '{ ...unsettleVolumes(withoutMove(vm)), assignment: null }',
        replace: '{ ...unsettleVolumes(withoutMove(vm)), power: "stopped", assignment: null }',
      },
    ],
  },
  {
    ...{ name: 'drain-beyond-its-limit', summary: 'more VMs leave a host at the same time than were asked for' },
    ...{ budget: 20, ...MOVES, profile: 'calm' },
    rewrites: [
      {
        file: 'control/moves',
        find: 'let room = drain.parallel - emptying(state, host.id);',
        replace: 'let room = 99;',
      },
      {
        file: 'machine/apply-move',
        find: 'if (emptying(state, host.id) < drain.parallel) return undefined;',
        replace: 'if (emptying(state, host.id) < 99) return undefined;',
      },
    ],
  },
  {
    ...{
      name: 'cancel-lets-go',
      summary: 'a move that is taken back leaves the VM without a host, and another takes it',
    },
    ...{ budget: 40, ...MOVES, profile: 'hostile', durationMs: 40_000 },
    rewrites: [
      {
        file: 'machine/apply-migrate-cancel',
        find: "giveUp(tx, vm, 'its move was taken back');",
        replace: 'tx.putVm({ ...vm, moving: undefined, assignment: null });',
      },
    ],
  },
  {
    ...{
      name: 'together-beyond-the-limit',
      summary: 'VMs that leave together do not count those that are on their way',
    },
    ...{ budget: 60, ...MOVES, profile: 'calm', durationMs: 60_000 },
    rewrites: [
      {
        file: 'machine/apply-move-together',
        find: 'if (isEmptied && before > 0 && before + group.length > most) {',
        replace: 'if (isEmptied && before > 99) {',
      },
      {
        file: 'control/moves',
        find: 'if (goal.vms.length > room && room < drain.parallel) continue;',
        replace: '',
      },
    ],
  },
];
