/** Failures of driver actions that the cluster reports to users. */
import type { DriverOutcome } from '@n3x/core/ports/driver';

/** Stable words for what went wrong with a VM on its host. */
export type FailureReason =
  | 'FlakeNotFound'
  | 'AttributeMissing'
  | 'BuildFailed'
  | 'BuildTimedOut'
  | 'NixMissing'
  | 'Unsupported'
  | 'StartFailed'
  | 'StopFailed'
  | 'NotBuilt'
  | 'NotManaged'
  | 'NotFound'
  | 'NotAdoptable'
  | 'Ambiguous'
  | 'NameTaken'
  | 'StillRunning'
  | 'Collision'
  | 'VolumeMissing'
  | 'VolumeStale'
  | 'VolumeUnstamped'
  | 'PoolMissing'
  | 'FileSystemFailed'
  | 'DiskFull'
  | 'SourceUnreachable'
  | 'CopyRefused'
  | 'CopyBroken'
  | 'HostError';

/** An action that did not succeed for a reason a user can act on. `message` is one line. */
export class DriverFailure extends Error {
  readonly reason: FailureReason;
  readonly retriable: boolean;

  constructor(reason: FailureReason, message: string, retriable: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'DriverFailure';
    this.reason = reason;
    this.retriable = retriable;
  }
}

/** Longest message of an outcome, in characters. */
const MESSAGE_LIMIT = 900;

/** The outcome that tells of an error: a {@link DriverFailure} as it is, a system error as `DiskFull` or `HostError`. */
export function failedOutcome(error: unknown): DriverOutcome {
  if (error instanceof DriverFailure) {
    return { ok: false, reason: error.reason, message: oneLine(error.message), retriable: error.retriable };
  }
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  const message = oneLine(error instanceof Error ? error.message : String(error));
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return { ok: false, reason: 'DiskFull', message: `the host's disk is full: ${message}`, retriable: true };
  }
  return { ok: false, reason: 'HostError', message, retriable: true };
}

function oneLine(text: string): string {
  const line = text.replace(/\s*\n\s*/g, ' | ').trim();
  return line.length > MESSAGE_LIMIT ? `${line.slice(0, MESSAGE_LIMIT)}...` : line;
}
