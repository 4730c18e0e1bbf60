/** Random steps for property tests: few names and hosts, so that the commands meet each other. */
import fc from 'fast-check';
import { isLeaving } from '../model/move.ts';
import { type NetworkSpec, networkSpecSchema } from '../model/network.ts';
import { type Vm, type VmPhase, type VmSpecInput, vmSpecSchema } from '../model/vm.ts';
import type { ConfState } from '../raft/types.ts';
import type { Command } from './command.ts';
import { waitsForHost } from './indexes.ts';
import { SAMPLE_START_MS, sampleFacts, sampleSettings } from './sample.ts';
import type { ClusterState } from './state.ts';
import { arbitraryMove } from './test-arbitrary-moves.ts';
import { arbitrarySetCommand } from './test-arbitrary-sets.ts';
import { arbitraryRecreation, arbitraryVolumeMove, arbitraryVolumes, volumeCommand } from './test-arbitrary-volumes.ts';

/** One entry of a log. Commands that need to know the state to be sensible are made from it. */
export type Step =
  | { readonly type: 'conf'; readonly confState: ConfState }
  | {
      readonly type: 'command';
      readonly make: (state: ClusterState) => Command;
      readonly atMs: number;
      readonly requestId?: string;
    };

/** Names of the VMs. */
export const VM_NAMES = ['a', 'b', 'c', 'db', 'web', 'shop.a', 'shop.web'];
const HOST_NAMES = ['n1', 'n2', 'n3', 'n4'];

const vmName = fc.constantFrom(...VM_NAMES);
const hostId = fc.integer({ min: 1, max: 5 });
const uid = fc.constantFrom('u1', 'u2', 'u3');

const spec = fc
  .record({
    memoryMib: fc.constantFrom(512, 512, 2048, 4096, 12_288, 65_536),
    vcpu: fc.constantFrom(1, 1, 1, 2, 4, 16),
    forwards: fc.array(fc.constantFrom(8080, 8081, 20_001, undefined), { maxLength: 3 }),
    taps: fc.nat(2),
    network: fc.constantFrom(undefined, undefined, 'lan', 'dual'),
    address: fc.constantFrom(undefined, undefined, undefined, '10.0.0.3', '10.0.0.4'),
    volumes: arbitraryVolumes,
    host: fc.constantFrom(undefined, undefined, undefined, undefined, 'n1', 'n2'),
    zone: fc.constantFrom(undefined, undefined, undefined, undefined, 'z1'),
    priority: fc.constantFrom(undefined, undefined, 5),
    app: fc.constantFrom(undefined, undefined, 'x', 'y'),
    rules: fc.constantFrom<VmSpecInput['placement']>(
      ...[{}, {}, {}, { apart: ['app=x'] }, { near: ['app=x'] }, { strategy: 'round-robin' as const }],
      { limits: [{ label: 'app=y', per: 'zone', max: 1 }] },
      { limits: [{ label: 'app=x', per: 'host', max: 1 }], spread: [{ label: 'app=x', per: 'zone', weight: 9 }] },
    ),
  })
  .map(({ memoryMib, vcpu, forwards, taps, network, address, volumes, host, zone, priority, app, rules }) => {
    const input: VmSpecInput = {
      memoryMib,
      vcpu,
      ...(priority === undefined ? {} : { priority }),
      ...(app === undefined ? {} : { labels: { app } }),
      placement: {
        ...rules,
        ...(host === undefined ? {} : { host }),
        requireLabels: zone === undefined ? {} : { zone },
      },
      source: {
        kind: 'inline',
        volumes,
        interfaces: [{ type: 'user' }, ...tapsOn(taps, network, address)],
        forwards: forwards.map((hostPort, i) => ({
          guestPort: 80 + i,
          protocol: i % 2 === 0 ? ('tcp' as const) : ('udp' as const),
          ...(hostPort === undefined ? {} : { hostPort }),
        })),
      },
    };
    return vmSpecSchema.parse(input);
  });

/** Taps, the first of them with the address that is asked for. */
function tapsOn(count: number, network: string | undefined, address: string | undefined) {
  return Array.from({ length: count }, (_, position) => ({
    type: 'tap' as const,
    ...(network === undefined ? {} : { network }),
    ...(network !== 'lan' || address === undefined || position > 0 ? {} : { ipv4: address }),
  }));
}

const settings = fc.record({
  role: fc.constantFrom('server' as const, 'agent' as const),
  zone: fc.constantFrom('z1', 'z2'),
  reserve: fc.constantFrom(0, 8192),
});

function hostSettings(from: { role: 'server' | 'agent'; zone: string; reserve: number }) {
  return sampleSettings({
    role: from.role,
    labels: { zone: from.zone },
    reserve: { vcpu: 0, memoryMib: from.reserve },
  });
}

const create = fc.record({
  type: fc.constant('vmCreate' as const),
  name: vmName,
  uid,
  spec,
  power: fc.constantFrom('running' as const, 'stopped' as const),
});

const always = fc.oneof(
  fc.record({
    ...{ type: fc.constant('vmAdopt' as const), name: vmName, uid, spec, hostId },
    power: fc.constantFrom('running' as const, 'stopped' as const),
  }),
  fc.record({ type: fc.constant('vmRelease' as const), name: vmName }),
  fc.record({
    type: fc.constant('vmSetPower' as const),
    name: vmName,
    power: fc.constantFrom('running' as const, 'stopped' as const),
  }),
  fc.record({ type: fc.constant('vmRestart' as const), name: vmName }),
  fc.record({
    type: fc.constant('annotate' as const),
    kind: fc.constantFrom('vm' as const, 'host' as const, 'project' as const),
    name: fc.constantFrom(...VM_NAMES, ...HOST_NAMES, 'shop', 'default'),
    set: fc.dictionary(fc.constantFrom('owner', 'note'), fc.constantFrom('a', 'b', null), { minKeys: 1 }),
  }),
  fc.record({ type: fc.constant('vmDelete' as const), name: vmName }),
  fc.record({ type: fc.constant('commandFormatRaise' as const), format: fc.integer({ min: 2, max: 4 }) }),
  fc.record({ type: fc.constant('vmRestart' as const), name: vmName, ifModifiedIndex: fc.nat(30) }),
  fc.record({ type: fc.constant('hostLeave' as const), name: fc.constantFrom(...HOST_NAMES) }),
  fc.record({ type: fc.constant('hostRemove' as const), name: fc.constantFrom(...HOST_NAMES), force: fc.boolean() }),
  fc.record({ type: fc.constant('hostRemoved' as const), hostId }),
  fc.record({ type: fc.constant('hostJoinExpired' as const), hostId }),
  fc.record({
    type: fc.constant('hostSet' as const),
    name: fc.constantFrom(...HOST_NAMES),
    role: fc.constantFrom('server' as const, 'agent' as const, 'auto' as const),
    labels: fc.dictionary(fc.constantFrom('zone', 'rack'), fc.constantFrom('z1', 'z2', null)),
  }),
  fc.record({
    type: fc.constant('hostSet' as const),
    name: fc.constantFrom(...HOST_NAMES),
    cordoned: fc.constantFrom(true, false, false),
  }),
  fc.record({ type: fc.constant('vmPlace' as const), name: vmName, host: fc.constantFrom(...HOST_NAMES) }),
  fc.record({
    type: fc.constant('clusterSet' as const),
    settings: fc.record({ voters: fc.constantFrom(1 as const, 3, 5, 7), replaceAfterSeconds: fc.constantFrom(5, 60) }),
  }),
  fc.record({ type: fc.constant('hostReachable' as const), hostId, reachable: fc.boolean() }),
  fc.record({ type: fc.constant('hostRestarting' as const), hostId, bootId: fc.constantFrom('b1', 'b2') }),
  fc.record({ type: fc.constant('tokenRevoke' as const), id: fc.constantFrom('0000000000000001', '0000000000000002') }),
);

const token = fc.record({
  type: fc.constant('tokenCreate' as const),
  id: fc.constantFrom('0000000000000001', '0000000000000002', '0000000000000003'),
  secretHash: fc.constantFrom('ab'.repeat(32), 'cd'.repeat(32)),
  expiresAtMs: fc.constantFrom(SAMPLE_START_MS + 50, SAMPLE_START_MS + 1e6),
});

const join = fc
  .record({
    tokenId: token.map((entry) => entry.id),
    peer: fc.integer({ min: 1, max: 5 }),
    name: fc.constantFrom(...HOST_NAMES),
    settings,
  })
  .map(
    ({ tokenId, peer, name, settings: from }): Command => ({
      type: 'hostJoin',
      tokenId,
      secretHash: 'ab'.repeat(32),
      peerId: `peer-${peer}`,
      uid: `host-${peer}`,
      name,
      addresses: [],
      settings: hostSettings(from),
      facts: sampleFacts({ commandFormats: [2, 2 + (peer % 3)] }),
    }),
  );

const report = fc.record({ hostId, settings, n3xVersion: fc.constantFrom('0.1.0', '0.2.0') }).map(
  ({ hostId: id, settings: from, n3xVersion }): Command => ({
    type: 'hostReport',
    hostId: id,
    addresses: ['/ip4/192.0.2.1/tcp/7400'],
    settings: hostSettings(from),
    facts: sampleFacts({ n3xVersion, commandFormats: n3xVersion === '0.1.0' ? [2, 2] : [2, 3] }),
  }),
);

const lockName = fc.constantFrom('deploy', 'disk');
const lockHolder = fc.constantFrom('h1', 'h2', 'h3', 'h4', 'h5');

/** Commands about locks; those that need a token know the right one, most of the time. */
const lock = fc
  .record({
    kind: fc.constantFrom('acquire', 'acquire', 'acquire', 'renew', 'release', 'break', 'expire'),
    name: lockName,
    holder: lockHolder,
    slots: fc.constantFrom(undefined, undefined, undefined, 1, 2),
    wait: fc.constantFrom(true, true, false),
    stale: fc.constantFrom(0, 0, 0, 1),
    which: fc.nat(5),
  })
  .map(({ kind, name, holder, slots, wait, stale, which }) => (state: ClusterState): Command => {
    const found = state.lock(name);
    const claims = [...(found?.holders ?? []), ...(found?.waiters ?? [])];
    const claim = claims[which % Math.max(1, claims.length)];
    const token = (claim?.ticket ?? 1) + stale;
    switch (kind) {
      case 'renew':
        return { type: 'lockRenew', name, holder: claim?.holder ?? holder, token };
      case 'release':
        return { type: 'lockRelease', name, holder: claim?.holder ?? holder, token };
      case 'break':
        return { type: 'lockBreak', name, reason: 'gone', ...(wait ? { holder } : {}) };
      case 'expire':
        return {
          type: 'lockExpire',
          name,
          ticket: claim?.ticket ?? 1,
          renewedIndex: (claim?.renewedIndex ?? 1) - stale,
        };
      default:
        return {
          ...{ type: 'lockAcquire', name, holder, reason: '', ttlMs: 1_000 + which, wait },
          ...(slots === undefined ? {} : { slots }),
        };
    }
  });

const projectName = fc.constantFrom('shop', 'blog', 'default');
const amount = fc.constantFrom(null, 1, 4, 12);
const quotaChange = fc.record({ guaranteed: amount, maximum: amount }, { requiredKeys: [] });

/** Commands about projects: their quotas are such that VMs meet them. */
const project = fc
  .record({
    kind: fc.constantFrom('create', 'create', 'set', 'set', 'delete'),
    name: projectName,
    vcpu: quotaChange,
    vms: quotaChange,
    strategy: fc.constantFrom(undefined, undefined, 'least-available' as const),
  })
  .map(({ kind, name, vcpu, vms, strategy }): Command => {
    switch (kind) {
      case 'create':
        return {
          ...{
            type: 'projectCreate',
            name,
            quotas: vms.maximum === undefined || vms.maximum === null ? {} : { vms: { maximum: vms.maximum } },
          },
          ...(strategy === undefined ? {} : { strategy }),
        };
      case 'set':
        return {
          type: 'projectSet',
          name,
          quotas: { vcpu, vms },
          ...(strategy === undefined ? { strategy: null } : {}),
        };
      default:
        return { type: 'projectDelete', name };
    }
  });

const phase = fc.constantFrom<VmPhase>('building', 'starting', 'running', 'stopped', 'failed', 'lost', 'stopping');

/** Commands about a VM that know, most of the time, how it stands. */
const informed = fc
  .record({
    kind: fc.constantFrom(
      'assign',
      'assign',
      'report',
      'unplaceable',
      'preempt',
      'preempt',
      'removed',
      'hostOut',
      'restartOver',
      'failover',
    ),
    name: vmName,
    hostId,
    phase,
    stale: fc.constantFrom(0, 0, 0, 1),
    vcpu: fc.constantFrom(undefined, 2, 6),
  })
  .map((drawn) => (state: ClusterState): Command => {
    const { stale } = drawn;
    // Removals are for what is being deleted or displaced, where there is such a VM.
    const goes = (vm: Vm) => vm.deleting || isLeaving(vm);
    const going = drawn.kind === 'removed' ? [...state.vms()].find(goes) : undefined;
    // Only what waits, and is important, displaces others.
    const important = (vm: Vm) => waitsForHost(vm) && vm.spec.priority !== undefined;
    const needy = drawn.kind === 'preempt' ? [...state.vms()].find(important) : undefined;
    const vm = going ?? needy ?? state.vm(drawn.name);
    const name = vm?.name ?? drawn.name;
    const base = { name, uid: vm?.uid ?? 'u1', baseIndex: (vm?.modifiedIndex ?? 1) - stale };
    const at = {
      hostId: vm?.assignment?.hostId ?? drawn.hostId,
      epoch: Math.max(1, (vm?.assignment?.epoch ?? 1) - stale),
    };
    switch (drawn.kind) {
      case 'assign':
        return { type: 'vmAssign', ...base, hostId: state.host(drawn.hostId) === undefined ? 1 : drawn.hostId };
      case 'unplaceable':
        return { type: 'vmUnplaceable', ...base, reason: 'NoHostFits', message: `needs ${drawn.phase}` };
      case 'preempt': {
        const others = [...state.vms()].filter(({ assignment, spec }) => assignment !== null && !spec.priority);
        const victim = others[drawn.hostId % Math.max(1, others.length)] ?? vm;
        const { hostId: from, epoch } = victim?.assignment ?? at;
        const one = { name: victim?.name ?? name, uid: victim?.uid ?? 'u1', epoch: epoch + stale };
        return { type: 'vmPreempt', ...base, hostId: from, victims: [one] };
      }
      case 'hostOut': {
        const out = [...state.hosts()].find(({ membership }) => membership === 'leaving');
        return { type: 'hostRemoved', hostId: out?.id ?? drawn.hostId };
      }
      case 'failover': {
        const assigned = [...state.vms()].find(({ assignment }) => assignment !== null);
        const lost = drawn.phase === 'running' ? assigned : vm;
        const { hostId, epoch } = lost?.assignment ?? at;
        const one = { name: lost?.name ?? name, uid: lost?.uid ?? 'u1', hostId, epoch };
        return { type: 'vmFailover', ...one, term: drawn.hostId === 1 ? 2 : 1 };
      }
      case 'restartOver': {
        const host = [...state.hosts()].find(({ restarting }) => restarting !== undefined);
        const index = (host?.restarting?.index ?? 1) + stale;
        const cause = drawn.phase === 'running' ? 'back' : 'overdue';
        return { type: 'hostRestartOver', hostId: host?.id ?? 1, index, cause };
      }
      case 'removed':
        return { type: 'vmRemoved', name, uid: base.uid, ...at };
      default:
        return {
          type: 'vmReport',
          hostId: at.hostId,
          reports: [
            {
              name,
              uid: base.uid,
              epoch: at.epoch,
              status: {
                phase: drawn.phase,
                reason: '',
                message: '',
                sinceMs: 1,
                observedGeneration: 1,
                observedRestarts: 0,
                ...(drawn.vcpu === undefined ? {} : { evaluated: { vcpu: drawn.vcpu, memoryMib: 700 } }),
              },
            },
          ],
        };
    }
  });

/** Configurations over hosts 1 to 5. */
export const arbitraryConfState: fc.Arbitrary<ConfState> = fc
  .record({ voters: fc.uniqueArray(hostId, { minLength: 1 }), learners: fc.uniqueArray(hostId) })
  .map(({ voters, learners }) => ({
    voters: voters.sort(),
    votersOutgoing: [],
    learners: learners.filter((id) => !voters.includes(id)).sort(),
    learnersNext: [],
    autoLeave: false,
  }));

const atMs = fc.integer({ min: 0, max: 100 }).map((ms) => SAMPLE_START_MS + ms);
const requestId = fc.constantFrom(undefined, undefined, undefined, 'same1', 'same2');

/** Small enough that they are full now and then. */
const NETWORKS: Readonly<Record<string, NetworkSpec>> = {
  lan: networkSpecSchema.parse({ ipv4: { subnet: '10.0.0.0/29', gateway: '10.0.0.1' } }),
  dual: networkSpecSchema.parse({ ipv4: { subnet: '10.1.0.0/29' }, ipv6: { subnet: 'fd00::/126' }, holdSeconds: 0 }),
};

/** Commands about networks. */
const network = fc
  .record({
    kind: fc.constantFrom('create', 'create', 'set', 'delete', 'holdEnd', 'holdEnd'),
    name: fc.constantFrom('lan', 'dual'),
    exclude: fc.constantFrom([], ['10.0.0.2'], ['10.0.0.3-10.0.0.5', '10.1.0.1']),
    holdSeconds: fc.constantFrom(undefined, undefined, 0, 60),
    stale: fc.constantFrom(0, 0, 0, 1),
  })
  .map(({ kind, name, exclude, holdSeconds, stale }) => (state: ClusterState): Command => {
    // A hold ends where there is one.
    const holds =
      kind === 'holdEnd' ? [...state.networks()].find(({ released, freed }) => released > freed) : undefined;
    const found = holds ?? state.network(name);
    switch (kind) {
      case 'set':
        return {
          ...{ type: 'networkSet', name },
          changes: holdSeconds === undefined ? { exclude: name === 'lan' ? exclude.slice(0, 1) : [] } : { holdSeconds },
        };
      case 'delete':
        return { type: 'networkDelete', name };
      case 'holdEnd':
        return {
          ...{ type: 'networkHoldEnd', name: found?.name ?? name, createdIndex: found?.createdIndex ?? 1 },
          ...{ generation: (found?.generation ?? 1) + stale, through: Math.max(1, (found?.released ?? 1) - stale) },
        };
      default:
        return { type: 'networkCreate', name, spec: NETWORKS[name] ?? networkSpecSchema.parse({}) };
    }
  });

/** One step. */
export const arbitraryStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .record({
        make: fc.oneof(
          {
            weight: 3,
            arbitrary: create.map(
              (command): ((state: ClusterState) => Command) =>
                () =>
                  command,
            ),
          },
          {
            weight: 4,
            arbitrary: always.map(
              (command): ((state: ClusterState) => Command) =>
                () =>
                  command,
            ),
          },
          { weight: 1, arbitrary: project.map((command) => (): Command => command) },
          { weight: 2, arbitrary: fc.oneof(token, join, report).map((command) => (): Command => command) },
          { weight: 5, arbitrary: informed },
          { weight: 3, arbitrary: lock },
          { weight: 6, arbitrary: arbitraryMove },
          { weight: 3, arbitrary: network },
          { weight: 5, arbitrary: arbitrarySetCommand },
          { weight: 3, arbitrary: volumeCommand },
          { weight: 2, arbitrary: arbitraryVolumeMove },
          { weight: 1, arbitrary: arbitraryRecreation },
        ),
        atMs,
        requestId,
      })
      .map(
        ({ requestId: id, ...rest }): Step => ({
          type: 'command',
          ...rest,
          ...(id === undefined ? {} : { requestId: id }),
        }),
      ),
  },
  { weight: 1, arbitrary: arbitraryConfState.map((confState): Step => ({ type: 'conf', confState })) },
);
