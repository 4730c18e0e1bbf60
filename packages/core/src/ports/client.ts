/** Answers to the clients of one host, and the news it gives them. */
import type { CommandResult } from '../machine/command.ts';
import type { ObjectChange } from '../model/object.ts';

/** Why a client got no result. */
export type ClientFailure = {
  readonly code: 'noQuorum' | 'timeout' | 'overloaded' | 'stopped';
  /** `none`: it had no effect and will have none. `unknown`: it may still take effect; a retry with its request id is safe. */
  readonly outcome: 'none' | 'unknown';
};

/** How a client's command ended. */
export type CommandOutcome =
  | { readonly type: 'result'; readonly result: CommandResult }
  | { readonly type: 'failure'; readonly failure: ClientFailure };

/** How a client's read ended: the state now holds everything up to `index`. */
export type ReadOutcome =
  | { readonly type: 'ready'; readonly index: number }
  | { readonly type: 'failure'; readonly failure: ClientFailure };

/** What the shell does for clients. */
export interface ClientPort {
  /** Called once for each `command` input. */
  commandDone(id: number, outcome: CommandOutcome): void;
  /** Called once for each `read` input. */
  readDone(id: number, outcome: ReadOutcome): void;
  /** Called after each applied batch, in index order. */
  changed(changes: readonly ObjectChange[]): void;
  /** The whole state was replaced by a snapshot: what was watched must be listed again. */
  reset(index: number): void;
}
