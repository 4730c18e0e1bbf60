/**
 * The first frame in each direction of a peer stream: who speaks, for which cluster, in which version.
 * A host that refuses says why in place of its own hello and closes the stream.
 */
import { Packr } from 'msgpackr';
import type { NodeId } from '../raft/types.ts';
import { PayloadReader } from './reader.ts';
import { WireError } from './wire-error.ts';

/** Longest payload of a hello, in bytes. */
export const MAX_HELLO_BYTES = 512;

/** What a host says of itself. */
export interface Hello {
  readonly type: 'hello';
  /** `WIRE_VERSION` of the speaker. */
  readonly version: number;
  /** 32 hex digits. */
  readonly clusterId: string;
  readonly hostId: NodeId;
}

/**
 * Why a host will not speak with another. The order is the code on the wire. `superseded`: the cluster that the other
 * one names was recovered or restored, and goes on under the id that this host has.
 */
export const REFUSALS = ['version', 'wrongCluster', 'unknownMember', 'wrongHost', 'superseded'] as const;

/** Why a host will not speak with another. */
export type RefusalReason = (typeof REFUSALS)[number];

/** The answer of a host that refuses. */
export interface Refusal {
  readonly type: 'refusal';
  readonly reason: RefusalReason;
  /** Version of the one who refuses. */
  readonly version: number;
}

/** Marks the start of a peer stream, so that anything else is told apart at once. */
const MAGIC = 'n3x';

const PACKER = new Packr({ useRecords: false, moreTypes: false });

/** The bytes of a hello or a refusal. */
export function encodeHello(hello: Hello | Refusal): Uint8Array {
  return PACKER.pack(
    hello.type === 'hello'
      ? [MAGIC, hello.version, true, hello.clusterId, hello.hostId]
      : [MAGIC, hello.version, false, REFUSALS.indexOf(hello.reason)],
  );
}

/**
 * The hello or refusal in `payload`. Of another version than `version` only the version is read, for what
 * follows it may look different there. Throws {@link WireError}, and nothing else.
 */
export function decodeHello(payload: Uint8Array, version: number): Hello | Refusal {
  const reader = new PayloadReader(payload);
  const fields = reader.arrayLength(16);
  if (fields < 3 || reader.string(8) !== MAGIC) throw new WireError('malformed', 'not a hello');
  const theirs = reader.uint();
  if (theirs !== version) return { type: 'refusal', reason: 'version', version: theirs };
  if (reader.bool()) {
    if (fields !== 5) throw new WireError('malformed', `a hello has ${fields} fields`);
    const clusterId = reader.string(64);
    const hostId = reader.positive();
    reader.end();
    return { type: 'hello', version: theirs, clusterId, hostId };
  }
  if (fields !== 4) throw new WireError('malformed', `a refusal has ${fields} fields`);
  const reason = REFUSALS[reader.uint()];
  reader.end();
  if (reason === undefined) throw new WireError('outOfRange', 'a refusal without a known reason');
  return { type: 'refusal', reason, version: theirs };
}

/** A frame that asks for {@link PONG}; no message is this short. */
export const PING: Uint8Array = Uint8Array.of(1);

/** The answer to {@link PING}: everything sent before it has arrived. */
export const PONG: Uint8Array = Uint8Array.of(2);

/** Whether `payload` is the one-byte frame `which`. */
export function isControl(payload: Uint8Array, which: Uint8Array): boolean {
  return payload.length === 1 && payload[0] === which[0];
}
