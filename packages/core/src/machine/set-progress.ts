/**
 * Where a set of VMs stands, and the rules of what may be done next. One function for all sides: the controller asks it
 * what to propose, `apply` asks it again and refuses what breaks a rule, and users are shown what it says.
 */
import { isLeaving } from '../model/move.ts';
import type { Vm } from '../model/vm.ts';
import { isMember, memberName, templateRevision, type VmSet } from '../model/vm-set.ts';
import { effectivePhase } from './effective.ts';
import { setQuotaExcess } from './quota.ts';
import type { ClusterState } from './state.ts';

/** One place of a set and who has it. */
export interface Place {
  readonly ordinal: number;
  readonly name: string;
  /** Undefined while nobody has the place. */
  readonly vm: Vm | undefined;
  /** There is a VM of this name that is none of the set. */
  readonly taken: boolean;
  /** Whether its guest is ready, as far as is known, and nothing is about to change that. */
  readonly available: boolean;
  /** Whether it was brought to another build, or is restarted, and has not been seen ready since. */
  readonly unproven: boolean;
  /** Whether it is of the revision that members shall have. */
  readonly updated: boolean;
  /** Whether it was restarted as often as the set was asked to. */
  readonly restarted: boolean;
  /** Whether it is as the power of the set wants it: ready, or stopped. */
  readonly asWanted: boolean;
}

/** Where a set stands. */
export interface SetProgress {
  /** Places of those that shall be there, by rising number. */
  readonly places: readonly Place[];
  /** Members that are there and shall not be. */
  readonly excess: readonly Place[];
  readonly ready: number;
  readonly updated: number;
  readonly unavailable: number;
  readonly unproven: number;
  /** What keeps the next member from being made, when places are empty. */
  readonly noRoom?: string;
}

/** Whether a VM has a build that it has yet to prove, and is meant to. */
export function isUnproven(vm: Vm): boolean {
  return vm.revision?.state === 'pending' && vm.power === 'running' && !vm.deleting;
}

/** Whether it has yet to be started anew, as somebody asked. */
export function isRestarting(vm: Vm): boolean {
  return vm.power === 'running' && !vm.deleting && vm.restarts > vm.status.observedRestarts;
}

/** Whether nothing of it runs, and nothing is to. */
function isStopped(vm: Vm): boolean {
  return vm.power === 'stopped' && (vm.assignment === null || vm.status.phase === 'stopped');
}

/** Whether its guest is ready as far as is known, and nothing is about to change that. */
export function isAvailable(state: ClusterState, vm: Vm): boolean {
  if (vm.deleting || isLeaving(vm) || vm.assignment === null || vm.power !== 'running' || isRestarting(vm))
    return false;
  const { revision } = vm;
  if (revision !== undefined && revision.state !== 'ready') return false;
  return effectivePhase(vm, state.host(vm.assignment.hostId)) === 'running';
}

function placeOf(state: ClusterState, set: VmSet, ordinal: number): Place {
  const name = memberName(set.name, ordinal);
  const found = state.vm(name);
  if (!isMember(set, found)) {
    const none = { available: false, unproven: false, updated: false, restarted: false, asWanted: false } as const;
    return { ordinal, name, vm: undefined, taken: found !== undefined, ...none };
  }
  const available = isAvailable(state, found);
  return {
    ...{ ordinal, name, vm: found, taken: false, available },
    unproven: isUnproven(found) || isRestarting(found),
    updated: found.memberOf.template === set.current && !found.deleting,
    restarted: (found.memberOf.restarts ?? 0) >= (set.restarts ?? 0),
    asWanted: set.power === 'stopped' ? isStopped(found) && !found.deleting : available,
  };
}

/** Where a set stands in this state. */
export function setProgress(state: ClusterState, set: VmSet): SetProgress {
  const places: Place[] = [];
  const excess: Place[] = [];
  for (let ordinal = 0; ordinal < set.span; ordinal++) {
    const place = placeOf(state, set, ordinal);
    if (ordinal < set.replicas && !set.deleting) places.push(place);
    else if (place.vm !== undefined) excess.push(place);
  }
  const count = (holds: (place: Place) => boolean) => places.filter(holds).length;
  const ready = count(({ available }) => available);
  return {
    places,
    excess,
    ready,
    updated: count(({ updated }) => updated),
    unavailable: places.length - ready,
    unproven: count(({ unproven }) => unproven),
    ...noRoom(state, set, places),
  };
}

/** What the quotas of its project have against one more member. */
function noRoom(state: ClusterState, set: VmSet, places: readonly Place[]): Pick<SetProgress, 'noRoom'> {
  const template = templateRevision(set, set.good)?.template;
  const isFull = template === undefined || places.every(({ vm, taken }) => vm !== undefined || taken);
  const excess = isFull ? undefined : setQuotaExcess(state, set.name, template, 1);
  return excess === undefined ? {} : { noRoom: excess.message };
}

/** Why a member must not be brought to another revision now, in words; undefined when it may. */
export function whyNotUpdate(set: VmSet, progress: SetProgress, place: Place): string | undefined {
  const current = templateRevision(set, set.current);
  if (current?.outcome === 'failed')
    return `revision ${set.current} has failed: ${current.message ?? 'a member did not get ready'}`;
  return whyNotTouch(set, progress, place);
}

/** Why a member must not be taken down for a while now, in words; undefined when it may. */
export function whyNotTouch(set: VmSet, progress: SetProgress, place: Place): string | undefined {
  const { maxUnavailable } = set;
  if (place.vm === undefined) return `${place.name} is not there yet`;
  if (place.vm.deleting) return `${place.name} is going`;
  if (place.vm.moving !== undefined) return `${place.name} is changing hosts`;
  const others = progress.places.filter((other) => other !== place);
  const unproven = others.filter((other) => other.unproven);
  if (unproven.length + 1 > maxUnavailable) {
    return `${named(unproven)} ${unproven.length === 1 ? 'has' : 'have'} to get ready first`;
  }
  // One that is down already makes nothing worse.
  const down = others.filter((other) => !other.available);
  if (place.available && down.length + 1 > maxUnavailable) {
    return `${named(down)} ${down.length === 1 ? 'is' : 'are'} unavailable, and at most ${maxUnavailable} may be at once`;
  }
  return undefined;
}

function named(places: readonly Place[]): string {
  const names = places.map(({ name }) => name);
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}

/** Whether all is as asked: each place has its member, of one revision and as wanted, and nobody else is there. */
export function isSettled({ places, excess }: SetProgress): boolean {
  return excess.length === 0 && places.every(({ asWanted, updated, restarted }) => asWanted && updated && restarted);
}

/** Whether the revision that members shall have has been seen ready on all of them. */
export function isProven(set: VmSet, progress: SetProgress): boolean {
  return set.power !== 'stopped' && isSettled(progress);
}

/** What the set waits for, in one line; empty when all is as asked. */
export function whatSetWaitsFor(set: VmSet, progress: SetProgress): string {
  const { places, excess } = progress;
  if (set.deleting)
    return excess.length === 0
      ? 'is about to go'
      : `${named(excess)} ${excess.length === 1 ? 'is' : 'are'} being deleted`;
  const taken = places.find((place) => place.taken);
  if (taken !== undefined)
    return `there is a VM ${taken.name} that is not of this set: delete it, and the set makes its own`;
  const outdated = places.filter((place) => !place.updated && place.vm !== undefined && !place.vm.deleting);
  const current = templateRevision(set, set.current);
  if (current?.outcome === 'failed') {
    const left = outdated.length === 0 ? '' : `; ${outdated.length} of ${places.length} stay as they were`;
    return `revision ${set.current} has failed (${current.message ?? 'a member did not get ready'})${left}: update the set again, or \`n3xctl vm rollback ${set.name}\``;
  }
  const next = nextToUpdate(set, progress);
  if (outdated.length > 0 && next === undefined) {
    const [first] = outdated;
    const why = first === undefined ? undefined : whyNotUpdate(set, progress, first);
    if (why !== undefined) return why;
  }
  const empty = places.find(({ vm }) => vm === undefined);
  if (empty !== undefined && progress.noRoom !== undefined) return `${empty.name} ${progress.noRoom}`;
  const held = places.find(({ vm }) => vm?.overQuota !== undefined);
  if (held?.vm !== undefined && set.power !== 'stopped') return `${held.name} is held: ${held.vm.overQuota}`;
  const waiting = places.filter((place) => !place.asWanted);
  const what = set.power === 'stopped' ? 'not stopped' : 'not ready';
  if (waiting.length > 0) return `${named(waiting)} ${waiting.length === 1 ? 'is' : 'are'} ${what}`;
  if (outdated.length > 0) return `${outdated.length} of ${places.length} are still to be updated`;
  const rest = places.filter((place) => !place.restarted);
  if (rest.length > 0) return `${rest.length} of ${places.length} are still to be restarted`;
  return excess.length === 0 ? '' : `${named(excess)} ${excess.length === 1 ? 'is' : 'are'} being removed`;
}

/** The member that is restarted next, in the same order as updates go; undefined when there is none, or none may be. */
export function nextToRestart(set: VmSet, progress: SetProgress): Place | undefined {
  return foremost(
    progress.places.filter((place) => !place.restarted && whyNotTouch(set, progress, place) === undefined),
  );
}

/** Those that are down go first, then the highest numbers. */
function foremost(places: readonly Place[]): Place | undefined {
  return places.findLast(({ available }) => !available) ?? places.at(-1);
}

/**
 * The member that is brought to the current revision next: those that are down first, then the highest numbers. Undefined
 * when there is none, or none may be.
 */
export function nextToUpdate(set: VmSet, progress: SetProgress): Place | undefined {
  return foremost(
    progress.places.filter((place) => !place.updated && whyNotUpdate(set, progress, place) === undefined),
  );
}
