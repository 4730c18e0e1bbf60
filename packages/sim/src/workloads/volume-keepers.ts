/**
 * The people who look after volumes of no VM: they have them moved from host to host and take that back, give them to VMs
 * of their own and keep them when they let these go, and delete one now and then.
 */
import type { Random } from '@n3x/core/base/random';
import type { Command } from '@n3x/core/machine/command';
import type { ClusterState } from '@n3x/core/machine/state';
import { vmSpecSchema } from '@n3x/core/model/vm';
import type { StoredVolume } from '@n3x/core/model/volume';
import type { Trace } from '../trace/trace.ts';
import type { World } from '../world/world.ts';
import { Asker, type Pick } from './asker.ts';

/** What the names of their VMs begin with: clients know nothing of these. */
const PREFIX = 'kept-';
/** How many VMs they have at a time. */
const VMS = 3;

/** Those who keep volumes. */
export function volumeKeepers(world: World, random: Random, trace: Trace): Asker<Command> {
  return new Asker(world, random, trace, {
    ...{ name: 'volume-keeper', pauseMs: 700 },
    choose: (state, _through, pick) => {
      const command = choose(state, pick, random);
      return command === undefined ? [] : [command];
    },
    text: (command) => `asks for ${text(command)}`,
  });
}

function choose(state: ClusterState, pick: Pick, random: Random): Command | undefined {
  const volumes = [...state.stored.all()].filter(({ created, deleting }) => created && deleting !== true);
  const kind = random.below(12);
  if (kind < 5) {
    const [volume, host] = [pick(volumes), pick([...state.hosts()])];
    if (volume === undefined || host === undefined) return undefined;
    return { type: 'volumeMove', uid: volume.uid, host: host.name };
  }
  if (kind < 6) {
    const moving = pick(volumes.filter((volume) => volume.moving !== undefined));
    return moving === undefined ? undefined : { type: 'volumeMoveCancel', uid: moving.uid };
  }
  if (kind < 9) return use(pick(volumes), random);
  if (kind < 11) {
    const vm = pick([...state.vms()].filter(({ name, deleting }) => name.startsWith(PREFIX) && !deleting));
    return vm === undefined ? undefined : { type: 'vmDelete', name: vm.name, keepVolumes: true };
  }
  const volume = volumes.length > VMS ? pick(volumes) : undefined;
  return volume === undefined ? undefined : { type: 'volumeDelete', uid: volume.uid };
}

/** A VM that gets a volume that is there, or a new one where there is none. */
function use(volume: StoredVolume | undefined, random: Random): Command {
  const { sizeMib = 64, fsType = 'ext4', pool = 'default' } = volume ?? {};
  const from = volume === undefined ? {} : { from: volume.uid };
  const spec = vmSpecSchema.parse({
    ...{ vcpu: 1, memoryMib: 64, failover: 'restart' },
    source: { kind: 'inline', volumes: [{ name: 'data', sizeMib, fsType, pool, ...from, keep: true }] },
  });
  const name = `${PREFIX}${random.below(VMS)}`;
  return { type: 'vmCreate', name, uid: `k${random.below(1_000_000_000)}`, spec, power: 'running' };
}

function text(command: Command): string {
  switch (command.type) {
    case 'volumeMove':
      return `volume ${command.uid} on ${command.host}`;
    case 'volumeMoveCancel':
      return `the move of volume ${command.uid} to be taken back`;
    case 'vmCreate':
      return `${command.name} with a volume of its own`;
    case 'vmDelete':
      return `${command.name} to go without its volume`;
    case 'volumeDelete':
      return `volume ${command.uid} to go`;
    default:
      return command.type;
  }
}
