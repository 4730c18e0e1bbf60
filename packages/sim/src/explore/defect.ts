/**
 * Planted bugs for explorations: what a node would do with a defect, changed where it meets its world. The
 * explorer is believed because it finds them.
 */
import type { MemoryStorage } from '@n3x/core/raft/memory-storage';
import type { RawNode } from '@n3x/core/raft/raw-node';
import type { HardState, Message } from '@n3x/core/raft/types';

/** A defect of every node. It keeps nothing: what it does follows from the node as it is. */
export interface Defect {
  readonly name: string;
  /** One line: what a node with it does wrong. */
  readonly summary: string;
  /** The scenario that finds it soonest. */
  readonly scenario: string;
  /** What the node is told instead of a message from another node or from its storage. */
  receive?(message: Message, raw: RawNode): readonly Message[];
  /** What leaves instead of a message. */
  send?(message: Message, raw: RawNode): Message;
  /** What is on disk when it starts again. */
  restart?(disk: MemoryStorage): void;
  /** The hard state that is read when it starts again. */
  readHardState?(hardState: HardState): HardState;
  /** Whether what waits for a write leaves before the write is durable. */
  readonly sendsBeforeSync?: boolean;
  /** Whether votes are asked for before the candidate's own is durable. */
  readonly asksBeforeSync?: boolean;
}
