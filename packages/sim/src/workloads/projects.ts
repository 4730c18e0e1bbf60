/** Projects near their quotas: VMs of three of them, some of which turn out larger than was asked for. */
import type { Random } from '@n3x/core/base/random';
import type { QuotaChanges } from '@n3x/core/model/project';
import { type VmSpec, vmSpecSchema } from '@n3x/core/model/vm';
import type { Operation, OperationSource } from './operation.ts';

/** `default` has VMs and no quotas: what of a VM is not plain to its users is so only where there are quotas. */
const PROJECTS = ['default', 'shop', 'blog'] as const;
const WITH_QUOTAS = ['shop', 'blog'] as const;
const VMS = 4;

/**
 * What a VM asks for, by its number and that of the variant. Three hosts of 16 have room for most of it; the important ones have
 * to displace others, which the guarantees may forbid.
 */
function specOf(number: number, variant: number): VmSpec {
  const vcpu = [3, 6, 2, 9][number % VMS] ?? 3;
  return vmSpecSchema.parse({
    source: { kind: 'inline', volumes: number === 2 ? [{ name: 'data', sizeMib: 1024 }] : [] },
    vcpu: vcpu + variant,
    memoryMib: 64,
    ...(number === 0 ? {} : { priority: 2 * number }),
    labels: { app: 'x', ...(number === 1 ? { 'sim/grows': '2' } : {}) },
    ...(number === 3 ? { placement: { apart: ['app=x'] } } : {}),
  });
}

function quotasOf(random: Random): QuotaChanges {
  const pick = (values: readonly (number | null)[]): number | null => values[random.below(values.length)] ?? null;
  return {
    vcpu: { guaranteed: pick([null, 0, 6, 9]), maximum: pick([null, 9, 12, 16]) },
    diskMib: { guaranteed: null, maximum: pick([null, 1024]) },
    vms: { guaranteed: null, maximum: pick([null, 2, 3]) },
  };
}

function projectWrite({ random }: OperationSource): Operation {
  const name = WITH_QUOTAS[random.below(WITH_QUOTAS.length)] ?? 'shop';
  const object = `project/${name}`;
  const kind = random.below(10);
  if (kind < 3) return { type: 'write', object, command: { type: 'projectCreate', name, quotas: {} } };
  if (kind < 9) return { type: 'write', object, command: { type: 'projectSet', name, quotas: quotasOf(random) } };
  return { type: 'write', object, command: { type: 'projectDelete', name } };
}

/** The next operation of a client. */
export function nextInProjects(source: OperationSource): Operation {
  const { random, sequence } = source;
  if (random.below(4) === 0) return projectWrite(source);
  const number = random.below(VMS);
  const project = PROJECTS[random.below(PROJECTS.length)] ?? 'shop';
  const name = project === 'default' ? `vm-${number}` : `${project}.vm-${number}`;
  const object = `vm/${name}`;
  const kind = random.below(20);
  if (kind < 1) return { type: 'read', object };
  if (kind < 11) {
    const spec = specOf(number, random.below(10) === 0 ? 1 : 0);
    const power = random.below(8) === 0 ? 'stopped' : 'running';
    return { type: 'write', object, command: { type: 'vmCreate', name, uid: `u${sequence}`, spec, power } };
  }
  if (kind < 14) {
    const power = random.below(3) === 0 ? 'stopped' : 'running';
    return { type: 'write', object, command: { type: 'vmSetPower', name, power } };
  }
  return { type: 'write', object, command: { type: 'vmDelete', name } };
}
