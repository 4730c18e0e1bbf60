/** What holds where a VM's spec says nothing of its health and restarts. */

/** Times in seconds. */
export const HEALTH_DEFAULTS = { intervalSeconds: 5, timeoutSeconds: 2, failures: 3, successes: 1 } as const;

/** Times in seconds. */
export const RESTART_DEFAULTS = { policy: 'always', maxRestarts: 10, windowSeconds: 600 } as const;
