/** Limits and times of the transport. */

/** Limits and times of the transport; all times in ms. */
export interface TransportTuning {
  /** Longest frame, in bytes of payload. */
  readonly maxFrameBytes: number;
  /** Messages that may wait for one peer. */
  readonly maxQueuedMessages: number;
  /** Bytes that may wait for one peer. */
  readonly maxQueuedBytes: number;
  /** Bytes that are handed to a stream at once, if more than one frame. */
  readonly batchBytes: number;
  /** First pause between two attempts to connect; doubles up to the last. */
  readonly backoffFirstMs: number;
  readonly backoffLastMs: number;
  /** How long dialling, opening a stream and the exchange of hellos may take, together. */
  readonly openMs: number;
  /** How long a host with the higher id leaves the first dial to the other, so that one connection is made and not two. */
  readonly courtesyMs: number;
  /** Time between two looks at whether a connection is alive. */
  readonly checkMs: number;
  /** How long a peer may leave what was sent to it unconfirmed before its connection counts as dead. */
  readonly deadMs: number;
}

/** What the daemon uses. */
export const DEFAULT_TUNING: TransportTuning = {
  maxFrameBytes: 4 * 1024 * 1024,
  maxQueuedMessages: 8_192,
  maxQueuedBytes: 16 * 1024 * 1024,
  batchBytes: 256 * 1024,
  backoffFirstMs: 50,
  backoffLastMs: 2_000,
  openMs: 5_000,
  courtesyMs: 100,
  checkMs: 1_000,
  deadMs: 5_000,
};
