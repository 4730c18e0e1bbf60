/** The safety checkers together: who is told what, in which order. */
import type { HostLoop, LoopStatus } from '@n3x/core/loop/host-loop';
import type { StateCodec } from '@n3x/core/machine/state-codec';
import type { CommandOutcome } from '@n3x/core/ports/client';
import type { StorageWrite, StoredState } from '@n3x/core/ports/storage';
import type { NodeId } from '@n3x/core/raft/types';
import type { PeerMessage } from '@n3x/core/wire/peer-message';
import type { ObservedHost, WorldObserver } from '../world/observer.ts';
import { AddressRules } from './addresses.ts';
import { CommittedLog } from './committed-log.ts';
import { ConfigurationChanges } from './configuration-changes.ts';
import { DurablePromises } from './durable-promises.ts';
import { ElectionSafety } from './election-safety.ts';
import { LockRules } from './locks.ts';
import { LogMatching } from './log-matching.ts';
import { LogViews } from './log-views.ts';
import { Quorums } from './quorums.ts';
import { ReferenceMachine } from './reference-machine.ts';
import { SetRules } from './sets.ts';

/** Where a host stood when it was last looked at. */
interface Seen {
  readonly loop: HostLoop;
  readonly status: LoopStatus;
}

/** All that is checked at every step. */
export class SafetyCheckers implements WorldObserver {
  readonly views = new LogViews();
  readonly elections = new ElectionSafety();
  /** What holders of locks and the log have to agree on. */
  readonly locks = new LockRules();
  /** Who gets which address, and when. */
  readonly addresses = new AddressRules();
  /** What updates of sets of VMs may do. */
  readonly sets = new SetRules();
  readonly #logs = new LogMatching();
  readonly #promises = new DurablePromises();
  readonly #quorums = new Quorums();
  readonly #changes = new ConfigurationChanges(this.views);
  readonly #seen = new Map<NodeId, Seen>();
  readonly #codec: StateCodec;
  #committed: CommittedLog | undefined;
  #reference: ReferenceMachine | undefined;

  /** `codec` reads what the hosts wrote. */
  constructor(codec: StateCodec) {
    this.#codec = codec;
  }

  /** The reference state; undefined before the first daemon has started. */
  get reference(): ReferenceMachine | undefined {
    return this.#reference;
  }

  /** Where a host stood after its last input; undefined while its daemon is down. */
  status(host: ObservedHost): LoopStatus | undefined {
    const seen = this.#seen.get(host.id);
    return seen?.loop === host.loop ? seen?.status : undefined;
  }

  started(host: ObservedHost, stored: StoredState): void {
    this.#promises.started(host, stored);
    this.views.started(host, stored);
    if (this.#reference === undefined) {
      this.#committed = new CommittedLog(stored.applied.index);
      this.#reference = new ReferenceMachine(this.#committed, stored, this.#codec, (changes) => {
        this.locks.applied(changes);
        this.addresses.applied(changes);
        this.sets.applied(changes);
      });
    }
    this.#committed?.started(host);
    this.#quorums.started(host);
    this.#changes.started(host);
    this.#seen.delete(host.id);
  }

  discarded(host: ObservedHost): void {
    this.views.discarded(host);
    this.#seen.delete(host.id);
  }

  writing(host: ObservedHost, write: StorageWrite): void {
    const log = this.views.of(host);
    this.#logs.writing(host, write, log);
    this.#changes.writing(host, write, this.#committed?.lastIndex ?? 0);
    const first = write.entries?.[0];
    if (first !== undefined && write.snapshot === undefined) this.#promises.replacing(host, first.index, log);
    this.views.writing(host, write);
  }

  sending(host: ObservedHost, _to: NodeId, message: PeerMessage): void {
    this.elections.sending(host, message);
    this.#quorums.sending(host, message);
    this.#promises.sending(host, message, this.views.of(host));
  }

  answered(host: ObservedHost, requestId: string, outcome: CommandOutcome): void {
    this.#reference?.answered(host, requestId, outcome);
  }

  settled(host: ObservedHost, status: LoopStatus): void {
    const { loop } = host;
    if (loop === undefined) return;
    const before = this.#seen.get(host.id);
    this.#seen.set(host.id, { loop, status });
    if (before !== undefined && before.loop === loop && unmoved(before.status, status)) return;
    this.elections.settled(host, status);
    this.#quorums.settled(host, status, this.views.of(host), this.#committed?.lastIndex ?? 0);
    this.#committed?.settled(host, status, this.views.of(host));
    this.#reference?.settled(host, status);
  }
}

function unmoved(a: LoopStatus, b: LoopStatus): boolean {
  return a.role === b.role && a.term === b.term && a.commitIndex === b.commitIndex && a.appliedIndex === b.appliedIndex;
}
