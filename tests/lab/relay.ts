/**
 * A relay between the daemons of a lab: each announces the relay's port instead of its own, so that every connection
 * between two of them goes through here, where each direction of each pair can be cut or slowed.
 *
 * A cut holds bytes back rather than losing them, as TCP does: what was sent before or during a cut arrives once it is
 * healed, late, unless an end has given up meanwhile. That a connection has ended is held back too.
 */
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { ownerOf } from './socket-owner.ts';

/** Most bytes of one direction of one connection that wait here; then its sender has to. */
const HELD_BYTES_MAX = 4 * 1_048_576;

/** One direction between two hosts. */
interface Way {
  open: boolean;
  /** How much later bytes arrive, in ms. */
  delayMs: number;
  readonly flows: Set<Flow>;
}

/** One direction of one connection. */
class Flow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #way: Way;
  #held: { readonly chunk: Buffer; readonly dueMs: number }[] = [];
  #heldBytes = 0;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, way: Way) {
    this.#from = from;
    this.#to = to;
    this.#way = way;
    way.flows.add(this);
    from.on('data', (chunk: Buffer) => {
      this.#held.push({ chunk, dueMs: performance.now() + way.delayMs });
      this.#heldBytes += chunk.length;
      if (this.#heldBytes > HELD_BYTES_MAX) from.pause();
      this.pass();
    });
    to.on('drain', () => this.pass());
    from.on('close', () => {
      this.#ended = true;
      this.pass();
    });
    // A reset is an end: what comes next is 'close'.
    from.on('error', () => undefined);
  }

  /** Hands on what is due, if the way is open. */
  pass(): void {
    clearTimeout(this.#timer);
    while (this.#way.open && !this.#to.writableNeedDrain) {
      const [first] = this.#held;
      if (first === undefined) {
        if (this.#ended) this.end();
        return;
      }
      const early = first.dueMs - performance.now();
      if (early > 0) {
        this.#timer = setTimeout(() => this.pass(), early);
        return;
      }
      this.#held.shift();
      this.#heldBytes -= first.chunk.length;
      if (!this.#to.destroyed) this.#to.write(first.chunk);
      if (this.#heldBytes <= HELD_BYTES_MAX) this.#from.resume();
    }
  }

  /** Ends it, whatever is held. */
  end(): void {
    clearTimeout(this.#timer);
    this.#way.flows.delete(this);
    this.#held = [];
    this.#from.destroy();
    this.#to.destroySoon();
  }
}

/** The relay of a lab. */
export class Relay {
  readonly #servers: Server[] = [];
  readonly #ways = new Map<string, Way>();
  /** Pid of each host's daemon now. */
  readonly #pidOf: (host: string) => number;
  readonly #hosts: string[] = [];
  #relayed = 0;
  #refused = 0;

  constructor(pidOf: (host: string) => number) {
    this.#pidOf = pidOf;
  }

  /** Number of connections that were taken, and of those whose dialler is no daemon of the lab. */
  get counts(): { readonly relayed: number; readonly refused: number } {
    return { relayed: this.#relayed, refused: this.#refused };
  }

  /** Begins to take connections for `host`, which listens on `port`. Resolves with the port to announce. */
  async serve(host: string, port: number): Promise<number> {
    this.#hosts.push(host);
    // Nothing is read before it is known who dials, and nobody waits for an end that may have to be held back.
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: false }, (socket) => {
      socket.on('error', () => undefined);
      void this.#take(host, port, socket);
    });
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    return address.port;
  }

  /** Cuts or opens the way from one host to another; the way back is another way. */
  setOpen(from: string, to: string, open: boolean): void {
    const way = this.#way(from, to);
    way.open = open;
    if (open) for (const flow of [...way.flows]) flow.pass();
  }

  /** Makes bytes from one host to another arrive so many ms later. Those on their way keep their time. */
  setDelay(from: string, to: string, delayMs: number): void {
    this.#way(from, to).delayMs = delayMs;
  }

  /** Opens every way and takes the delays away. */
  heal(): void {
    for (const from of this.#hosts) {
      for (const to of this.#hosts) {
        if (from === to) continue;
        this.setDelay(from, to, 0);
        this.setOpen(from, to, true);
      }
    }
  }

  /** Ends every connection and listens no more. */
  close(): void {
    for (const server of this.#servers) server.close();
    for (const way of this.#ways.values()) for (const flow of [...way.flows]) flow.end();
  }

  #way(from: string, to: string): Way {
    const key = `${from} ${to}`;
    let way = this.#ways.get(key);
    if (way === undefined) {
      way = { open: true, delayMs: 0, flows: new Set() };
      this.#ways.set(key, way);
    }
    return way;
  }

  async #take(host: string, port: number, socket: Socket): Promise<void> {
    const pids = new Map(this.#hosts.filter((name) => name !== host).map((name) => [this.#pidOf(name), name]));
    const owner = await ownerOf(socket.remotePort ?? 0, socket.localPort ?? 0, [...pids.keys()]);
    const from = owner === undefined ? undefined : pids.get(owner);
    if (from === undefined || socket.destroyed) {
      this.#refused += 1;
      socket.destroy();
      return;
    }
    this.#relayed += 1;
    const target = dial({ host: '127.0.0.1', port });
    new Flow(socket, target, this.#way(from, host));
    new Flow(target, socket, this.#way(host, from));
    socket.resume();
  }
}
