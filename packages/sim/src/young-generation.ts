/** The heap of programs that simulate. */
import { setFlagsFromString } from 'node:v8';

/** MiB of each half of the young generation; Node.js has 16 by itself. */
const HALF_MIB = 64;

/**
 * Gives this process a large young generation. Nearly all that a simulated moment makes is garbage a few virtual
 * seconds later: the less often it is looked through, the less of it is still there to be copied. Saves a tenth of
 * the time for some hundred MiB of memory. To be called before the first run.
 */
export function enlargeYoungGeneration(): void {
  setFlagsFromString(`--max-semi-space-size=${HALF_MIB}`);
  setFlagsFromString(`--min-semi-space-size=${HALF_MIB}`);
}
