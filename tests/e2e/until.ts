/** Waiting for a condition. */

/** Least and most time between two looks, in ms. In between, as long as a look takes: waiting leaves time for what is waited for. */
const [PAUSE_MIN_MS, PAUSE_MAX_MS] = [25, 500];

/** Thrown by a check that knows that what is waited for will not come: it ends the waiting. */
export class Ended extends Error {}

/** Waits until `check` gives something; fails with `what` after `timeoutMs`. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  check: () => Promise<T | false | undefined>,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    const began = performance.now();
    try {
      const value = await check();
      if (value !== false && value !== undefined) return value;
      last = undefined;
    } catch (error) {
      if (error instanceof Ended) throw error;
      last = error;
    }
    const now = performance.now();
    if (now > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause: last });
    const pause = Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, now - began));
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
