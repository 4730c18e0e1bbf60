/** How a VM is looked after, its spec and the defaults put together. Free of schemas, so that a program may load it quickly. */
import type { Health, Probe, Restart } from './health.ts';
import { HEALTH_DEFAULTS, RESTART_DEFAULTS } from './health-defaults.ts';

/** How its health is looked after; the defaults where its spec says nothing. */
export function healthOf(spec: { readonly health?: Health | undefined }): Health {
  return spec.health ?? HEALTH_DEFAULTS;
}

/** What is done when its process ends; the defaults where its spec says nothing. */
export function restartOf(spec: { readonly restart?: Restart | undefined }): Restart {
  return spec.restart ?? RESTART_DEFAULTS;
}

/** What is asked of a guest that has booted; undefined when its process is all there is to know. */
export function healthProbe(spec: {
  readonly readiness: Probe;
  readonly health?: Health | undefined;
}): Probe | undefined {
  const asked = spec.health?.probe ?? spec.readiness;
  // A console does not take back what it printed, and a process is seen without asking.
  return asked.type === 'console' || asked.type === 'process' ? undefined : asked;
}
