/**
 * `n3x.json`, beside a VM's `flake` and `current`: what n3x knows of a VM that it manages on this host. A VM without it
 * is left alone.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AGAIN_KEPT } from '@n3x/core/ports/driver';
import { z } from 'zod';
import { writeFileAtomically } from '../../store/atomic-file.ts';

/** Name of the file in the VM's state directory. */
export const MARKER_FILE = 'n3x.json';

/** A process of the VM, with what tells it from another one that got its pid later. */
const runSchema = z.strictObject({
  /** Drawn for this start; it is in the environment of the process as `N3X_RUN_ID`. */
  id: z.string(),
  supervisor: z.enum(['direct', 'systemd']),
  /** Set for a process that was started by somebody else: it does not carry the mark. */
  unmarked: z.literal(true).optional(),
  /** Null between the decision to start and the knowledge of the pid. */
  pid: z.int().min(2).nullable(),
  /** Field 22 of `/proc/<pid>/stat`: clock ticks between the boot of the host and the start of the process. */
  startTicks: z.string().nullable(),
  /** `/proc/sys/kernel/random/boot_id` when it was started. */
  bootId: z.string(),
  /** Wall clock, ms. */
  startedAtMs: z.number(),
  /** Value of `restarts` that this start honours. */
  restarts: z.int(),
  runner: z.string(),
  /** Size of `console.log` at the start: what comes after it is this run's. */
  consoleOffset: z.int().min(0),
  /** A stop was asked for: the end of the process is no failure. */
  stopping: z.boolean(),
  /** The guest was seen ready. */
  readySeen: z.boolean(),
  /** Set while the guest is not well: what its probe said when that was found. */
  unhealthySaid: z.string().optional(),
});
/** A process of the VM. */
export type Run = z.infer<typeof runSchema>;

const markerSchema = z.strictObject({
  format: z.literal(1),
  uid: z.string(),
  epoch: z.int(),
  builtGeneration: z.int(),
  /** SHA-256 of what the runner was built from; the same input needs no new build. */
  inputHash: z.string().optional(),
  restarts: z.int(),
  /** Generation of the VM at the last start. */
  startedGeneration: z.int().optional(),
  /** When it was started again because its process had ended: wall clock, ms, oldest first. */
  again: z.array(z.number()).max(AGAIN_KEPT).optional(),
  /** Volume images that were there after a start: they hold data, and must not be made anew where they are missing. */
  volumes: z.array(z.string()),
  evaluated: z.strictObject({ vcpu: z.int(), memoryMib: z.int(), disks: z.int().optional() }).optional(),
  run: runSchema.nullable(),
  lastExit: z
    .strictObject({
      code: z.int().nullable(),
      signal: z.string().nullable(),
      /** Wall clock, ms. */
      atMs: z.number(),
      unhealthy: z.literal(true).optional(),
    })
    .optional(),
});
/** What n3x knows of a VM on this host. */
export type Marker = z.infer<typeof markerSchema>;

/** Why a VM is started. */
export interface StartCause {
  readonly restarts: number;
  readonly generation: number;
  /** Because its process had ended. */
  readonly again: boolean;
  /** Whether the dead-man's switch has to end it. */
  readonly fenced: boolean;
}

/** The marker of a VM that is about to be started: how it last ended is over, and how often it was started again is known. */
export function withStart(marker: Marker, { restarts, generation, again }: StartCause, run: Run): Marker {
  const { lastExit: _, again: before = [], ...rest } = marker;
  const times = again ? [...before, run.startedAtMs].slice(-AGAIN_KEPT) : [];
  return { ...rest, restarts, startedGeneration: generation, again: times, run };
}

/** Reads a VM's marker; undefined when there is none. Throws when it cannot be read or understood. */
export async function readMarker(directory: string): Promise<Marker | undefined> {
  let text: string;
  try {
    text = await readFile(join(directory, MARKER_FILE), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
  return markerSchema.parse(JSON.parse(text));
}

/** Writes a VM's marker; durable when it resolves. */
export async function writeMarker(directory: string, marker: Marker): Promise<void> {
  await writeFileAtomically(join(directory, MARKER_FILE), `${JSON.stringify(marker, null, 2)}\n`, 0o644);
}
