/**
 * Computes the configuration that follows from a change. Pure: takes a configuration and progress,
 * returns new ones, or says why the change is not possible. Invariants are checked on entry and exit.
 */
import { assert } from '../../base/assert.ts';
import type { Progress } from '../tracker/progress.ts';
import type { GroupConfig, ProgressMap, Tracker } from '../tracker/tracker.ts';
import type { ConfChange, ConfChangeSingle, LogIndex, NodeId } from '../types.ts';

/** A new configuration, or the reason there is none. */
export type ChangeResult =
  | { readonly ok: true; readonly config: GroupConfig; readonly progress: ProgressMap }
  | { readonly ok: false; readonly reason: string };

interface Draft {
  readonly incoming: Set<NodeId>;
  readonly outgoing: Set<NodeId>;
  readonly learners: Set<NodeId>;
  readonly learnersNext: Set<NodeId>;
  readonly progress: Map<NodeId, Progress>;
  autoLeave: boolean;
}

/** Whether the change goes through a joint configuration, and if so whether that is left automatically. */
export function jointTransition(change: ConfChange): { readonly joint: boolean; readonly autoLeave: boolean } {
  return {
    joint: change.transition !== 'auto' || change.changes.length > 1,
    autoLeave: change.transition !== 'explicit',
  };
}

/** Applies changes to the configuration of `tracker`, which stays as it is. */
export class Changer {
  readonly #tracker: Tracker;
  readonly #lastIndex: LogIndex;

  /** `lastIndex` is where the leader starts to probe a node that is new. */
  constructor(tracker: Tracker, lastIndex: LogIndex) {
    this.#tracker = tracker;
    this.#lastIndex = lastIndex;
  }

  /** Dispatches on what the change asks for: leave, enter joint, or the simple protocol. */
  change(change: ConfChange): ChangeResult {
    if (change.changes.length === 0) return this.leaveJoint();
    const { joint, autoLeave } = jointTransition(change);
    return joint ? this.enterJoint(autoLeave, change.changes) : this.simple(change.changes);
  }

  /** From C(old) to C(new,old): the incoming half changes, the outgoing half is what was. */
  enterJoint(autoLeave: boolean, changes: readonly ConfChangeSingle[]): ChangeResult {
    const draft = this.#draft();
    if (draft.outgoing.size > 0) return refused('the configuration is joint already');
    if (draft.incoming.size === 0) return refused('a configuration without voters cannot become joint');
    for (const id of draft.incoming) draft.outgoing.add(id);
    const problem = this.#apply(draft, changes);
    if (problem !== undefined) return refused(problem);
    draft.autoLeave = autoLeave;
    return finish(draft);
  }

  /** From C(new,old) to C(new): staged learners become learners, those in neither list are forgotten. */
  leaveJoint(): ChangeResult {
    const draft = this.#draft();
    if (draft.outgoing.size === 0) return refused('the configuration is not joint');
    for (const id of draft.learnersNext) {
      draft.learners.add(id);
      const progress = draft.progress.get(id);
      assert(progress !== undefined, `no progress for staged learner ${id}`);
      draft.progress.set(id, withRole(progress, true, this.#tracker));
    }
    draft.learnersNext.clear();
    for (const id of draft.outgoing) {
      if (!draft.incoming.has(id) && !draft.learners.has(id)) draft.progress.delete(id);
    }
    draft.outgoing.clear();
    draft.autoLeave = false;
    return finish(draft);
  }

  /** The one-server protocol (thesis section 4.1): at most one voter differs, so majorities overlap. */
  simple(changes: readonly ConfChangeSingle[]): ChangeResult {
    const draft = this.#draft();
    if (draft.outgoing.size > 0) return refused('a joint configuration has to be left first');
    const problem = this.#apply(draft, changes);
    if (problem !== undefined) return refused(problem);
    if (differing(this.#tracker.config.voters.incoming, draft.incoming) > 1) {
      return refused('more than one voter changes: that needs a joint configuration');
    }
    return finish(draft);
  }

  #draft(): Draft {
    const { config, progress } = this.#tracker;
    const draft: Draft = {
      incoming: new Set(config.voters.incoming),
      outgoing: new Set(config.voters.outgoing),
      learners: new Set(config.learners),
      learnersNext: new Set(config.learnersNext),
      progress: new Map(progress),
      autoLeave: config.autoLeave,
    };
    checkInvariants(draft);
    return draft;
  }

  #apply(draft: Draft, changes: readonly ConfChangeSingle[]): string | undefined {
    for (const { type, node } of changes) {
      // Node zero marks a change that was withdrawn after it had been proposed.
      if (node === 0) continue;
      if (type === 'addVoter') this.#makeVoter(draft, node);
      else if (type === 'addLearner') this.#makeLearner(draft, node);
      else if (type === 'remove') remove(draft, node);
    }
    return draft.incoming.size === 0 ? 'no voter would be left' : undefined;
  }

  #makeVoter(draft: Draft, node: NodeId): void {
    const progress = draft.progress.get(node);
    draft.progress.set(node, progress === undefined ? this.#fresh(false) : withRole(progress, false, this.#tracker));
    draft.learners.delete(node);
    draft.learnersNext.delete(node);
    draft.incoming.add(node);
  }

  #makeLearner(draft: Draft, node: NodeId): void {
    const progress = draft.progress.get(node);
    if (progress === undefined) {
      draft.progress.set(node, this.#fresh(true));
      draft.learners.add(node);
      return;
    }
    if (progress.isLearner) return;
    remove(draft, node);
    // A voter of the outgoing half goes on voting until the joint configuration is left.
    if (draft.outgoing.has(node)) {
      draft.learnersNext.add(node);
      draft.progress.set(node, progress);
    } else {
      draft.learners.add(node);
      draft.progress.set(node, withRole(progress, true, this.#tracker));
    }
  }

  #fresh(isLearner: boolean): Progress {
    const progress = this.#tracker.newProgress(0, Math.max(this.#lastIndex, 1), isLearner);
    // Otherwise a check of the quorum right after the change could depose the leader.
    progress.recentActive = true;
    return progress;
  }
}

function remove(draft: Draft, node: NodeId): void {
  draft.incoming.delete(node);
  draft.learners.delete(node);
  draft.learnersNext.delete(node);
  if (!draft.outgoing.has(node)) draft.progress.delete(node);
}

/** The same progress in another role: a copy, so that the tracker's own stays untouched if the change fails. */
function withRole(progress: Progress, isLearner: boolean, tracker: Tracker): Progress {
  if (progress.isLearner === isLearner) return progress;
  return progress.cloneAs(isLearner, tracker.limits);
}

function refused(reason: string): ChangeResult {
  return { ok: false, reason };
}

function finish(draft: Draft): ChangeResult {
  checkInvariants(draft);
  const progress = new Map([...draft.progress].sort(([a], [b]) => a - b));
  return {
    ok: true,
    progress,
    config: {
      voters: { incoming: draft.incoming, outgoing: draft.outgoing },
      learners: draft.learners,
      learnersNext: draft.learnersNext,
      autoLeave: draft.autoLeave,
    },
  };
}

function differing(a: ReadonlySet<NodeId>, b: ReadonlySet<NodeId>): number {
  let common = 0;
  for (const id of a) if (b.has(id)) common++;
  return a.size + b.size - 2 * common;
}

function checkInvariants(draft: Draft): void {
  const { incoming, outgoing, learners, learnersNext, progress } = draft;
  for (const set of [incoming, outgoing, learners, learnersNext]) {
    for (const id of set) assert(progress.has(id), `no progress for member ${id}`);
  }
  for (const id of learnersNext) {
    assert(outgoing.has(id), `staged learner ${id} is no voter of the outgoing half`);
    assert(progress.get(id)?.isLearner === false, `staged learner ${id} is marked as learner already`);
  }
  for (const id of learners) {
    assert(!incoming.has(id) && !outgoing.has(id), `${id} is learner and voter`);
    assert(progress.get(id)?.isLearner === true, `learner ${id} is not marked as one`);
  }
  if (outgoing.size === 0) {
    assert(learnersNext.size === 0 && !draft.autoLeave, 'leftovers of a joint configuration');
  }
}
