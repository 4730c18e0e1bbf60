/** Counts the VMs that get a host, as the change stream of one host tells it. */
import { type ClientRequest, request } from 'node:http';
import { createInterface } from 'node:readline';

interface EventLine {
  readonly object?: { readonly about?: { readonly name?: string }; readonly reason?: string };
}

/** VMs that were given a host since this was made. */
export class Assigned {
  readonly #names = new Set<string>();
  readonly #request: ClientRequest;
  #wanted = Number.POSITIVE_INFINITY;
  #reached: (() => void) | undefined;

  private constructor(socketPath: string, opened: () => void, failed: (error: Error) => void) {
    this.#request = request({ socketPath, path: '/v1/watch?kinds=event' }, (response) => {
      opened();
      const lines = createInterface({ input: response });
      lines.on('line', (line) => this.#take(JSON.parse(line) as EventLine));
      // It ends when this is closed; a stream that ends before leaves the count short, and whoever waits waiting.
      lines.on('error', () => undefined);
    });
    this.#request.on('error', failed);
    this.#request.end();
  }

  /** Begins to count on the host behind `socket`. */
  static async open(socket: string): Promise<Assigned> {
    return new Promise((resolve, reject) => {
      const counter: Assigned = new Assigned(socket, () => resolve(counter), reject);
    });
  }

  /** Resolves once so many VMs have a host. */
  reaches(count: number): Promise<void> {
    this.#wanted = count;
    return new Promise((resolve) => {
      this.#reached = resolve;
      this.#look();
    });
  }

  close(): void {
    this.#request.removeAllListeners('error');
    this.#request.on('error', () => undefined);
    this.#request.destroy();
  }

  #take({ object }: EventLine): void {
    if (object?.reason !== 'Assigned' || object.about?.name === undefined) return;
    this.#names.add(object.about.name);
    this.#look();
  }

  #look(): void {
    if (this.#names.size >= this.#wanted) this.#reached?.();
  }
}
