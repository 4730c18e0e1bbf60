/** What one node of an exploration can be told, and how that reads. */
import { confChange, parseChanges } from '@n3x/core/raft/confchange/describe';
import { describeMessage } from '@n3x/core/raft/describe';
import type { ConfChange, Message, NodeId } from '@n3x/core/raft/types';

/** One input of one node. Everything that happens to a node is one of these. */
export type NodeInput =
  | { readonly type: 'message'; readonly message: Message }
  /** Its election timeout passes. */
  | { readonly type: 'election' }
  /** Its heartbeat interval passes. */
  | { readonly type: 'beat' }
  | { readonly type: 'propose'; readonly data: string }
  /** As {@link Scenario.changes} has it. */
  | { readonly type: 'change'; readonly change: string }
  | { readonly type: 'read'; readonly context: string }
  /** Its oldest write is durable. */
  | { readonly type: 'store' }
  /** It crashes, loses what is not durable, and starts again. */
  | { readonly type: 'crash' }
  /** It compacts its log up to what it has applied. */
  | { readonly type: 'compact' }
  /** It is told that a message to `peer` was lost. */
  | { readonly type: 'unreachable'; readonly peer: NodeId }
  /** It is told that a snapshot to `peer` was lost. */
  | { readonly type: 'snapshotLost'; readonly peer: NodeId }
  | { readonly type: 'transfer'; readonly to: NodeId };

/** An input that is no message. */
export type OwnInput = Exclude<NodeInput, { readonly type: 'message' }>;

/** One step of an exploration: an input of one node, and what it does to the messages under way. */
export interface Step {
  readonly node: NodeId;
  readonly input: NodeInput;
  /** Of a message: whether it stays under way. */
  readonly keep: boolean;
  /** The message that was lost, for a loss that is noticed. */
  readonly lost: Message | null;
}

/** A step in one line. */
export function describeStep({ node, input, keep, lost }: Step): string {
  if (lost !== null) return `${node} learns of the loss of ${describeMessage(lost)}`;
  switch (input.type) {
    case 'message':
      return `${node} receives ${describeMessage(input.message)}${keep ? ' (which stays under way)' : ''}`;
    case 'election':
      return `${node} reaches its election timeout`;
    case 'beat':
      return `${node} reaches its heartbeat interval`;
    case 'propose':
      return `${node} proposes ${input.data}`;
    case 'change':
      return `${node} proposes the change '${input.change}'`;
    case 'read':
      return `${node} reads ${input.context}`;
    case 'store':
      return `${node} has its oldest write on disk`;
    case 'crash':
      return `${node} crashes and starts again with what is on disk`;
    case 'compact':
      return `${node} compacts its log`;
    case 'transfer':
      return `${node} is to hand over to ${input.to}`;
    case 'unreachable':
    case 'snapshotLost':
      return `${node} learns of a loss to ${input.peer}`;
  }
}

/** Reads a change of {@link Scenario.changes}. */
export function changeOf(text: string): ConfChange {
  const words = text.split(' ').filter((word) => word !== '');
  const transition = words.find((word) => word === 'explicit' || word === 'implicit');
  return confChange(parseChanges(words.filter((word) => word !== transition).join(' ')), transition ?? 'auto');
}
