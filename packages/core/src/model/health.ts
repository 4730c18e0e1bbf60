/** How a guest is asked whether it has booted and whether it is well, and what is done when its process ends. */
import { z } from 'zod';
import { HEALTH_DEFAULTS, RESTART_DEFAULTS } from './health-defaults.ts';

const portSchema = z.int().min(1).max(65_535);

/** One question to a guest. The same kinds serve for readiness (has it booted?) and for health (is it still well?). */
export const probeSchema = z.discriminatedUnion('type', [
  /** The hypervisor's process is enough. */
  z.strictObject({ type: z.literal('process') }),
  /** A line of the console matches this regular expression. It is not taken back, so it says nothing about health. */
  z.strictObject({ type: z.literal('console'), pattern: z.string().min(1).max(256) }),
  /** The guest's systemd has said READY=1 to the unit of its runner (sd_notify(3)), and not STOPPING=1 since. */
  z.strictObject({ type: z.literal('notify') }),
  /** A TCP connection opens and stays open. `port` is the guest's, forwarded or at its address on a tap or bridge. */
  z.strictObject({ type: z.literal('tcp'), port: portSchema }),
  /** `GET path` answers 200 to 399. `port` as for `tcp`. */
  z.strictObject({
    type: z.literal('http'),
    port: portSchema,
    path: z
      .string()
      .regex(/^\/\S*$/)
      .max(255)
      .default('/'),
  }),
  /** A program that its host runs, with the rights of the VM's runner: 0 is well. Never through a shell. */
  z.strictObject({
    type: z.literal('command'),
    argv: z
      .array(
        z
          .string()
          .min(1)
          .max(1024)
          .regex(/^[^\0]*$/, 'a word of a command has no NUL'),
      )
      .min(1)
      .max(32),
  }),
]);
/** One question to a guest. */
export type Probe = z.infer<typeof probeSchema>;

/** Console lines by which a guest without a probe of its own is taken to have booted: a getty's prompt, or n3x's marker. */
export const DEFAULT_READINESS: Probe = { type: 'console', pattern: '(^|\\s)login: |n3x-guest-ready' };

/** Whether a guest that has booted is still well. */
export const healthSchema = z
  .strictObject({
    /** What is asked. When absent: what was asked for readiness, where its answer can change. */
    probe: probeSchema.optional(),
    /** Time between two questions, in seconds. */
    intervalSeconds: z.int().min(1).max(3600).default(HEALTH_DEFAULTS.intervalSeconds),
    /** Time to answer, in seconds; longer is a failure. Counts for readiness too. */
    timeoutSeconds: z.int().min(1).max(300).default(HEALTH_DEFAULTS.timeoutSeconds),
    /** Failures in a row that make it unhealthy. */
    failures: z.int().min(1).max(100).default(HEALTH_DEFAULTS.failures),
    /** Successes in a row that make it healthy again. */
    successes: z.int().min(1).max(100).default(HEALTH_DEFAULTS.successes),
  })
  .superRefine((health, context) => {
    if (health.probe?.type !== 'console') return;
    const message =
      'what a console has printed it does not take back: it tells that a guest has booted, not that it is well';
    context.addIssue({ code: 'custom', path: ['probe'], message });
  });
/** Whether a guest that has booted is still well. */
export type Health = z.infer<typeof healthSchema>;

/** When a VM whose process ended is started again. */
export const restartPolicySchema = z.enum(['always', 'on-failure', 'never']);
/** When a VM whose process ended is started again. */
export type RestartPolicy = z.infer<typeof restartPolicySchema>;

/** What is done when a VM's process ends by itself. */
export const restartSchema = z
  .strictObject({
    /** `on-failure`: unless it ended with code 0. What was lost with its host's power or lease has not ended by itself. */
    policy: restartPolicySchema.default(RESTART_DEFAULTS.policy),
    /** So many restarts within the window, and one more end, and n3x gives up until a user starts the VM. */
    maxRestarts: z.int().min(1).max(64).default(RESTART_DEFAULTS.maxRestarts),
    /** In seconds. */
    windowSeconds: z.int().min(10).max(86_400).default(RESTART_DEFAULTS.windowSeconds),
    /** A guest that is unhealthy for so many seconds is restarted; without it, it is left alone. */
    unhealthySeconds: z.int().min(1).max(86_400).optional(),
  })
  .superRefine((restart, context) => {
    if (restart.policy !== 'never' || restart.unhealthySeconds === undefined) return;
    const message = 'a VM that is never restarted is not restarted for being unhealthy either';
    context.addIssue({ code: 'custom', path: ['unhealthySeconds'], message });
  });
/** What is done when a VM's process ends by itself. */
export type Restart = z.infer<typeof restartSchema>;

/** Why a VM that shall run is not started any more. It holds until a user starts, restarts or changes the VM. */
export const haltSchema = z.strictObject({
  phase: z.enum(['failed', 'stopped']),
  reason: z.string().max(64),
  message: z.string().max(1024),
  /** Generation and `restarts` of the VM at that time: a later wish ends it. */
  generation: z.int(),
  restarts: z.int(),
});
/** Why a VM that shall run is not started any more. */
export type Halt = z.infer<typeof haltSchema>;
