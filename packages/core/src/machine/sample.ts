/** Example objects and a small harness around `apply`, for tests and benchmarks. */
import { assert } from '../base/assert.ts';
import type { HostFacts, HostSettings } from '../model/host.ts';
import { type VmSpec, type VmSpecInput, vmSpecSchema } from '../model/vm.ts';
import { applyProposal } from './apply.ts';
import { BOOTSTRAP_POSITION, bootstrapRecords } from './bootstrap.ts';
import { COMMAND_FORMATS, type Command, type CommandResult } from './command.ts';
import { STATE_LIMITS, type StateLimits } from './history.ts';
import { ClusterState } from './state.ts';
import type { Changes } from './transaction.ts';

/** Wall clock at the beginning of every example, ms since 1970. */
export const SAMPLE_START_MS = 1_700_000_000_000;

/** Facts of a host with 8 CPUs and 16 GiB. */
export function sampleFacts(changes: Partial<HostFacts> = {}): HostFacts {
  return {
    system: 'x86_64-linux',
    vcpu: 8,
    memoryMib: 16_384,
    features: ['kvm'],
    kernel: '6.12.0',
    n3xVersion: '0.1.0',
    commandFormats: [2, 2],
    fence: { works: true, message: 'armed' },
    ...changes,
  };
}

/** Settings of a server that keeps nothing for itself. */
export function sampleSettings(changes: Partial<HostSettings> = {}): HostSettings {
  return { role: 'server', labels: {}, capacity: {}, reserve: { vcpu: 0, memoryMib: 0 }, ...changes };
}

/** A spec with one forwarded port and what else is asked for. */
export function sampleSpec(changes: Partial<VmSpecInput> = {}): VmSpec {
  return vmSpecSchema.parse({
    source: { kind: 'inline', interfaces: [{ type: 'user' }], forwards: [{ guestPort: 80 }] },
    ...changes,
  });
}

/** Records of a cluster `lab` whose only host is `n1`. */
export function sampleRecords(): (readonly [string, Uint8Array])[] {
  return bootstrapRecords({
    clusterId: '0123456789abcdef0123456789abcdef',
    clusterName: 'lab',
    atMs: SAMPLE_START_MS,
    host: {
      name: 'n1',
      uid: 'host-1',
      peerId: 'peer-1',
      addresses: ['/ip4/192.0.2.1/tcp/7400'],
      settings: sampleSettings(),
      facts: sampleFacts(),
    },
  });
}

/** Applies one command after the other to a cluster that starts as {@link sampleRecords}. */
export class SampleCluster {
  readonly state: ClusterState;
  /** What the last command changed. */
  last: Changes = { changes: [], objectChanges: [] };

  /** Goes on from `state` when there is one. */
  constructor(limits: StateLimits = STATE_LIMITS, state?: ClusterState) {
    this.state = state ?? ClusterState.fromRecords(BOOTSTRAP_POSITION.index, sampleRecords(), limits);
  }

  /** Applies a command one second of wall clock after the one before. */
  apply(command: Command, options: { requestId?: string; atMs?: number } = {}): CommandResult {
    const index = this.state.index + 1;
    const outcome = applyProposal(
      this.state,
      { index, term: 1 },
      {
        format: COMMAND_FORMATS[1],
        requestId: options.requestId ?? `r${index}`,
        atMs: options.atMs ?? SAMPLE_START_MS + index * 1000,
        command,
      },
    );
    assert(outcome.type === 'applied', 'the format is one that is supported');
    this.last = { changes: outcome.changes, objectChanges: outcome.objectChanges };
    return outcome.result;
  }

  /** Creates a VM. */
  create(name: string, changes: Partial<VmSpecInput> = {}): CommandResult {
    return this.apply({ type: 'vmCreate', name, uid: `uid-${name}`, spec: sampleSpec(changes), power: 'running' });
  }

  /** Assigns a VM as it is now. */
  assign(name: string, hostId = 1): CommandResult {
    const vm = this.state.vm(name);
    assert(vm !== undefined, `${name} is there`);
    return this.apply({ type: 'vmAssign', name, uid: vm.uid, hostId, baseIndex: vm.modifiedIndex });
  }

  /** Takes in a host through a token of its own. Its membership stays `joining` until a configuration says more. */
  join(name: string, changes: { settings?: Partial<HostSettings>; facts?: Partial<HostFacts> } = {}): CommandResult {
    const id = String(this.state.index + 1).padStart(16, '0');
    const secretHash = 'ab'.repeat(32);
    this.apply({ type: 'tokenCreate', id, secretHash, expiresAtMs: SAMPLE_START_MS + 1e9 });
    return this.apply({
      type: 'hostJoin',
      tokenId: id,
      secretHash,
      peerId: `peer-${name}`,
      uid: `host-${name}`,
      name,
      addresses: [],
      settings: sampleSettings(changes.settings),
      facts: sampleFacts(changes.facts),
    });
  }
}
