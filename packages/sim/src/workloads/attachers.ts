/**
 * The people who give volumes to VMs that are there, and take them away again: they stop a VM, detach and attach what it
 * has, make it more, change it in other ways meanwhile, and start it again. What they ask for rests on what some host knew,
 * which may be old, and part of it must be refused: while a VM runs, or for data that is elsewhere.
 */
import type { Random } from '@n3x/core/base/random';
import type { Command } from '@n3x/core/machine/command';
import type { ClusterState } from '@n3x/core/machine/state';
import { type Vm, type VmSpec, vmSpecSchema, vmVolumes } from '@n3x/core/model/vm';
import type { StoredVolume, VmVolume } from '@n3x/core/model/volume';
import type { Trace } from '../trace/trace.ts';
import type { World } from '../world/world.ts';
import { Asker, type Pick } from './asker.ts';

const VMS = 4;
const NAMES = ['data', 'log', 'old'] as const;
const SIZE_MIB = 64;
/** Most volumes that are kept for nobody: beyond that one is deleted. */
const KEPT = 6;

/** The spec of a VM as it is made. */
function specOf(count: number, failover: VmSpec['failover'], strategy: VmSpec['placement']['strategy']): VmSpec {
  return vmSpecSchema.parse({
    ...{
      vcpu: 1,
      memoryMib: 64,
      placement: { strategy },
      ...(failover === undefined ? {} : { failover }),
    },
    source: { kind: 'inline', volumes: NAMES.slice(0, count).map((name) => ({ name, sizeMib: SIZE_MIB })) },
  });
}

/** Those who attach and detach. */
export function attachers(world: World, random: Random, trace: Trace): Asker<Command> {
  let made = 0;
  let hasty: string | undefined;
  return new Asker(world, random, trace, {
    ...{ name: 'attacher', pauseMs: 120 },
    choose: (state, _through, pick) => {
      if (hasty !== undefined) {
        const name = hasty;
        hasty = undefined;
        // Taken back at once: what its host last said of it is from before the start.
        const volume = detach(vmVolumes(state.vm(name) ?? {}), pick);
        return [{ type: 'vmSetPower', name, power: 'stopped' }, ...(volume === undefined ? [] : [volume])];
      }
      const command = choose(state, pick, random, () => ++made);
      if (command?.type === 'vmSetPower' && command.power === 'running' && random.below(4) === 0) hasty = command.name;
      return command === undefined ? [] : [command];
    },
    text,
  });
}

function choose(state: ClusterState, pick: Pick, random: Random, next: () => number): Command | undefined {
  const name = `vm-${random.below(VMS)}`;
  const vm = state.vm(name);
  if (vm === undefined) {
    // Most of them are on one host, so that they can have each other's volumes.
    const strategy = pick(['least-available', 'least-available', 'most-available'] as const);
    const spec = specOf(random.below(3), pick(['restart', 'stay', undefined] as const), strategy);
    return { type: 'vmCreate', name, uid: `a${next()}`, spec, power: 'running' };
  }
  const kept = [...state.stored.all()].filter(({ deleting }) => deleting !== true);
  const isStill = vm.power === 'stopped' && vm.status.phase === 'stopped';
  const kind = random.below(isStill ? 16 : 20);
  if (kind < (isStill ? 5 : 1)) return attach(state, vm, kept, pick, random);
  if (kind < (isStill ? 8 : 2)) return detach(vmVolumes(vm), pick);
  if (kind < (isStill ? 9 : 3)) return more(vm, pick);
  if (kind < (isStill ? 10 : 4)) return otherwise(state, vm, pick, random);
  if (kind < (isStill ? 11 : 5)) {
    const [volume, host] = [pick(kept), pick([...state.hosts()])];
    if (volume === undefined || host === undefined) return undefined;
    return kept.length > KEPT
      ? { type: 'volumeDelete', uid: volume.uid }
      : { type: 'volumeMove', uid: volume.uid, host: host.name };
  }
  // One that runs is left to write for a while, and one that is stopped is started more often than not.
  if (isStill) return { type: 'vmSetPower', name, power: 'running' };
  return kind < 12 ? undefined : { type: 'vmSetPower', name, power: 'stopped' };
}

/** A volume for a VM: mostly one that is where the VM is, else any, also one of another VM. */
function attach(
  state: ClusterState,
  vm: Vm,
  kept: readonly StoredVolume[],
  pick: Pick,
  random: Random,
): Command | undefined {
  const here = kept.filter(({ place }) => vm.assignment === null || place?.hostId === vm.assignment.hostId);
  const others = [...state.vms()].flatMap((other) => [...vmVolumes(other)]);
  const chance = random.below(8);
  const volume = chance < 6 ? pick(here) : pick([...kept, ...others]);
  if (volume === undefined) return undefined;
  const as = pick(NAMES);
  return { type: 'volumeAttach', name: vm.name, uid: volume.uid, ...(as === undefined ? {} : { as }) };
}

function detach(volumes: readonly VmVolume[], pick: Pick): Command | undefined {
  const volume = pick(volumes);
  return volume === undefined ? undefined : { type: 'volumeDetach', uid: volume.uid };
}

function more({ name }: Vm, pick: Pick): Command {
  const volume = { name: pick(NAMES) ?? 'data', sizeMib: SIZE_MIB, fsType: 'ext4' } as const;
  return { type: 'volumeCreate', name, volume };
}

/** Something else that is done to VMs, and that no volume must come or go by. */
function otherwise(state: ClusterState, vm: Vm, pick: Pick, random: Random): Command | undefined {
  const { name, uid, spec, assignment } = vm;
  const kind = random.below(10);
  if (kind < 3) return { type: 'vmRollback', name };
  if (kind < 5) {
    const before = pick(vm.revisions ?? [])?.spec ?? spec;
    return { type: 'vmUpdate', name, spec: { ...before, memoryMib: 64 + random.below(8) }, rebuild: false };
  }
  if (kind < 7) return { type: 'vmDelete', name, keepVolumes: random.below(2) === 0 };
  const targetId = pick([...state.hosts()])?.id;
  if (assignment === null || targetId === undefined) return undefined;
  return { type: 'vmMove', name, uid, epoch: assignment.epoch, cause: 'migrate', targetId };
}

function text(command: Command): string {
  switch (command.type) {
    case 'volumeAttach':
      return `gives volume ${command.uid} to ${command.name}`;
    case 'volumeDetach':
      return `takes volume ${command.uid} from its VM`;
    case 'volumeCreate':
      return `gives ${command.name} a new volume ${command.volume.name}`;
    case 'volumeMove':
      return `wants volume ${command.uid} on ${command.host}`;
    case 'volumeDelete':
      return `deletes volume ${command.uid}`;
    case 'vmSetPower':
      return `wants ${command.name} ${command.power}`;
    case 'vmMove':
      return `wants ${command.name} on host ${command.targetId}`;
    default:
      return `asks for ${command.type}${'name' in command ? ` of ${command.name}` : ''}`;
  }
}
