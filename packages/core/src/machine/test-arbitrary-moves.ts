/** Random commands about moves and drains, for property tests: they know, most of the time, how things stand. */
import fc from 'fast-check';
import type { Host } from '../model/host.ts';
import { moveOf, moveTargetId } from '../model/move.ts';
import { type Vm, vmVolumes } from '../model/vm.ts';
import type { Command } from './command.ts';
import { misfits } from './fit.ts';
import { loadsWithout } from './moving.ts';
import { SAMPLE_START_MS, sampleFacts, sampleSettings } from './sample.ts';
import type { ClusterState } from './state.ts';

const KINDS = [
  'together',
  'move',
  'move',
  'move',
  'built',
  'built',
  'gone',
  'cancel',
  'copied',
  'copied',
  'rebalance',
  'drain',
  'note',
  'undrain',
] as const;

/** What a random choice falls on. */
function pick<T>(from: readonly T[], which: number): T | undefined {
  return from[which % Math.max(1, from.length)];
}

/** A host that joins, or the token that it takes. */
function newcomer(state: ClusterState, count: number): Command {
  const secretHash = 'ab'.repeat(32);
  const open = state.tokens().find((token) => token.usedBy === undefined && token.secretHash === secretHash);
  if (open === undefined) {
    const id = state.index.toString(16).padStart(16, '0');
    return { type: 'tokenCreate', id, secretHash, expiresAtMs: SAMPLE_START_MS + 1e6 };
  }
  return {
    ...{ type: 'hostJoin', tokenId: open.id, secretHash, peerId: `peer-${count + 1}`, uid: `host-${count + 1}` },
    ...{ name: `n${count + 1}`, addresses: [], settings: sampleSettings(), facts: sampleFacts() },
  };
}

/** What it takes for there to be something to move, and somewhere to go; undefined when nothing is in the way. */
function settle(
  state: ClusterState,
  name: string | undefined,
  takers: (vm: Vm) => readonly Host[],
  hosts: readonly Host[],
  which: number,
): Command | undefined {
  const vm = state.vm(name ?? '');
  const by = vm === undefined ? undefined : pick(takers(vm), which);
  if (vm !== undefined && by !== undefined) {
    return { type: 'vmAssign', name: vm.name, uid: vm.uid, hostId: by.id, baseIndex: vm.modifiedIndex };
  }
  if (hosts.length < 3) return newcomer(state, hosts.length);
  const away = hosts.find(({ reachable }) => !reachable);
  if (away !== undefined) return { type: 'hostReachable', hostId: away.id, reachable: true };
  const closed = hosts.find(({ cordonedSinceMs }) => cordonedSinceMs !== undefined);
  return closed === undefined ? undefined : { type: 'hostUndrain', name: closed.name };
}

/** The hosts that would take a VM. */
function takersIn(state: ClusterState): (vm: Vm) => readonly Host[] {
  return (vm) => {
    const loads = vm.assignment === null ? state.indexes : loadsWithout(state, vm);
    return [...state.hosts()].filter((host) => misfits(vm, host, loads).length === 0);
  };
}

/** What brings a VM closer to having its volumes copied; undefined once one does, or without one that could. */
function towardsCopies(state: ClusterState, which: number): Command | undefined {
  const hosts = [...state.hosts()];
  if (hosts.length < 2) return newcomer(state, hosts.length);
  const takers = takersIn(state);
  const vm = [...state.vms()].find(
    ({ volumes = [], deleting, power }) => volumes.length > 0 && !deleting && power === 'running',
  );
  if (vm === undefined) return undefined;
  const { name, uid, assignment } = vm;
  if (assignment === null) {
    const host = pick(takers(vm), which);
    if (host === undefined) return undefined;
    return { type: 'vmAssign', name, uid, hostId: host.id, baseIndex: vm.modifiedIndex };
  }
  const { hostId, epoch } = assignment;
  const volumes = vmVolumes(vm).filter(({ created }) => !created);
  if (volumes.length > 0) {
    return { type: 'volumesCreated', hostId, name, uid, epoch, volumes: volumes.map((volume) => volume.uid) };
  }
  const move = moveOf(vm);
  if (move?.step === 'copy') {
    const { targetId = 0, index } = move;
    const base = { hostId: targetId, name, uid, index };
    if (which % 3 === 0) return { type: 'vmMoveCopying', ...base, copiedBytes: which * 1024 };
    if (which % 3 === 1) return undefined;
    const copies = vmVolumes(vm).map((volume) => ({ uid: volume.uid, epoch: volume.writer }));
    return { type: 'vmMoveCopied', ...base, volumes: copies };
  }
  if (move?.step === 'leave') return { type: 'vmRemoved', hostId, name, uid, epoch, moveIndex: move.index };
  if (move?.targetId !== undefined) {
    return { type: 'vmMoveBuilt', hostId: move.targetId, name, uid, index: move.index };
  }
  const targetId = pick(
    takers(vm).filter(({ id }) => id !== hostId),
    which,
  )?.id;
  return targetId === undefined ? undefined : { type: 'vmMove', name, uid, epoch, cause: 'migrate', targetId };
}

/** Commands about moves and drains. */
export const arbitraryMove: fc.Arbitrary<(state: ClusterState) => Command> = fc
  .record({
    kind: fc.constantFrom(...KINDS),
    which: fc.nat(20),
    hostId: fc.integer({ min: 1, max: 5 }),
    cause: fc.constantFrom('drain' as const, 'evacuate' as const, 'migrate' as const),
    outcome: fc.constantFrom('drained' as const, 'stuck' as const, 'expired' as const, undefined),
    stale: fc.constantFrom(0, 0, 0, 1),
  })
  .map(({ kind: drawn, which, hostId, cause, outcome, stale }) => (state: ClusterState): Command => {
    const placed = [...state.vms()].filter(({ assignment }) => assignment !== null);
    const moving = placed.filter((vm) => moveOf(vm) !== undefined);
    if (stale === 0 && (drawn === 'copied' || which % 2 === 0)) {
      const next = towardsCopies(state, which);
      if (next !== undefined) return next;
    }
    // Before one can arrive another has to set out.
    const kind = moving.length === 0 && ['built', 'gone', 'cancel', 'copied'].includes(drawn) ? 'move' : drawn;
    const copying = moving.filter((vm) => moveOf(vm)?.step === 'copy');
    const fitting = kind === 'copied' && copying.length > 0 ? copying : moving;
    const vm: Vm | undefined = pick(
      kind === 'move' || kind === 'together' || kind === 'rebalance' ? placed : fitting,
      which,
    );
    const of = { name: vm?.name ?? 'a', uid: vm?.uid ?? 'u1' };
    const epoch = (vm?.assignment?.epoch ?? 1) + stale;
    const index = (vm === undefined ? 1 : (moveOf(vm)?.index ?? 1)) + stale;
    const hosts = [...state.hosts()];
    const draining = hosts.filter(({ drain }) => drain !== undefined);
    const host = pick(kind === 'drain' ? hosts : draining, which) ?? pick(hosts, which);
    const takers = takersIn(state);
    const isBare = placed.length === 0 || hosts.length === 1;
    if (kind === 'move' && stale === 0 && (isBare || which % 3 === 0)) {
      const settled = settle(state, pick([...state.waiting], which), takers, hosts, which);
      if (settled !== undefined) return settled;
    }
    const target = (moved: Vm | undefined): number =>
      (moved === undefined ? undefined : pick(takers(moved), hostId)?.id) ?? hostId;
    const targetId = target(vm);
    switch (kind) {
      case 'move': {
        // To a host that is there, and for the sake of a drain where there is one.
        const isDrained = draining.some(({ id }) => id === vm?.assignment?.hostId);
        const why = isDrained ? (cause === 'migrate' ? 'drain' : cause) : 'migrate';
        const to = which === 0 ? {} : { targetId };
        return { type: 'vmMove', ...of, epoch, cause: stale === 0 ? why : cause, ...to };
      }
      case 'built': {
        const by = (vm === undefined ? undefined : moveTargetId(vm)) ?? targetId;
        const failed = which % 4 === 0 ? { failure: 'BuildFailed: no' } : {};
        return { type: 'vmMoveBuilt', ...of, hostId: by, index, ...failed };
      }
      case 'gone':
        return {
          ...{ type: 'vmRemoved', ...of, hostId: vm?.assignment?.hostId ?? hostId, epoch },
          ...(vm?.deleting === true ? {} : { moveIndex: index }),
        };
      case 'copied': {
        const by = (vm === undefined ? undefined : moveTargetId(vm)) ?? targetId;
        const base = { ...of, hostId: by, index } as const;
        if (which % 2 === 0) return { type: 'vmMoveCopying', ...base, copiedBytes: which * 1_048_576 };
        if (which % 7 === 0) return { type: 'vmMoveCopied', ...base, volumes: [], failure: 'DiskFull: no' };
        const volumes = vmVolumes({ volumes: vm?.volumes }).map(({ uid, writer }) => ({ uid, epoch: writer }));
        return { type: 'vmMoveCopied', ...base, volumes };
      }
      case 'together': {
        const group = placed.filter(({ assignment }) => assignment?.hostId === vm?.assignment?.hostId).slice(0, 2);
        const moves = group.map((one) => ({
          ...{ name: one.name, uid: one.uid, epoch: (one.assignment?.epoch ?? 1) + stale },
        }));
        if (moves.length < 2) return { type: 'vmMove', ...of, epoch, cause: 'migrate', targetId };
        return { type: 'vmMoveTogether', cause: stale === 0 ? 'migrate' : cause, targetId, moves };
      }
      case 'cancel':
        if (which % 4 === 0) return { type: 'vmMigrateCancel', name: of.name };
        return { type: 'vmMoveCancel', ...of, index, reason: 'n2 is not reachable' };
      case 'rebalance': {
        const some = placed.slice(which % 3, (which % 3) + 2);
        const moves = some.map((one) => ({
          ...{ name: one.name, uid: one.uid, epoch: (one.assignment?.epoch ?? 1) + stale },
          targetId: target(one),
        }));
        return { type: 'clusterRebalance', moves: moves.length > 0 ? moves : [{ ...of, epoch, targetId }] };
      }
      case 'drain': {
        const deadline = which % 2 === 0 ? {} : { deadlineMs: SAMPLE_START_MS + 1e6 };
        const mode = cause === 'evacuate' ? cause : 'drain';
        return { type: 'hostDrain', name: host?.name ?? 'n1', mode, parallel: 1 + (which % 3), ...deadline };
      }
      case 'note': {
        const told = { hostId: host?.id ?? hostId, index: (host?.drain?.index ?? 1) + stale, message: 'so it is' };
        return outcome === undefined ? { type: 'hostDrainNote', ...told } : { type: 'hostDrainNote', ...told, outcome };
      }
      case 'undrain':
        return { type: 'hostUndrain', name: host?.name ?? 'n1' };
    }
  });
