/** The flags of `vm create` about readiness, health, restarts and the time to stop. */
import type { VmCreateRequest } from '@n3x/core/api/schemas';
import { parseChoice, RESTART_POLICIES } from './choices.ts';
import { parseSeconds } from './duration.ts';
import { parseWholeNumber } from './number.ts';
import { parseProbe } from './probe.ts';

/** Flags that say how a VM is looked after, as written. */
export interface HealthFlags {
  readonly ready?: string;
  readonly readyTimeout?: string;
  readonly health?: string;
  readonly healthInterval?: string;
  readonly healthTimeout?: string;
  readonly healthFailures?: string;
  readonly healthSuccesses?: string;
  readonly restart?: string;
  readonly restartMax?: string;
  readonly restartWindow?: string;
  readonly restartUnhealthy?: string;
  readonly stopTimeout?: string;
}

type Spec = VmCreateRequest['spec'];

function parseHealth(flags: HealthFlags): Spec['health'] {
  const { health, healthInterval, healthTimeout, healthFailures, healthSuccesses } = flags;
  const given = [health, healthInterval, healthTimeout, healthFailures, healthSuccesses];
  if (given.every((flag) => flag === undefined)) return undefined;
  return {
    ...(health === undefined ? {} : { probe: parseProbe('--health', health) }),
    ...(healthInterval === undefined ? {} : { intervalSeconds: parseSeconds('--health-interval', healthInterval) }),
    ...(healthTimeout === undefined ? {} : { timeoutSeconds: parseSeconds('--health-timeout', healthTimeout) }),
    ...(healthFailures === undefined
      ? {}
      : { failures: parseWholeNumber('--health-failures', healthFailures, 1, 100) }),
    ...(healthSuccesses === undefined
      ? {}
      : { successes: parseWholeNumber('--health-successes', healthSuccesses, 1, 100) }),
  };
}

function parseRestart(flags: HealthFlags): Spec['restart'] {
  const { restart, restartMax, restartWindow, restartUnhealthy } = flags;
  if ([restart, restartMax, restartWindow, restartUnhealthy].every((flag) => flag === undefined)) return undefined;
  return {
    ...(restart === undefined ? {} : { policy: parseChoice('--restart', restart, RESTART_POLICIES) }),
    ...(restartMax === undefined ? {} : { maxRestarts: parseWholeNumber('--restart-max', restartMax, 1, 64) }),
    ...(restartWindow === undefined ? {} : { windowSeconds: parseSeconds('--restart-window', restartWindow) }),
    ...(restartUnhealthy === undefined
      ? {}
      : { unhealthySeconds: parseSeconds('--restart-unhealthy', restartUnhealthy) }),
  };
}

/** What the flags say of a spec; nothing for those that are not given. Throws `UsageError`. */
export function parseCare(
  flags: HealthFlags,
): Pick<Spec, 'readiness' | 'readyTimeoutSeconds' | 'health' | 'restart' | 'stopTimeoutSeconds'> {
  const health = parseHealth(flags);
  const restart = parseRestart(flags);
  return {
    ...(flags.ready === undefined ? {} : { readiness: parseProbe('--ready', flags.ready) }),
    ...(flags.readyTimeout === undefined
      ? {}
      : { readyTimeoutSeconds: parseSeconds('--ready-timeout', flags.readyTimeout) }),
    ...(health === undefined ? {} : { health }),
    ...(restart === undefined ? {} : { restart }),
    ...(flags.stopTimeout === undefined
      ? {}
      : { stopTimeoutSeconds: parseSeconds('--stop-timeout', flags.stopTimeout) }),
  };
}

const HEALTH_FLAGS: Readonly<Record<string, string>> = {
  probe: '--health',
  intervalSeconds: '--health-interval',
  timeoutSeconds: '--health-timeout',
  failures: '--health-failures',
  successes: '--health-successes',
};
const RESTART_FLAGS: Readonly<Record<string, string>> = {
  policy: '--restart',
  maxRestarts: '--restart-max',
  windowSeconds: '--restart-window',
  unhealthySeconds: '--restart-unhealthy',
};

/** The flag that a refused field of `health` or `restart` came from. */
export function careFlag(field: 'health' | 'restart', part: string | undefined): string {
  const flags = field === 'health' ? HEALTH_FLAGS : RESTART_FLAGS;
  return flags[part ?? ''] ?? `--${field}`;
}
