/** What guests count, as a witness of its own: whoever hears an old boot after a new one knows that both ran at once. */
import type { WatchEvent } from './watch-report.ts';

/** Boots of one VM. */
interface Boots {
  /** By the order in which they were first heard. */
  readonly order: string[];
  readonly toldMs: Map<string, number>;
}

/** How often, in ms, it is told that a boot counts on. */
const TELL_MS = 1_000;

/** Follows the counters of all VMs. */
export class GuestCounters {
  readonly #tell: (event: WatchEvent) => void;
  readonly #vms = new Map<string, Boots>();
  #lines = 0;

  constructor(tell: (event: WatchEvent) => void) {
    this.#tell = tell;
  }

  /** Lines that were understood. */
  get lines(): number {
    return this.#lines;
  }

  /** Takes a line, `VM BOOT NUMBER`, heard at `atMs`. What is no such line counts for nothing. */
  hear(line: string, atMs: number): void {
    const [, vm, boot, number] = /^(\S+) ([0-9a-f-]{36}) (\d+)$/.exec(line.trim()) ?? [];
    if (vm === undefined || boot === undefined) return;
    this.#lines += 1;
    let boots = this.#vms.get(vm);
    if (boots === undefined) {
      boots = { order: [], toldMs: new Map() };
      this.#vms.set(vm, boots);
    }
    const told = boots.toldMs.get(boot);
    if (told === undefined) {
      boots.order.push(boot);
      boots.toldMs.set(boot, atMs);
      this.#tell({ type: 'guest', atMs, vm, boot });
      return;
    }
    const later = boots.order.at(-1);
    if (later !== undefined && later !== boot) this.#tell({ type: 'guestTwice', atMs, vm, boot, later });
    if (atMs - told < TELL_MS) return;
    boots.toldMs.set(boot, atMs);
    this.#tell({ type: 'count', atMs, vm, boot, number: Number(number) });
  }
}
