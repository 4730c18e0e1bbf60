/** How a VM is looked after, as text for people. */
import type { VmView } from '@n3x/core/api/schemas';
import { healthOf, healthProbe, restartOf } from '@n3x/core/model/care';
import type { Probe } from '@n3x/core/model/health';
import { printable } from './table.ts';

function probeText(probe: Probe): string {
  switch (probe.type) {
    case 'process':
      return 'process';
    case 'console':
      return `console matches ${probe.pattern}`;
    case 'notify':
      return "the guest's systemd says so";
    case 'tcp':
      return `tcp port ${probe.port}`;
    case 'http':
      return `http port ${probe.port}${probe.path}`;
    case 'command':
      return `command ${printable(probe.argv.join(' '))}`;
  }
}

function healthText(spec: VmView['spec']): string {
  const probe = healthProbe(spec);
  if (probe === undefined) return 'its process runs';
  const { intervalSeconds, timeoutSeconds, failures, successes } = healthOf(spec);
  return `${probeText(probe)}, every ${intervalSeconds}s within ${timeoutSeconds}s; unhealthy after ${failures}, healthy after ${successes}`;
}

function restartText(spec: VmView['spec']): string {
  const { policy, maxRestarts, windowSeconds, unhealthySeconds } = restartOf(spec);
  if (policy === 'never') return policy;
  const unhealthy = unhealthySeconds === undefined ? '' : `; when unhealthy for ${unhealthySeconds}s`;
  return `${policy}, at most ${maxRestarts} within ${windowSeconds}s${unhealthy}`;
}

/** The fields of `vm show` about readiness, health, restarts and the time to stop. */
export function careFields({ spec, status }: VmView): [string, string | undefined][] {
  const again = status.startedAgain;
  return [
    ['Ready when', `${probeText(spec.readiness)} (within ${spec.readyTimeoutSeconds}s)`],
    ['Healthy when', healthText(spec)],
    ['Restart', restartText(spec)],
    ['Restarted', again === undefined ? undefined : `${again} lately, because its process had ended`],
    ['Stop within', `${spec.stopTimeoutSeconds}s`],
  ];
}
