/** Who has to go along with a VM that leaves its host, because it is to be near them. */

import { loadsBeside } from '../machine/apply-move-together.ts';
import { misfits } from '../machine/fit.ts';
import { describeMisfit } from '../machine/fit-text.ts';
import { staysPut } from '../machine/moving.ts';
import type { Loads } from '../machine/occupancy.ts';
import type { ClusterState } from '../machine/state.ts';
import type { Host } from '../model/host.ts';
import { type MoveCause, TOGETHER_MAX } from '../model/move.ts';
import { hasPair } from '../model/placement.ts';
import type { Vm } from '../model/vm.ts';
import { projectOf } from '../model/vm-name.ts';
import { wayOut } from './feasible.ts';

/** VMs of one host that can only leave it together, the one that was asked about first. */
export interface Company {
  readonly vms: readonly Vm[];
  /** The labels that bind them: `app=db`. */
  readonly labels: readonly string[];
}

/** Why a VM has nobody that it could go with, to be put after its name. */
export interface NoCompany {
  readonly message: string;
}

/** What keeps another VM from going along. */
function whyNotAlong(vm: Vm, cause: MoveCause): string | undefined {
  if (vm.deleting) return 'is being deleted';
  if (vm.moving !== undefined) return 'is on its way elsewhere';
  return staysPut(vm, cause)?.message;
}

/**
 * The fewest VMs of its host that `vm` takes along so that each of them is near what it is to be near; undefined when it
 * need not be near any that is there.
 */
export function companyOf(state: ClusterState, vm: Vm, cause: MoveCause): Company | NoCompany | undefined {
  const hostId = vm.assignment?.hostId;
  if (hostId === undefined || (vm.spec.placement.near ?? []).length === 0) return undefined;
  const project = projectOf(vm.name);
  const there = [...state.vmsOnHost(hostId)]
    .filter((other) => projectOf(other.name) === project)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const vms = [vm];
  const labels = new Set<string>();
  for (let at = 0; at < vms.length; at++) {
    const one = vms[at];
    for (const label of one?.spec.placement.near ?? []) {
      const others = there.filter((other) => other.name !== one?.name && hasPair(other.spec.labels, label));
      if (others.length === 0) continue;
      labels.add(label);
      if (others.some((other) => vms.includes(other))) continue;
      const [along] = others.filter((other) => whyNotAlong(other, cause) === undefined);
      if (along === undefined) {
        const [first] = others;
        const why = first === undefined ? '' : `, and ${first.name} ${whyNotAlong(first, cause)}`;
        return { message: `goes only together with ${first?.name} (near ${label})${why}` };
      }
      vms.push(along);
      if (vms.length > TOGETHER_MAX) {
        return { message: `goes only together with more than ${TOGETHER_MAX - 1} others that are near each other` };
      }
    }
  }
  return vms.length === 1 ? undefined : { vms, labels: [...labels] };
}

/** The hosts that take all of them, with what each of them finds there; else why none does, to be put after the name of the first. */
export function hostsTogether(
  state: ClusterState,
  { vms, labels }: Company,
  hosts: readonly Host[],
  loads: Loads,
): { readonly hosts: readonly Host[] } | { readonly message: string } {
  const sourceId = vms[0]?.assignment?.hostId ?? 0;
  const against = hosts.map((host) => {
    const loadsOf = loadsBeside(state, loads, vms, sourceId, host.id);
    const found = vms.flatMap((vm) => misfits(vm, host, loadsOf(vm)).map((misfit) => ({ vm, misfit })));
    return { host, found };
  });
  const fitting = against.filter(({ found }) => found.length === 0).map(({ host }) => host);
  if (fitting.length > 0) return { hosts: fitting };
  const others = vms.slice(1).map(({ name }) => name);
  const head = `goes only together with ${others.join(', ')} (near ${labels.join(', ')})`;
  const [closest] = [...against].sort((a, b) => a.found.length - b.found.length);
  if (closest === undefined) return { message: `${head}, and there is no other host` };
  const reasons = against.map(({ host, found }) => {
    const [first] = found;
    return first === undefined ? host.name : `${host.name} ${describeMisfit(first.misfit)} (for ${first.vm.name})`;
  });
  const shown = reasons.length > 4 ? [...reasons.slice(0, 4), `and ${reasons.length - 4} more hosts`] : reasons;
  const mend = wayOut({ host: closest.host, misfits: closest.found.map(({ misfit }) => misfit) });
  return { message: `${head}, and no other host takes them: ${shown.join('; ')}. To make them fit: ${mend}` };
}
