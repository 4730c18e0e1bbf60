/** Why bytes from a peer were refused. */

/** Stable words for what is wrong with bytes from outside. */
export type WireErrorReason =
  /** A frame without content. */
  | 'emptyFrame'
  /** A frame that announces more than the limit. */
  | 'oversizedFrame'
  /** The stream ended inside a frame. */
  | 'truncatedFrame'
  /** Not the encoding: a wrong tag, a wrong length, bytes missing or left over. */
  | 'malformed'
  /** A value out of its range, or a list or text that is too long. */
  | 'outOfRange'
  /** A message type that does not exist or never leaves a host. */
  | 'unknownType'
  /** A message that speaks for another host than the one that sent it. */
  | 'wrongSender'
  /** A message meant for another host. */
  | 'wrongReceiver';

/** Bytes from outside that are not what they must be. The stream they came on is to be closed. */
export class WireError extends Error {
  readonly reason: WireErrorReason;

  constructor(reason: WireErrorReason, message: string) {
    super(message);
    this.name = 'WireError';
    this.reason = reason;
  }
}
