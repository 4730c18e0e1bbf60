/**
 * A closed-loop load generator for HTTP over Unix sockets: as many connections as requests in flight, each
 * sending the next request when it has its answer. It speaks just enough HTTP/1.1 to cost little beside what
 * it measures.
 */
import { connect, type Socket } from 'node:net';

/** One request. */
export interface LoadRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
}

/** What a run of load gave. */
export interface LoadResult {
  readonly inFlight: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly failed: number;
  /** Latency of the successful ones in ms. */
  readonly latenciesMs: readonly number[];
  /** Times, in ms since the start, at which answers came. */
  readonly answeredAtMs: readonly number[];
}

/** How to load. */
export interface LoadOptions {
  /** Sockets, taken in turn by the connections. */
  readonly sockets: readonly string[];
  readonly inFlight: number;
  readonly durationMs: number;
  next(): LoadRequest;
}

/** One keep-alive connection, one request at a time. */
class Connection {
  readonly #socket: Socket;
  #buffer: Buffer = Buffer.alloc(0);
  #waiting: { resolve: (status: number) => void; reject: (error: Error) => void } | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('closed')));
  }

  static open(path: string): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket));
      });
    });
  }

  send(request: LoadRequest): Promise<number> {
    const body = request.body ?? '';
    const head = `${request.method} ${request.path} HTTP/1.1\r\nhost: n3x\r\n`;
    const entity =
      body === '' ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(`${head}${entity}\r\n${body}`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    const end = this.#buffer.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#buffer.toString('latin1', 0, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#buffer.length < end + 4 + length) return;
    this.#buffer = this.#buffer.subarray(end + 4 + length);
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(Number(head.slice(9, 12)));
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(error);
  }
}

/** Loads for a time and tells what came of it. A connection that breaks is opened again. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const latenciesMs: number[] = [];
  const answeredAtMs: number[] = [];
  let failed = 0;
  const startedAt = performance.now();
  const worker = async (number: number): Promise<void> => {
    const path = options.sockets[number % options.sockets.length] ?? '';
    let connection: Connection | null = null;
    while (performance.now() - startedAt < options.durationMs) {
      const sentAt = performance.now();
      try {
        connection ??= await Connection.open(path);
        const status = await connection.send(options.next());
        const now = performance.now();
        if (status >= 200 && status < 300) {
          latenciesMs.push(now - sentAt);
          answeredAtMs.push(now - startedAt);
        } else failed++;
      } catch {
        failed++;
        connection?.close();
        connection = null;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    connection?.close();
  };
  await Promise.all(Array.from({ length: options.inFlight }, (_, number) => worker(number)));
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    inFlight: options.inFlight,
    seconds,
    perSecond: latenciesMs.length / seconds,
    failed,
    latenciesMs,
    answeredAtMs,
  };
}
