/**
 * A connection that speaks just enough HTTP/2 and gRPC for unary calls: fixed header blocks, no header
 * compression, and all that is asked in one turn of the event loop written at once. Node's own client would
 * cost several times as much, and that would be counted against the system under load.
 * Frames: RFC 9113, sections 4 and 6; header fields: RFC 7541, section 6.2.2.
 */
import { connect, type Socket } from 'node:net';

const FRAME = { data: 0, headers: 1, resetStream: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const HEADER_BYTES = 9;
/** What the other end may send before it is told that more fits: more than any run takes. */
const RECEIVE_WINDOW = 0x4000_0000;

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
}

/** The header block of a gRPC call; every text is shorter than 127 bytes. */
export function grpcHeaders(path: string): Buffer {
  return Buffer.concat([
    Buffer.from([0x83, 0x86, 0x04]),
    text(path),
    Buffer.from([0x01]),
    text('bench'),
    Buffer.from([0x0f, 0x10]),
    text('application/grpc'),
    Buffer.from([0x00]),
    text('te'),
    text('trailers'),
  ]);
}

interface Call {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  /** A message came: what fails sends trailers only. */
  answered: boolean;
}

/** One connection with any number of calls under way. */
export class Http2Connection {
  readonly #socket: Socket;
  readonly #calls = new Map<number, Call>();
  #buffer: Buffer = Buffer.alloc(0);
  #out: Buffer[] = [];
  #waiting: { readonly stream: number; readonly headers: Buffer; readonly message: Buffer }[] = [];
  #window = 65_535;
  #nextStream = 1;
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('closed')));
    // SETTINGS: no dynamic header table (1), no push (2).
    const settings = Buffer.from([0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
    this.#write(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
    this.#write(frame(FRAME.settings, 0, 0, settings));
    this.#write(frame(FRAME.windowUpdate, 0, 0, word(RECEIVE_WINDOW)));
  }

  static open(host: string, port: number): Promise<Http2Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Http2Connection(socket));
      });
    });
  }

  /** Whether it can take no more calls. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Makes a call with a framed gRPC message; resolves when it succeeded. */
  call(headers: Buffer, message: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new Error('closed'));
        return;
      }
      const stream = this.#nextStream;
      this.#nextStream += 2;
      this.#calls.set(stream, { resolve, reject, answered: false });
      this.#waiting.push({ stream, headers, message });
      this.#pump();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Sends what the other end's window has room for. */
  #pump(): void {
    for (
      let next = this.#waiting[0];
      next !== undefined && next.message.length <= this.#window;
      next = this.#waiting[0]
    ) {
      this.#waiting.shift();
      this.#window -= next.message.length;
      this.#write(frame(FRAME.headers, END_HEADERS, next.stream, next.headers));
      this.#write(frame(FRAME.data, END_STREAM, next.stream, next.message));
    }
  }

  #write(bytes: Buffer): void {
    this.#out.push(bytes);
    if (this.#out.length > 1) return;
    setImmediate(() => {
      const all = this.#out;
      this.#out = [];
      this.#socket.write(Buffer.concat(all));
    });
  }

  #take(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    let at = 0;
    while (this.#buffer.length - at >= HEADER_BYTES) {
      const length = this.#buffer.readUIntBE(at, 3);
      if (this.#buffer.length - at < HEADER_BYTES + length) break;
      const start = at + HEADER_BYTES;
      const stream = this.#buffer.readUInt32BE(at + 5) & 0x7fff_ffff;
      this.#handle(
        this.#buffer[at + 3] ?? 0,
        this.#buffer[at + 4] ?? 0,
        stream,
        this.#buffer.subarray(start, start + length),
      );
      at = start + length;
    }
    this.#buffer = this.#buffer.subarray(at);
  }

  #handle(type: number, flags: number, stream: number, payload: Buffer): void {
    switch (type) {
      case FRAME.data:
      case FRAME.headers: {
        const call = this.#calls.get(stream);
        if (call === undefined) return;
        if (type === FRAME.data && payload.length > 0) call.answered = true;
        if ((flags & END_STREAM) === 0) return;
        this.#calls.delete(stream);
        if (call.answered) call.resolve();
        else call.reject(new Error('the call failed'));
        return;
      }
      case FRAME.resetStream:
        this.#calls.get(stream)?.reject(new Error('reset'));
        this.#calls.delete(stream);
        return;
      case FRAME.settings:
        if ((flags & ACK) === 0) this.#write(frame(FRAME.settings, ACK, 0, Buffer.alloc(0)));
        return;
      case FRAME.ping:
        if ((flags & ACK) === 0) this.#write(frame(FRAME.ping, ACK, 0, Buffer.from(payload)));
        return;
      case FRAME.windowUpdate:
        if (stream === 0) this.#window += payload.readUInt32BE(0) & 0x7fff_ffff;
        this.#pump();
        return;
      case FRAME.goAway:
        this.#socket.destroy();
        return;
      default:
        return;
    }
  }

  #fail(error: Error): void {
    this.#closed = true;
    for (const call of this.#calls.values()) call.reject(error);
    this.#calls.clear();
    this.#waiting = [];
  }
}
