/**
 * Runs the reconciler of a host's volumes: what the cluster wants against what is on the disks, into actions and
 * reports. As `host-agent.ts` does for VMs, it acts only while the state is known to be current.
 */

import { type ActionFailure, backoffDelay } from '../host/backoff.ts';
import type { CopyTrouble } from '../host/volume-copies.ts';
import type { VolumeView } from '../host/volume-gate.ts';
import { reconcileVolumes } from '../host/volumes.ts';
import type { ClusterState } from '../machine/state.ts';
import { volumeOf } from '../machine/volume-of.ts';
import type { Ports } from '../ports/ports.ts';
import type { ObservedCopy, ObservedVolume, VolumeAction, VolumeOutcome } from '../ports/volumes.ts';
import type { OwnProposals } from './own-proposals.ts';

/** Shortest time in ms between two reports of what a volume takes of the disk, and change in parts of its size. */
const REPORT_MS = 30_000;
const REPORT_PART = 1 / 64;
/** Change in bytes that is reported after a longer time, however large the volume is. */
const REPORT_LATE_MS = 600_000;
/** Ticks between two looks at what depends on time alone. */
const LOOK_TICKS = 10;

interface Attempt {
  readonly type: VolumeAction['type'];
  /** The move that it was for, if it was for one. */
  readonly move: number | undefined;
  readonly attempts: number;
  readonly notBeforeMs: number;
  readonly retriable: boolean;
  readonly failure: ActionFailure;
  /** Bytes that were copied when it failed. */
  readonly copiedBytes: number;
}

/** Shortest time in ms between two reports of how far a copy is. */
const TELL_MS = 5_000;

function moveFor(action: VolumeAction): number | undefined {
  return action.type === 'copy' || action.type === 'accept' ? action.move : undefined;
}

/** Times and permission of one run. */
export interface VolumeRun {
  readonly nowMs: number;
  /** Whether the state was confirmed to be current. */
  readonly current: boolean;
}

/** The reconciler of a host's volumes with its memory, which is bounded by their number. */
export class VolumeAgent implements VolumeView {
  readonly #hostId: number;
  readonly #ports: Pick<Ports, 'volumes' | 'journal'>;
  readonly #own: OwnProposals;
  readonly #inFlight = new Map<string, VolumeAction>();
  readonly #byToken = new Map<number, VolumeAction>();
  readonly #attempts = new Map<string, Attempt>();
  readonly #reportedMs = new Map<string, number>();
  /** By uid of a VM or a volume that moves here: when it was last told how far its copies are. */
  readonly #toldMs = new Map<string, number>();
  /** Volumes on which an action ended after the last look. */
  readonly #stale = new Set<string>();
  #observed: ReadonlyMap<string, ObservedVolume> | null = null;
  #copies: ReadonlyMap<string, ObservedCopy> = new Map();
  #nextToken = 1;
  #dirty = true;
  #ticks = 0;

  constructor(hostId: number, ports: Pick<Ports, 'volumes' | 'journal'>, own: OwnProposals) {
    this.#hostId = hostId;
    this.#ports = ports;
    this.#own = own;
  }

  get observed(): ReadonlyMap<string, ObservedVolume> | null {
    return this.#observed;
  }

  get copies(): ReadonlyMap<string, ObservedCopy> {
    return this.#copies;
  }

  failure(uid: string): ActionFailure | undefined {
    return this.#attempts.get(uid)?.failure;
  }

  /** What is on the disks. */
  look(volumes: readonly ObservedVolume[], copies: readonly ObservedCopy[]): void {
    this.#observed = new Map(volumes.map((volume) => [volume.uid, volume]));
    this.#copies = new Map(copies.map((copy) => [copy.uid, copy]));
    this.#stale.clear();
    this.#dirty = true;
  }

  /** The applied state changed. */
  stateChanged(): void {
    this.#dirty = true;
  }

  /** Time passed. */
  tick(): void {
    this.#ticks += 1;
    if (this.#ticks >= LOOK_TICKS) this.#dirty = true;
  }

  /** An action ended. */
  done(token: number, outcome: VolumeOutcome, nowMs: number): void {
    const action = this.#byToken.get(token);
    if (action === undefined) return;
    const { uid } = action.volume;
    this.#byToken.delete(token);
    this.#inFlight.delete(uid);
    this.#dirty = true;
    const fields = { volume: uid, action: action.type };
    if (outcome.ok) {
      this.#attempts.delete(uid);
      this.#ports.journal.log('info', 'host.volumeDone', fields);
      return;
    }
    const { reason, message, retriable } = outcome;
    const before = this.#attempts.get(uid);
    const move = moveFor(action);
    const copiedBytes = this.#copies.get(uid)?.copiedBytes ?? 0;
    // A copy that gets on, if only from try to try, is not in vain.
    const isSame = before?.type === action.type && before.move === move && copiedBytes <= before.copiedBytes;
    const attempts = isSame ? before.attempts + 1 : 1;
    const notBeforeMs = retriable ? nowMs + backoffDelay(attempts) : Number.POSITIVE_INFINITY;
    const { type } = action;
    this.#attempts.set(uid, { type, move, attempts, notBeforeMs, retriable, failure: outcome, copiedBytes });
    this.#ports.journal.log('warn', 'host.volumeFailed', { ...fields, reason, message });
  }

  /** Looks, acts and reports, if anything moved since the last time. Whether it looked. */
  run(state: ClusterState, { nowMs, current }: VolumeRun): boolean {
    if (!this.#dirty || !current || state.cluster === undefined || this.#observed === null) return false;
    this.#dirty = false;
    this.#ticks = 0;
    const { actions, proposals } = reconcileVolumes({
      state,
      hostId: this.#hostId,
      observed: this.#observed,
      copies: this.#copies,
      isBusy: (uid, action) => {
        if (this.#inFlight.has(uid) || this.#stale.has(uid)) return true;
        const attempt = this.#attempts.get(uid);
        return attempt?.type === action.type && attempt.move === moveFor(action) && nowMs < attempt.notBeforeMs;
      },
      trouble: (uid, move) => this.#trouble(uid, move),
      mayTell: (uid) => nowMs - (this.#toldMs.get(uid) ?? Number.NEGATIVE_INFINITY) >= TELL_MS,
      mayReport: (uid, change, sizeMib) => this.#mayReport(uid, change, sizeMib, nowMs),
    });
    for (const action of actions) this.#perform(action);
    for (const { key, command } of proposals) {
      if (command.type === 'volumeReport') for (const { uid } of command.reports) this.#reportedMs.set(uid, nowMs);
      const tells = command.type === 'vmMoveCopying' || command.type === 'volumeMoveCopying';
      if (tells) this.#toldMs.set(command.uid, nowMs);
      this.#own.offer(key, command, nowMs);
    }
    this.#forget(state);
    return true;
  }

  #trouble(uid: string, move: number): CopyTrouble | undefined {
    const attempt = this.#attempts.get(uid);
    return attempt?.type === 'copy' && attempt.move === move ? attempt : undefined;
  }

  #mayReport(uid: string, change: number, sizeMib: number, nowMs: number): boolean {
    const sinceMs = nowMs - (this.#reportedMs.get(uid) ?? Number.NEGATIVE_INFINITY);
    if (sinceMs >= REPORT_LATE_MS) return true;
    return sinceMs >= REPORT_MS && change >= sizeMib * 1_048_576 * REPORT_PART;
  }

  #perform(action: VolumeAction): void {
    const token = this.#nextToken++;
    const { uid } = action.volume;
    this.#byToken.set(token, action);
    this.#inFlight.set(uid, action);
    this.#ports.journal.log('info', 'host.volumeAction', { volume: uid, action: action.type });
    this.#ports.volumes.perform(token, action);
  }

  #forget(state: ClusterState): void {
    const isGone = (uid: string): boolean => !this.#observed?.has(uid) && volumeOf(state, uid) === undefined;
    for (const uid of this.#attempts.keys()) if (isGone(uid)) this.#attempts.delete(uid);
    for (const uid of this.#reportedMs.keys()) if (isGone(uid)) this.#reportedMs.delete(uid);
    if (this.#toldMs.size === 0) return;
    const coming = new Set([...state.vmsMovingTo(this.#hostId)].map((vm) => vm.uid));
    for (const uid of this.#toldMs.keys()) {
      if (!coming.has(uid) && state.stored.get(uid)?.moving === undefined) this.#toldMs.delete(uid);
    }
  }
}
