/** What a host finds out about itself for the cluster. */
import { availableParallelism, release, totalmem } from 'node:os';
import { ERROR_CODES, N3xError } from '@n3x/core/base/errors';
import type { HostFacts } from '@n3x/core/model/host';
import type { NixSystem } from '@n3x/core/model/names';
import type { PoolFacts } from '@n3x/core/model/pool';
import { type Exec, exec } from './exec.ts';
import { exists } from './microvm/layout.ts';

const SYSTEMS: Readonly<Record<string, NixSystem>> = { x64: 'x86_64-linux', arm64: 'aarch64-linux' };
const MIB = 1_048_576;
/** Where units of the host's configuration are, on NixOS and elsewhere. */
const UNIT_FILES = ['/etc/systemd/system/microvm@.service', '/usr/lib/systemd/system/microvm@.service'];

/** The Nix name of this machine's system. Throws `N3X_CONFIG` on one that n3x does not run on. */
export function nixSystem(): NixSystem {
  const system = process.platform === 'linux' ? SYSTEMS[process.arch] : undefined;
  if (system === undefined) {
    throw new N3xError(
      ERROR_CODES.config,
      `n3x runs on x86_64 and aarch64 Linux, not on ${process.arch} ${process.platform}`,
    );
  }
  return system;
}

/** What the daemon knows already. */
export interface FactInput {
  readonly n3xVersion: string;
  readonly commandFormats: readonly [number, number];
  /** From `probeKvm`. */
  readonly kvm: boolean;
  readonly nixBinary: string;
  /** From `measurePools`. */
  readonly pools?: readonly PoolFacts[];
  readonly exec?: Exec;
}

/** Collects the facts. */
export async function collectFacts(input: FactInput): Promise<HostFacts> {
  const features: string[] = [];
  if (input.kvm) features.push('kvm');
  for (const file of UNIT_FILES) {
    if (!features.includes('microvm') && (await exists(file))) features.push('microvm');
  }
  const nix = await (input.exec ?? exec)([input.nixBinary, '--version'], { timeoutMs: 10_000 });
  if (nix.code === 0) features.push('nix');
  if (await exists('/run/systemd/system')) features.push('systemd');
  return {
    system: nixSystem(),
    vcpu: availableParallelism(),
    memoryMib: Math.floor(totalmem() / MIB),
    features,
    kernel: release(),
    n3xVersion: input.n3xVersion,
    commandFormats: [...input.commandFormats],
    ...(input.pools === undefined ? {} : { pools: [...input.pools] }),
  };
}
