/**
 * How a VM leaves its host in good order. A move is a field of the VM: its host stops it and removes what is there, and
 * only the host's own word that this is done gives the assignment up. So no move ever runs a VM twice.
 */
import { z } from 'zod';
import { vmNameSchema } from './vm-name.ts';
import { weighingSchema } from './weighing.ts';

/** Why a VM moves, where it is not to make room: its host is drained or evacuated, a user or a plan wants it elsewhere. */
export const moveCauseSchema = z.enum(['drain', 'evacuate', 'migrate', 'rebalance']);
/** Why a VM moves. */
export type MoveCause = z.infer<typeof moveCauseSchema>;

/**
 * How far a move is. `prepare`: the VM runs on, its target holds room for it and builds it. `leave`: its host stops and
 * removes it. `copy`: nothing of it is left on its host but its volumes, and the target copies them. Then it is the target's.
 */
export const moveStepSchema = z.enum(['prepare', 'leave', 'copy']);
/** How far a move is. */
export type MoveStep = z.infer<typeof moveStepSchema>;

/** A VM on its way off its host. */
export const movingSchema = z.discriminatedUnion('cause', [
  /** It makes room for a more important one, whatever becomes of it. */
  z.strictObject({ cause: z.literal('preempted'), for: vmNameSchema }),
  z.strictObject({
    cause: moveCauseSchema,
    step: moveStepSchema,
    /** Raft index at which it began: tells this move from any other of the same VM. */
    index: z.int().min(1),
    /** Host that holds room for it; absent for a stopped VM, which needs none until it starts. */
    targetId: z.int().min(1).optional(),
    /** Wall clock of its beginning, for display. */
    sinceMs: z.number(),
    /** What was seen of the hosts when the target was chosen. */
    weighing: weighingSchema.optional(),
    /** Bytes of its volumes that the target has, as last reported. Absent before the first report. */
    copiedBytes: z.int().min(0).optional(),
  }),
]);
/** A VM on its way off its host. */
export type Moving = z.infer<typeof movingSchema>;
/** A move that is not for the sake of another VM. */
export type Move = Exclude<Moving, { cause: 'preempted' }>;

/** Why the last try to move a VM came to nothing. */
export const moveFailureSchema = z.strictObject({
  /** The host that was to take it. */
  hostId: z.int().min(1),
  message: z.string().max(256),
  /** Wall clock of its end; drains and plans leave the VM alone for a while after it. */
  atMs: z.number(),
});
/** Why the last try to move a VM came to nothing. */
export type MoveFailure = z.infer<typeof moveFailureSchema>;

/** Most VMs that move as one. */
export const TOGETHER_MAX = 16;

/** For how long, in ms of wall clock, nobody but a user moves a VM after a move of it failed. */
export const MOVE_RETRY_MS = 60_000;

interface MayMove {
  readonly moving?: Moving | undefined;
}

/** Its move, if it moves for its own sake. */
export function moveOf({ moving }: MayMove): Move | undefined {
  return moving === undefined || moving.cause === 'preempted' ? undefined : moving;
}

/** Name of the VM that it makes room for. */
export function displacedBy({ moving }: MayMove): string | undefined {
  return moving?.cause === 'preempted' ? moving.for : undefined;
}

/** Whether its host has to stop and remove it. */
export function isLeaving({ moving }: MayMove): boolean {
  return moving !== undefined && (moving.cause === 'preempted' || moving.step !== 'prepare');
}

/** Id of the host that holds room for it. */
export function moveTargetId(vm: MayMove): number | undefined {
  return moveOf(vm)?.targetId;
}

/** The same without a move: what is to be kept of a VM whose host or target changes otherwise. */
export function withoutMove<T extends MayMove>(vm: T): Omit<T, 'moving'> {
  const { moving: _moving, ...rest } = vm;
  return rest;
}
