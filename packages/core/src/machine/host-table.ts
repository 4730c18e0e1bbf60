/** The hosts by id, by name and by peer id. */
import type { Host } from '../model/host.ts';

/** The hosts. */
export class HostTable {
  readonly #byId = new Map<number, Host>();
  readonly #idByName = new Map<string, number>();
  readonly #idByPeer = new Map<string, number>();
  #version = 0;

  /** How many there are. */
  get size(): number {
    return this.#byId.size;
  }

  /** Moves with every change. Of this object only, never replicated. */
  get version(): number {
    return this.#version;
  }

  get(id: number): Host | undefined {
    return this.#byId.get(id);
  }

  byName(name: string): Host | undefined {
    const id = this.#idByName.get(name);
    return id === undefined ? undefined : this.#byId.get(id);
  }

  byPeer(peerId: string): Host | undefined {
    const id = this.#idByPeer.get(peerId);
    return id === undefined ? undefined : this.#byId.get(id);
  }

  /** By rising id: ids rise, and a host that is replaced keeps its place. */
  all(): IterableIterator<Host> {
    return this.#byId.values();
  }

  /** Adds one, or replaces the one of its id; answers what was there. */
  put(host: Host): Host | undefined {
    const before = this.#byId.get(host.id);
    if (before !== undefined) this.#unname(before);
    this.#byId.set(host.id, host);
    this.#idByName.set(host.name, host.id);
    this.#idByPeer.set(host.peerId, host.id);
    this.#version += 1;
    return before;
  }

  /** Takes one away. */
  delete(host: Host): void {
    this.#unname(host);
    this.#byId.delete(host.id);
    this.#version += 1;
  }

  #unname(host: Host): void {
    this.#idByName.delete(host.name);
    this.#idByPeer.delete(host.peerId);
  }
}
