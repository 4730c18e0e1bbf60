/**
 * The people who place VMs by hand. They choose among the hosts that had room as far as the host knows that they ask, which
 * may be behind, and the scheduler places VMs at the same time: only `apply` sees both.
 */
import type { Random } from '@n3x/core/base/random';
import type { Command } from '@n3x/core/machine/command';
import { misfits } from '@n3x/core/machine/fit';
import type { ClusterState } from '@n3x/core/machine/state';
import type { Trace } from '../trace/trace.ts';
import type { World } from '../world/world.ts';
import { Asker, type Pick } from './asker.ts';

/** VMs that are placed at once. */
const AT_ONCE = 2;

type Place = Extract<Command, { type: 'vmPlace' }>;

/** Those who place VMs. */
export function placers(world: World, random: Random, trace: Trace): Asker<Place> {
  return new Asker(world, random, trace, {
    ...{ name: 'placer', pauseMs: 250 },
    choose: (state, _through, pick) => choose(state, pick),
    text: (command) => `places ${command.name} on ${command.host}`,
  });
}

/** One host for some VMs that wait, each of which would fit there alone. */
function choose(state: ClusterState, pick: Pick): Place[] {
  const waiting = [...state.waiting].flatMap((name) => state.vm(name) ?? []);
  const first = pick(waiting);
  if (first === undefined) return [];
  const fits = (host: Parameters<typeof misfits>[1]) => misfits(first, host, state.indexes).length === 0;
  const host = pick([...state.hosts()].filter(fits))?.name;
  if (host === undefined) return [];
  const others = waiting.filter((vm) => vm !== first).slice(0, AT_ONCE - 1);
  return [first, ...others].map(({ name }) => ({ type: 'vmPlace', name, host }));
}
