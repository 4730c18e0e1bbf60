/** The workloads by name. */
import { type VmSpec, type VmSpecInput, vmSpecSchema } from '@n3x/core/model/vm';
import type { Operation, OperationSource, Workload } from './operation.ts';
import { nextInProjects } from './projects.ts';

const VMS = 6;
const TOKENS = 3;
const FAR_MS = 4_000_000_000_000;

function specOf(vcpu: number): VmSpec {
  return vmSpecSchema.parse({ source: { kind: 'inline' }, vcpu, memoryMib: 64 });
}

/** Two specs, so that creating what exists is sometimes a conflict. */
const SPECS = [specOf(1), specOf(2)] as const;

/** What the VM of each name asks for where rules and priorities are. Three hosts hardly have room for all of it. */
const RULED: readonly Partial<VmSpecInput>[] = [
  { vcpu: 6, labels: { app: 'a' }, placement: { apart: ['app=b'] } },
  { vcpu: 6, labels: { app: 'a' }, placement: { apart: ['app=a'], strategy: 'least-available' }, priority: 3 },
  { vcpu: 2, placement: { near: ['app=a'] } },
  { vcpu: 14, priority: 5 },
  { vcpu: 9, labels: { app: 'b' }, placement: { limits: [{ label: 'app=b', per: 'host', max: 1 }] } },
  { vcpu: 8, labels: { app: 'b' }, priority: -1, placement: { strategy: 'round-robin' } },
];

/** The spec of a VM under rules: the same name and the same vcpu are the same spec. */
function ruledSpec(name: string, more: number): VmSpec {
  const rules = RULED[Number(name.slice('vm-'.length)) % RULED.length];
  const spec = vmSpecSchema.parse({ source: { kind: 'inline' }, memoryMib: 64, ...rules });
  return { ...spec, vcpu: spec.vcpu + more };
}

/** VMs that are near each other, whichever of them there are. */
const BOUND: Partial<VmSpecInput> = { labels: { pair: 'yes' }, placement: { near: ['pair=yes'] } };

/** A window that no clock of a run gets out of. */
const WINDOW = { windowSeconds: 86_400 };
/** How the VM of each name is looked after. */
const CARED: readonly Partial<VmSpecInput>[] = [
  { restart: { policy: 'never' } },
  { restart: { policy: 'on-failure', maxRestarts: 2, ...WINDOW } },
  { restart: { maxRestarts: 1, ...WINDOW } },
  { restart: { maxRestarts: 3, unhealthySeconds: 2, ...WINDOW } },
  { restart: { policy: 'on-failure', unhealthySeconds: 5, maxRestarts: 1, ...WINDOW } },
  {},
];

/** The spec of a VM under a restart policy: the same name and the same vcpu are the same spec. */
function caredSpec(name: string, vcpu: number): VmSpec {
  const care = CARED[Number(name.slice('vm-'.length)) % CARED.length];
  return vmSpecSchema.parse({ source: { kind: 'inline' }, memoryMib: 64, vcpu, ...care });
}

/** Mostly makes VMs and leaves them alone: what ends by itself is to be seen. */
function careWrite(source: OperationSource): Operation {
  const { random, sequence } = source;
  const name = chooseVm(source);
  const object = `vm/${name}`;
  const kind = random.below(20);
  if (kind < 11) {
    const spec = caredSpec(name, 1);
    return { type: 'write', object, command: { type: 'vmCreate', name, uid: `u${sequence}`, spec, power: 'running' } };
  }
  if (kind < 16) {
    const power = random.below(4) === 0 ? 'stopped' : 'running';
    return { type: 'write', object, command: { type: 'vmSetPower', name, power } };
  }
  if (kind < 19) return { type: 'write', object, command: { type: 'vmRestart', name } };
  return { type: 'write', object, command: { type: 'vmDelete', name } };
}

/** VMs of which a host has room for one: the scheduler's to place, or people's. */
const LARGE = specOf(10);
const LARGE_BY_HAND: VmSpec = { ...LARGE, placement: { ...LARGE.placement, strategy: 'manual' } };

/** The two specs with disks. */
const WITH_VOLUMES = [1, 2].map((vcpu) =>
  vmSpecSchema.parse({
    ...{ vcpu, memoryMib: 64, failover: vcpu === 1 ? 'restart' : 'stay' },
    source: { kind: 'inline', volumes: [{ name: 'data', sizeMib: 64, keep: vcpu === 2 }] },
  }),
);

/** VMs that take their data along: one volume or two, and nobody has said that they are to stay where they are. */
const MOVED_WITH_VOLUMES = [1, 2].map((count) =>
  vmSpecSchema.parse({
    ...{ vcpu: 1, memoryMib: 64, ...(count === 1 ? { failover: 'restart' } : {}) },
    source: {
      kind: 'inline',
      volumes: ['data', 'log'].slice(0, count).map((name) => ({ name, sizeMib: 64, keep: count === 2 })),
    },
  }),
);

function chooseVm({ random }: OperationSource): string {
  return `vm-${random.below(VMS)}`;
}

function vmWrite(source: OperationSource, power: 'running' | 'stopped' | 'either'): Operation {
  const { random, sequence } = source;
  const name = chooseVm(source);
  const object = `vm/${name}`;
  const either = random.below(2) === 0 ? 'running' : 'stopped';
  const wanted = power === 'either' ? either : power;
  const kind = random.below(10);
  if (kind < 4) {
    const spec = SPECS[random.below(8) === 0 ? 1 : 0];
    return { type: 'write', object, command: { type: 'vmCreate', name, uid: `u${sequence}`, spec, power: wanted } };
  }
  if (kind < 6) return { type: 'write', object, command: { type: 'vmSetPower', name, power: either } };
  if (kind < 8) return { type: 'write', object, command: { type: 'vmRestart', name } };
  return { type: 'write', object, command: { type: 'vmDelete', name } };
}

function conditional(source: OperationSource): Operation {
  const name = chooseVm(source);
  const object = `vm/${name}`;
  const last = source.lastRead(object);
  if (last?.vm === null || last === undefined) return { type: 'read', object };
  const ifModifiedIndex = last.modifiedIndex;
  const kind = source.random.below(4);
  const base = { name, ifModifiedIndex };
  const write = { type: 'write', object, expected: last.vm } as const;
  if (kind === 0) return { ...write, command: { type: 'vmDelete', ...base } };
  if (kind === 1) return { ...write, command: { type: 'vmRestart', ...base } };
  return { ...write, command: { type: 'vmSetPower', ...base, power: kind === 2 ? 'running' : 'stopped' } };
}

function token({ random, sequence }: OperationSource): Operation {
  const id = (0xabc0 + random.below(TOKENS)).toString(16).padStart(16, '0');
  const object = `token/${id}`;
  const kind = random.below(10);
  if (kind < 4) {
    const secretHash = sequence.toString(16).padStart(64, '0');
    return { type: 'write', object, command: { type: 'tokenCreate', id, secretHash, expiresAtMs: FAR_MS } };
  }
  if (kind < 7) return { type: 'write', object, command: { type: 'tokenRevoke', id } };
  return { type: 'read', object };
}

function mixed(source: OperationSource): Operation {
  const kind = source.random.below(10);
  if (kind < 3) return { type: 'read', object: `vm/${chooseVm(source)}` };
  if (kind < 5) return conditional(source);
  if (kind < 7) return token(source);
  return vmWrite(source, 'either');
}

/** All workloads by name. */
export const WORKLOADS: Readonly<Record<string, Workload>> = {
  mixed: {
    ...{ name: 'mixed', summary: 'VMs, conditional writes, tokens and reads, a little of everything' },
    ...{ clients: 6, pauseMs: 150, membership: false, next: mixed },
  },
  writes: {
    ...{ name: 'writes', summary: 'many writes to VMs that stay stopped, and a read now and then' },
    ...{ clients: 8, pauseMs: 30, membership: false },
    next: (source) =>
      source.random.below(4) === 0 ? { type: 'read', object: `vm/${chooseVm(source)}` } : vmWrite(source, 'stopped'),
  },
  vms: {
    ...{ name: 'vms', summary: 'VMs created, started, restarted, stopped and deleted' },
    ...{ clients: 4, pauseMs: 400, membership: false, next: (source) => vmWrite(source, 'running') },
  },
  failover: {
    ...{ name: 'failover', summary: 'VMs that are to run on, and a change to one now and then' },
    ...{ clients: 3, pauseMs: 600, membership: false },
    next: (source) => {
      const operation = vmWrite(source, 'running');
      if (operation.type === 'read') return operation;
      const { object, command } = operation;
      const name = object.slice('vm/'.length);
      const spec = command.type === 'vmCreate' ? command.spec : SPECS[0];
      if (command.type !== 'vmCreate' && source.random.below(12) === 0) return operation;
      const uid = `u${source.sequence}`;
      // Of six VMs one stays with its host.
      const stays: Partial<VmSpec> = name === 'vm-0' ? { failover: 'stay' } : {};
      const create = { type: 'vmCreate', name, uid, spec: { ...spec, ...stays }, power: 'running' } as const;
      return { ...operation, command: create };
    },
  },
  conditional: {
    ...{ name: 'conditional', summary: 'reads, and writes on condition of what was read' },
    ...{ clients: 6, pauseMs: 100, membership: false },
    next: (source) => (source.random.below(5) === 0 ? vmWrite(source, 'stopped') : conditional(source)),
  },
  tokens: {
    ...{ name: 'tokens', summary: 'tokens made, revoked and read: plain registers' },
    ...{ clients: 6, pauseMs: 50, membership: false, next: token },
  },
  membership: {
    ...{ name: 'membership', summary: 'hosts join and leave under a mixed load' },
    ...{ clients: 4, pauseMs: 200, membership: true, next: mixed },
  },
  locks: {
    ...{ name: 'locks', summary: 'locks claimed, renewed, given back, lost and broken, by clients that die or freeze' },
    ...{ clients: 1, pauseMs: 500, membership: false, locks: true, next: token },
  },
  networks: {
    ...{ name: 'networks', summary: 'VMs made and deleted on a network that has fewer addresses than they want' },
    ...{ clients: 1, pauseMs: 500, membership: false, networks: true, next: token },
  },
  adoption: {
    ...{ name: 'adoption', summary: 'microVMs that were on hosts before n3x, taken over and handed back' },
    ...{ clients: 2, pauseMs: 800, membership: false, adoption: true, next: (source) => vmWrite(source, 'running') },
  },
  sets: {
    ...{ name: 'sets', summary: 'sets of VMs made, scaled, updated and taken back; some templates are bad' },
    ...{ clients: 1, pauseMs: 500, membership: false, sets: true, next: token },
  },
  healing: {
    ...{ name: 'healing', summary: 'three of the hosts vote; machines die for good, and others take their place' },
    ...{ clients: 4, pauseMs: 100, membership: false, voters: 3, casualties: true, next: token },
  },
  crowded: {
    ...{
      name: 'crowded',
      summary: 'VMs that take most of a host each, more of them than there is room for, some placed by hand',
    },
    ...{ clients: 4, pauseMs: 400, membership: false, placers: true },
    next: (source) => {
      const operation = vmWrite(source, 'running');
      if (operation.type === 'read' || operation.command.type !== 'vmCreate') return operation;
      const { command } = operation;
      const isByHand = Number(command.name.slice('vm-'.length)) % 2 === 1;
      return { ...operation, command: { ...command, spec: isByHand ? LARGE_BY_HAND : LARGE } };
    },
  },
  ruled: {
    ...{ name: 'ruled', summary: 'VMs that seek or avoid each other, and more important ones that displace others' },
    ...{ clients: 4, pauseMs: 400, membership: false },
    next: (source) => {
      const operation = vmWrite(source, 'running');
      if (operation.type === 'read' || operation.command.type !== 'vmCreate') return operation;
      const { command } = operation;
      const spec = ruledSpec(command.name, command.spec.vcpu - 1);
      return { ...operation, command: { ...command, spec } };
    },
  },
  restarts: {
    ...{ name: 'restarts', summary: 'VMs under all kinds of restart policies, started and restarted now and then' },
    ...{ clients: 2, pauseMs: 2_000, membership: false },
    next: careWrite,
  },
  moves: {
    ...{ name: 'moves', summary: 'VMs that are moved about: hosts drained and evacuated, migrations, plans' },
    ...{ clients: 3, pauseMs: 600, membership: false, moves: true },
    next: (source) => {
      const operation = vmWrite(source, 'running');
      if (operation.type === 'read' || operation.command.type !== 'vmCreate') return operation;
      const { command } = operation;
      const number = Number(command.name.slice('vm-'.length));
      // Some of them are bound to each other, and leave their hosts together.
      if (number % 2 === 0 && number % 6 !== 0) {
        const spec = vmSpecSchema.parse({ source: { kind: 'inline' }, memoryMib: 64, ...BOUND });
        return { ...operation, command: { ...command, spec: { ...spec, vcpu: command.spec.vcpu } } };
      }
      // Half of them are under rules, so that there is not always somewhere to go.
      if (number % 2 === 0) return operation;
      return { ...operation, command: { ...command, spec: ruledSpec(command.name, command.spec.vcpu - 1) } };
    },
  },
  projects: {
    ...{
      name: 'projects',
      summary: 'VMs of projects near their quotas, which change; some turn out larger than was asked for',
    },
    ...{ clients: 5, pauseMs: 300, membership: false, next: nextInProjects },
  },
  volumes: {
    ...{ name: 'volumes', summary: 'VMs with volumes, which run nowhere but where their data is' },
    ...{ clients: 4, pauseMs: 400, membership: false },
    next: (source) => {
      const operation = vmWrite(source, 'running');
      if (operation.type === 'read' || operation.command.type !== 'vmCreate') return operation;
      const { command } = operation;
      return { ...operation, command: { ...command, spec: WITH_VOLUMES[command.spec.vcpu - 1] ?? command.spec } };
    },
  },
  copies: {
    ...{
      name: 'copies',
      summary: 'VMs with volumes that are moved about and take their data along, and volumes of no VM',
    },
    ...{ clients: 2, pauseMs: 1_500, membership: false, moves: true, volumeKeepers: true },
    next: (source) => {
      const operation = careWrite(source);
      if (operation.type === 'read' || operation.command.type !== 'vmCreate') return operation;
      const { command } = operation;
      const spec = MOVED_WITH_VOLUMES[Number(command.name.slice('vm-'.length)) % 2] ?? command.spec;
      return { ...operation, command: { ...command, spec } };
    },
  },
  attaching: {
    ...{
      name: 'attaching',
      summary: 'VMs that volumes are attached to, made for and detached from while they are stopped',
    },
    ...{ clients: 1, pauseMs: 1_000, membership: false, attachers: true, next: token },
  },
  reads: {
    ...{ name: 'reads', summary: 'many reads of a few tokens, and writes to them now and then' },
    ...{ clients: 12, pauseMs: 20, membership: false },
    next: (source) => {
      const operation = token(source);
      return source.random.below(3) === 0 ? operation : { type: 'read', object: operation.object };
    },
  },
  idle: {
    ...{ name: 'idle', summary: 'hardly anything: a read every few seconds' },
    ...{ clients: 1, pauseMs: 3_000, membership: false },
    next: (source) => ({ type: 'read', object: `vm/${chooseVm(source)}` }),
  },
};
