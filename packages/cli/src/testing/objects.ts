/** Objects of the API for tests: whole and valid, with what a test wants different. */
import {
  type ClusterStatus,
  clusterStatusSchema,
  type HostView,
  hostViewSchema,
  type TokenView,
  tokenViewSchema,
  type VmView,
  vmViewSchema,
} from '@n3x/core/api/schemas';
import { type SetView, setViewSchema } from '@n3x/core/api/set-routes';
import { type ClusterEvent, eventSchema } from '@n3x/core/model/cluster';
import { vmSpecSchema } from '@n3x/core/model/vm';
import { projectOf } from '@n3x/core/model/vm-name';

/** A fixed time for objects: 2026-01-02 03:04:05 UTC. */
export const EPOCH_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

/** What a test may want different in a VM. */
export type VmChange = Partial<Omit<VmView, 'status' | 'spec'>> & {
  readonly status?: Partial<VmView['status']>;
  readonly spec?: Parameters<typeof vmSpecSchema.parse>[0];
};

/** A running VM on host n1, made from a flake. */
export function makeVm(change: VmChange = {}): VmView {
  const phase = change.phase ?? change.status?.phase ?? 'running';
  return vmViewSchema.parse({
    kind: 'vm',
    name: 'web',
    uid: 'uid-1',
    generation: 1,
    modifiedIndex: 10,
    createdAtMs: EPOCH_MS,
    power: 'running',
    restarts: 0,
    deleting: false,
    allocation: { cid: 3, macs: [], interfaceNames: [], hostPorts: [] },
    assignment: { hostId: 1, epoch: 9 },
    project: projectOf(change.name ?? 'web'),
    hostName: 'n1',
    failover: 'restart',
    ports: [],
    ...change,
    phase,
    spec: vmSpecSchema.parse(change.spec ?? { source: { kind: 'flake', ref: 'github:me/vms', attribute: 'web' } }),
    status: {
      reason: '',
      message: '',
      sinceMs: EPOCH_MS,
      observedGeneration: change.generation ?? 1,
      observedRestarts: change.restarts ?? 0,
      ...change.status,
      phase,
    },
  });
}

/** A host that leads and has nothing to do. */
export function makeHost(change: Partial<HostView> = {}): HostView {
  return hostViewSchema.parse({
    kind: 'host',
    id: 1,
    name: 'n1',
    uid: 'host-uid-1',
    generation: 1,
    modifiedIndex: 5,
    createdAtMs: EPOCH_MS,
    peerId: '12D3KooWtest',
    addresses: ['/ip4/127.0.0.1/tcp/4001'],
    settings: { role: 'server', labels: { zone: 'a' }, capacity: {}, reserve: { vcpu: 0, memoryMib: 512 } },
    pools: [
      {
        name: 'default',
        path: '/var/lib/microvms/.volumes',
        capacityMib: 102_400,
        usedMib: 10_240,
        freeMib: 92_160,
        reservedMib: 1024,
      },
    ],
    facts: {
      system: 'x86_64-linux',
      vcpu: 4,
      memoryMib: 8192,
      features: ['kvm', 'nix'],
      fence: { works: true, message: 'watchdog process' },
      kernel: '6.12.0',
      n3xVersion: '0.1.0',
      commandFormats: [2, 2],
    },
    membership: 'voter',
    reachable: true,
    reachableSinceMs: EPOCH_MS,
    leader: true,
    capacity: { vcpu: 4, memoryMib: 7680 },
    used: { vcpu: 1, memoryMib: 512 },
    free: { vcpu: 3, memoryMib: 7168 },
    reserved: { vcpu: 0, memoryMib: 512 },
    vms: 1,
    ...change,
  });
}

/** A token that nobody has used. */
export function makeToken(change: Partial<TokenView> = {}): TokenView {
  return tokenViewSchema.parse({
    kind: 'token',
    id: '0123456789abcdef',
    createdAtMs: EPOCH_MS,
    expiresAtMs: EPOCH_MS + 3_600_000,
    modifiedIndex: 7,
    state: 'open',
    ...change,
  });
}

/** An event about the VM `web`. */
export function makeEvent(change: Partial<ClusterEvent> = {}): ClusterEvent {
  return eventSchema.parse({
    kind: 'event',
    index: 9,
    ordinal: 0,
    atMs: EPOCH_MS,
    about: { kind: 'vm', name: 'web' },
    severity: 'info',
    reason: 'Assigned',
    message: 'assigned to n1',
    ...change,
  });
}

/** A healthy cluster of three. */
export function makeStatus(change: Partial<ClusterStatus> = {}): ClusterStatus {
  return clusterStatusSchema.parse({
    cluster: {
      kind: 'cluster',
      id: '0123456789abcdef0123456789abcdef',
      name: 'home',
      createdAtMs: EPOCH_MS,
      modifiedIndex: 1,
      nextHostId: 4,
      nextVmOrdinal: 2,
      settings: { voters: 3, replaceAfterSeconds: 60 },
      commandFormat: 2,
    },
    local: {
      version: '0.1.0',
      initialised: true,
      name: 'n1',
      hostId: 1,
      peerId: '12D3KooWtest',
      addresses: [],
      role: 'leader',
      leaderId: 1,
      term: 2,
      commitIndex: 12,
      appliedIndex: 12,
      supervisor: 'direct',
      reads: 'quorum',
      uptimeSeconds: 5,
    },
    leader: { id: 1, name: 'n1' },
    quorum: { voters: 3, needed: 2, reachable: 3, note: null },
    hosts: [makeHost()],
    vmsByPhase: { running: 2, pending: 1 },
    index: 12,
    stale: false,
    ...change,
  });
}

const template = { source: { kind: 'inline' } } as const;

/** A set of two VMs on its way to its second revision. */
export function makeSet(change: Record<string, unknown> = {}): SetView {
  return setViewSchema.parse({
    ...{ kind: 'vmset', name: 'web', uid: 's1', generation: 4, modifiedIndex: 9, createdAtMs: EPOCH_MS },
    ...{ replicas: 2, maxUnavailable: 1, onFailure: 'rollback', current: 2, good: 1, deleting: false, template },
    revisions: [
      { number: 1, atMs: EPOCH_MS, template, outcome: 'ready' },
      { number: 2, atMs: EPOCH_MS, template, outcome: 'pending' },
    ],
    ...{ ready: 1, updated: 1, unavailable: 1, state: 'working', waitsFor: 'web-1 has to get ready first' },
    members: [
      { name: 'web-0', ordinal: 0, phase: 'running', hostName: 'n1', revision: 1, available: true, deleting: false },
      { name: 'web-1', ordinal: 1, phase: 'starting', hostName: 'n2', revision: 2, available: false, deleting: false },
    ],
    ...change,
  });
}
