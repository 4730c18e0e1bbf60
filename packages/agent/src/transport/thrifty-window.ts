/**
 * yamux, as this library has it, answers every piece of data with an update of the sender's window: one more
 * frame, encrypted, written and read at the other end, for each message. Here an update waits until half of
 * the window is used up, as the protocol means it (https://github.com/hashicorp/yamux/blob/master/spec.md) and
 * other implementations do. The sender has at least the other half left, so it is never held up by this.
 */
import type { Stream } from '@libp2p/interface';

/** What of a yamux stream this looks at. */
interface WindowedStream {
  /** 3 once both sides have seen the stream open; before, updates carry the flags that open it. */
  readonly state: number;
  readonly recvWindow: number;
  readonly recvWindowCapacity: number;
  sendWindowUpdate(): void;
}

const ESTABLISHED = 3;

function isWindowed(stream: object): stream is WindowedStream {
  const numeric = ['state', 'recvWindow', 'recvWindowCapacity'] as const;
  const found: Partial<Record<string, unknown>> = Object.fromEntries(Object.entries(stream));
  return numeric.every((key) => typeof found[key] === 'number') && 'sendWindowUpdate' in stream;
}

/** Makes `stream` send window updates only when they are of use. Leaves a stream of another kind as it is. */
export function thriftyWindow(stream: Stream): void {
  if (!isWindowed(stream)) return;
  const update = stream.sendWindowUpdate.bind(stream);
  stream.sendWindowUpdate = () => {
    if (stream.state === ESTABLISHED && stream.recvWindowCapacity > stream.recvWindow / 2) return;
    update();
  };
}
