/**
 * The people who move VMs about: they drain and evacuate hosts, give up on it or let it be, move single VMs, and have the
 * hosts evened out. What they ask for rests on what some host knew, which may be old.
 */
import type { Random } from '@n3x/core/base/random';
import type { Command } from '@n3x/core/machine/command';
import type { ClusterState } from '@n3x/core/machine/state';
import { planRebalance } from '@n3x/core/scheduler/rebalance';
import type { Trace } from '../trace/trace.ts';
import type { SimulatedHost } from '../world/simulated-host.ts';
import type { World } from '../world/world.ts';
import { Asker, type Pick } from './asker.ts';

/** Longest deadline of a drain, in ms. */
const DEADLINE_MS = 20_000;

/** Those who move VMs. */
export function movers(world: World, random: Random, trace: Trace): Asker<Command> {
  return new Asker(world, random, trace, {
    ...{ name: 'mover', pauseMs: 900 },
    choose: (state, through, pick) => {
      const command = choose(state, through, pick, random);
      return command === undefined ? [] : [command];
    },
    text: (command) => `asks for ${text(command)}`,
  });
}

function choose(state: ClusterState, through: SimulatedHost, pick: Pick, random: Random): Command | undefined {
  const hosts = [...state.hosts()];
  const busy = hosts.filter(({ drain }) => drain !== undefined);
  const kind = random.below(10);
  if (kind < 4) {
    // Somewhere VMs have to go: most hosts stay in use.
    if (busy.length * 2 >= hosts.length)
      return undrain(
        pick,
        busy.map(({ name }) => name),
      );
    const name = pick(hosts)?.name;
    if (name === undefined) return undefined;
    const mode = random.below(3) === 0 ? 'evacuate' : 'drain';
    const isBounded = random.below(3) === 0;
    const deadlineMs = through.clock.wallMs + 1 + random.below(DEADLINE_MS);
    const parallel = 1 + random.below(3);
    return { type: 'hostDrain', name, mode, parallel, ...(isBounded ? { deadlineMs } : {}) };
  }
  if (kind < 6)
    return undrain(
      pick,
      busy.map(({ name }) => name),
    );
  if (kind < 7) {
    const moves = planRebalance(state, 4).moves.map(({ name, uid, epoch, targetId }) => ({
      name,
      uid,
      epoch,
      targetId,
    }));
    return moves.length === 0 ? undefined : { type: 'clusterRebalance', moves };
  }
  const moving = pick([...state.indexes.moving]);
  if (kind < 8 && moving !== undefined) return { type: 'vmMigrateCancel', name: moving };
  const vm = pick([...state.vms()].filter(({ assignment }) => assignment !== null));
  const targetId = pick(hosts)?.id;
  if (vm === undefined || vm.assignment === null || targetId === undefined) return undefined;
  const { name, uid, assignment } = vm;
  return { type: 'vmMove', name, uid, epoch: assignment.epoch, cause: 'migrate', targetId };
}

function undrain(pick: Pick, names: readonly string[]): Command | undefined {
  const name = pick(names);
  return name === undefined ? undefined : { type: 'hostUndrain', name };
}

function text(command: Command): string {
  switch (command.type) {
    case 'hostDrain':
      return `the ${command.mode === 'drain' ? 'drain' : 'evacuation'} of ${command.name}, ${command.parallel} at a time`;
    case 'hostUndrain':
      return `the end of the drain of ${command.name}`;
    case 'clusterRebalance':
      return `${command.moves.map(({ name, targetId }) => `${name} to host ${targetId}`).join(', ')}`;
    case 'vmMigrateCancel':
      return `the move of ${command.name} to be taken back`;
    case 'vmMove':
      return `${command.name} on host ${command.targetId}`;
    default:
      return command.type;
  }
}
