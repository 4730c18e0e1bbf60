/**
 * The durable form of the applied state: records by key. Keys are ASCII and sort by kind, then name:
 * `cluster`, `event/<index>.<ordinal>`, `host/<id>`, `request/<index>`, `token/<id>`, `vm/<name>`.
 */

/** A record of the applied state: key and encoded value; `null` deletes. */
export type RecordChange = readonly [key: string, value: Uint8Array | null];
