/** Those who watch a world from outside: checkers and the trace. The world tells them, and hears nothing back but violations. */

import type { HostLoop, LoopStatus } from '@n3x/core/loop/host-loop';
import type { CommandOutcome } from '@n3x/core/ports/client';
import type { DriverAction, DriverVm } from '@n3x/core/ports/driver';
import type { StorageWrite, StoredState } from '@n3x/core/ports/storage';
import type { LogIndex, NodeId, Term } from '@n3x/core/raft/types';
import type { PeerMessage } from '@n3x/core/wire/peer-message';

/** What happens to the data of a volume: a VM that starts finds it, one that runs changes it, it is copied, removed, or its copy is. */
export type VolumeEvent = 'found' | 'written' | 'copied' | 'removed' | 'discarded';

/** A host as an observer sees it. */
export interface ObservedHost {
  readonly id: NodeId;
  readonly name: string;
  /** Undefined while no daemon runs, and while it is being made. */
  readonly loop: HostLoop | undefined;
  readonly disk: {
    /** Whether a power cut now would leave the entry, or a snapshot that covers it. */
    keeps(index: LogIndex, term: Term): boolean;
  };
}

/** How the process of a VM came to begin or end. */
export type VmCourse =
  | { readonly type: 'started'; readonly vm: DriverVm; readonly restarts: number }
  /** `itself`: nobody had ordered it, or it was ordered because the guest was not well. */
  | {
      readonly type: 'ended';
      readonly uid: string;
      readonly cause: 'itself' | 'order';
      /** Null when nobody saw it. */
      readonly code: number | null;
    };

/** Anything that watches. Each part is called at the moment at which it happens. */
export interface WorldObserver {
  /** A daemon starts over `stored`; its loop does not exist yet. */
  started?(host: ObservedHost, stored: StoredState): void;
  stopped?(host: ObservedHost, kind: 'process' | 'power'): void;
  /** A host that is out of the cluster for good: nothing more will be heard of it. */
  discarded?(host: ObservedHost): void;
  /** A write was handed to the disk. */
  writing?(host: ObservedHost, write: StorageWrite): void;
  /** A message was handed to the network. */
  sending?(host: ObservedHost, to: NodeId, message: PeerMessage): void;
  /** An input was taken and all that follows from it was done; `status` is where the loop stands now. */
  settled?(host: ObservedHost, status: LoopStatus): void;
  /** The process of a VM begins or ends on this machine, whether or not a daemon runs there. */
  vm?(host: ObservedHost, uid: string, runs: boolean): void;
  /** The daemon gives its driver something to do. */
  acting?(host: ObservedHost, action: DriverAction): void;
  /** As `vm`, with what was meant by it; told before it. */
  course?(host: ObservedHost, course: VmCourse): void;
  /** A VM that starts on this machine finds this on a volume, one that runs there has written it, or a copy of it or it itself comes or goes. */
  volume?(host: ObservedHost, uid: string, event: VolumeEvent, content: number): void;
  /** A client's command was answered. */
  answered?(host: ObservedHost, requestId: string, outcome: CommandOutcome): void;
}

/** A rule does not hold. The run ends. */
export class Violation extends Error {
  /** Which rule, as `list` names it. */
  readonly rule: string;

  constructor(rule: string, message: string) {
    super(message);
    this.name = 'Violation';
    this.rule = rule;
  }
}

/** Those of `list` that want to be told of this: most are told of little, and some of it happens at every step. */
function told<K extends keyof WorldObserver>(list: readonly WorldObserver[], method: K): readonly Telling<K>[] {
  return list.filter((observer): observer is Telling<K> => observer[method] !== undefined);
}

type Telling<K extends keyof WorldObserver> = WorldObserver & Required<Pick<WorldObserver, K>>;

/** Several observers as one, told in order. */
export class Observers implements Required<WorldObserver> {
  readonly #started: readonly Telling<'started'>[];
  readonly #stopped: readonly Telling<'stopped'>[];
  readonly #discarded: readonly Telling<'discarded'>[];
  readonly #writing: readonly Telling<'writing'>[];
  readonly #sending: readonly Telling<'sending'>[];
  readonly #settled: readonly Telling<'settled'>[];
  readonly #vm: readonly Telling<'vm'>[];
  readonly #acting: readonly Telling<'acting'>[];
  readonly #course: readonly Telling<'course'>[];
  readonly #volume: readonly Telling<'volume'>[];
  readonly #answered: readonly Telling<'answered'>[];

  constructor(list: readonly WorldObserver[]) {
    this.#started = told(list, 'started');
    this.#stopped = told(list, 'stopped');
    this.#discarded = told(list, 'discarded');
    this.#writing = told(list, 'writing');
    this.#sending = told(list, 'sending');
    this.#settled = told(list, 'settled');
    this.#vm = told(list, 'vm');
    this.#acting = told(list, 'acting');
    this.#course = told(list, 'course');
    this.#volume = told(list, 'volume');
    this.#answered = told(list, 'answered');
  }

  started(host: ObservedHost, stored: StoredState): void {
    for (const observer of this.#started) observer.started(host, stored);
  }

  stopped(host: ObservedHost, kind: 'process' | 'power'): void {
    for (const observer of this.#stopped) observer.stopped(host, kind);
  }

  discarded(host: ObservedHost): void {
    for (const observer of this.#discarded) observer.discarded(host);
  }

  writing(host: ObservedHost, write: StorageWrite): void {
    for (const observer of this.#writing) observer.writing(host, write);
  }

  sending(host: ObservedHost, to: NodeId, message: PeerMessage): void {
    for (const observer of this.#sending) observer.sending(host, to, message);
  }

  settled(host: ObservedHost, status: LoopStatus): void {
    for (const observer of this.#settled) observer.settled(host, status);
  }

  vm(host: ObservedHost, uid: string, runs: boolean): void {
    for (const observer of this.#vm) observer.vm(host, uid, runs);
  }

  acting(host: ObservedHost, action: DriverAction): void {
    for (const observer of this.#acting) observer.acting(host, action);
  }

  course(host: ObservedHost, course: VmCourse): void {
    for (const observer of this.#course) observer.course(host, course);
  }

  volume(host: ObservedHost, uid: string, event: VolumeEvent, content: number): void {
    for (const observer of this.#volume) observer.volume(host, uid, event, content);
  }

  answered(host: ObservedHost, requestId: string, outcome: CommandOutcome): void {
    for (const observer of this.#answered) observer.answered(host, requestId, outcome);
  }
}
