/**
 * Changes of the applied state on their way to the storage. The log holds all that they follow from, so they may
 * wait: a record that changes often is encoded and written once for many changes. What a crash takes from here is
 * applied again from the log.
 */
import type { RecordChange } from '../machine/record.ts';
import type { ObjectRecordChange, RecordObject } from '../machine/record-codec.ts';

/** Longest time, in ms, that a change waits. */
export const APPLIED_WAIT_MS = 1_000;
/** Records that may wait at once; more would hold up the round that writes them. */
export const APPLIED_RECORDS = 1_024;

/** Changes that wait. */
export class AppliedWrites {
  readonly #encode: (key: string, object: RecordObject) => Uint8Array;
  readonly #changed = new Map<string, RecordObject | null>();
  #sinceMs: number | null = null;

  /** `encode` gives the bytes of a record. */
  constructor(encode: (key: string, object: RecordObject) => Uint8Array) {
    this.#encode = encode;
  }

  /** Takes the changes of one entry, applied after all that came before. */
  add(changes: readonly ObjectRecordChange[], nowMs: number): void {
    for (const [key, object] of changes) this.#changed.set(key, object);
    this.#sinceMs ??= nowMs;
  }

  /** Whether it is time to write them. */
  due(nowMs: number): boolean {
    return (
      this.#changed.size >= APPLIED_RECORDS || (this.#sinceMs !== null && nowMs - this.#sinceMs >= APPLIED_WAIT_MS)
    );
  }

  /** Whether anything was applied since the last {@link take}. */
  get any(): boolean {
    return this.#sinceMs !== null;
  }

  /** Hands them over, encoded. */
  take(): RecordChange[] {
    const changes: RecordChange[] = [];
    for (const [key, object] of this.#changed) changes.push([key, object === null ? null : this.#encode(key, object)]);
    this.clear();
    return changes;
  }

  /** Forgets them: the state they led to has been replaced. */
  clear(): void {
    this.#changed.clear();
    this.#sinceMs = null;
  }
}
