/** What a load generator asks of a system: writes that are durable when they resolve, reads that are linearizable. */
export interface Adapter {
  /** Writes `value` under key number `key`. Rejects when it failed or its outcome is unknown. */
  put(key: number, value: string): Promise<void>;
  /** Reads what stands under a key that was written. */
  get(key: number): Promise<void>;
  close(): void;
}

/** Keys that are written and read. */
export const KEYS = 1_000;

/** Connections to several ends of a system, opened when needed; an end that fails is passed over for a while. */
export class Ends<Connection extends { readonly closed: boolean; close(): void }> {
  readonly #open: (end: number) => Promise<Connection>;
  readonly #idle: Connection[][];
  readonly #badUntil: number[];
  #next = 0;

  /** `count` ends, connected to with `open`. */
  constructor(count: number, open: (end: number) => Promise<Connection>) {
    this.#open = open;
    this.#idle = Array.from({ length: count }, () => []);
    this.#badUntil = new Array<number>(count).fill(0);
  }

  /** A connection for one request, from the ends in turn. `done` gives it back. */
  async take(): Promise<{ readonly connection: Connection; readonly done: (ok: boolean) => void }> {
    const end = this.#pick();
    const idle = this.#idle[end] ?? [];
    let connection = idle.pop();
    try {
      if (connection === undefined || connection.closed) connection = await this.#open(end);
    } catch (error) {
      this.#badUntil[end] = performance.now() + 500;
      throw error;
    }
    const taken = connection;
    return {
      connection: taken,
      done: (ok) => {
        if (ok && !taken.closed) idle.push(taken);
        else {
          taken.close();
          this.#badUntil[end] = performance.now() + 500;
        }
      },
    };
  }

  close(): void {
    for (const idle of this.#idle) for (const connection of idle) connection.close();
  }

  #pick(): number {
    const count = this.#idle.length;
    const now = performance.now();
    for (let i = 0; i < count; i++) {
      const end = this.#next++ % count;
      if ((this.#badUntil[end] ?? 0) <= now) return end;
    }
    return this.#next++ % count;
  }
}
