/** What must hold of sets of VMs at every applied index. Written from the rules, not from `apply`. */
import type { ObjectChange } from '../model/object.ts';
import { REVISIONS_MAX } from '../model/revision.ts';
import type { Vm } from '../model/vm.ts';
import type { VmSet } from '../model/vm-set.ts';
import type { ClusterState } from './state.ts';

/** What is wrong with one set by itself. */
function checkSet(state: ClusterState, set: VmSet, found: string[]): void {
  const { name, span, replicas, current, good, revisions } = set;
  const wrong = (what: string): void => void found.push(`set ${name}: ${what}`);
  if (state.vm(name) !== undefined) wrong('a VM has its name');
  if (span < replicas) wrong(`it shall have ${replicas} VMs and knows of ${span} places`);
  if (revisions.length > REVISIONS_MAX + 2) wrong(`${revisions.length} revisions are kept`);
  let before = 0;
  for (const { number } of revisions) {
    if (number <= before) wrong(`revision ${number} follows ${before}`);
    before = number;
  }
  for (const number of [current, good]) {
    if (!revisions.some((one) => one.number === number)) wrong(`revision ${number} is in use and not kept`);
  }
}

/** What is wrong with all sets and their members. */
export function checkSets(state: ClusterState, found: string[]): void {
  let before = '';
  let count = 0;
  for (const set of state.vmSets()) {
    checkSet(state, set, found);
    if (set.name <= before) found.push(`set ${set.name} is listed after ${before}`);
    before = set.name;
    count += 1;
  }
  if (count !== state.vmSetCount) found.push(`${count} sets are listed, ${state.vmSetCount} are there`);
  for (const vm of state.vms()) {
    const { memberOf, revision, revisions = [], generation } = vm;
    if (revision !== undefined && revision.generation > generation)
      found.push(`${vm.name}: its build is of the future`);
    if (revisions.length > REVISIONS_MAX) found.push(`${vm.name}: ${revisions.length} revisions are kept`);
    if (memberOf === undefined) continue;
    const set = state.vmSet(memberOf.set);
    if (set === undefined || set.uid !== memberOf.uid)
      found.push(`${vm.name} is of the set ${memberOf.set}, which is not there`);
    else if (memberOf.ordinal >= set.span) found.push(`${vm.name} is beyond the ${set.span} places of its set`);
    else if ((memberOf.restarts ?? 0) > (set.restarts ?? 0)) found.push(`${vm.name} was restarted before its set`);
  }
}

/** Whether a member is meant to run and has not been seen ready since it was brought to another build, or restarted. */
function isDownForSet({ revision, power, deleting, restarts, status }: Vm): boolean {
  const isOpen = revision?.state === 'pending' || restarts > status.observedRestarts;
  return isOpen && power === 'running' && !deleting;
}

/**
 * What is wrong with a step of its set having just reached `vm`: at no index may an update or a restart have taken more
 * down than the set allows, and a stopped set starts none of its new members.
 */
export function checkSetStep(state: ClusterState, vm: Vm, changes: readonly ObjectChange[], found: string[]): void {
  const { memberOf } = vm;
  const set = memberOf === undefined ? undefined : state.vmSet(memberOf.set);
  if (memberOf === undefined || set === undefined) return;
  const told = (...reasons: readonly string[]): boolean =>
    changes.some(
      ({ object }) =>
        object?.kind === 'event' &&
        object.about.kind === 'vm' &&
        object.about.name === vm.name &&
        reasons.includes(object.reason),
    );
  if (set.power === 'stopped' && vm.power === 'running' && told('Created')) {
    found.push(`${vm.name} was made to run, and the set ${set.name} is stopped`);
  }
  if (!isDownForSet(vm) || !told('UpdateRequested', 'RestartBySet')) return;
  let down = 0;
  for (const other of state.vms()) {
    const mine = other.memberOf?.uid === set.uid && other.memberOf.ordinal < set.replicas;
    if (mine && isDownForSet(other)) down += 1;
  }
  if (down > set.maxUnavailable) {
    found.push(
      `set ${set.name}: an update or a restart has ${down} VMs down at once, ${set.maxUnavailable} are allowed`,
    );
  }
}
