/**
 * The memory of chunks that have gone through. Each passes through several buffers on its way, of V8's young objects that
 * hold memory outside of its heap. V8 counts that memory and, at some 30 MiB of it, collects the whole heap: tens of ms in
 * which no heartbeat is answered, several times a second. Collected among the young alone they cost one or two.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of chunks after which their memory is collected. */
const COLLECT_BYTES = 4 * 1_048_576;

let collect: ((options: { readonly type: 'minor' }) => void) | undefined;
let passedBytes = 0;

/** Notes that so many bytes have gone through, in whatever copy. */
export function passed(bytes: number): void {
  passedBytes += bytes;
  if (passedBytes < COLLECT_BYTES) return;
  passedBytes = 0;
  collect ??= youngCollector();
  collect({ type: 'minor' });
}

function youngCollector(): (options: { readonly type: 'minor' }) => void {
  // V8 hands it to contexts that are made after this, and to no others.
  setFlagsFromString('--expose-gc');
  const found: unknown = runInNewContext('gc');
  return (options) => {
    if (typeof found === 'function') Reflect.apply(found, undefined, [options]);
  };
}
