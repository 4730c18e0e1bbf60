/**
 * S4 for addresses, seen from outside: from what the log gives to whom and when, in true time. Nothing here asks the code
 * that is judged.
 */
import type { ObjectChange } from '@n3x/core/model/object';
import type { Vm } from '@n3x/core/model/vm';
import { Violation } from '../world/observer.ts';

/** Names of the rules. */
export const ADDRESS_ONCE = 'S4 address-once';
export const ADDRESS_HOLD = 'S4 address-hold';

/** What is known of one address. */
interface Seen {
  /** Uid of the VM that has it; undefined when it is nobody's. */
  user: string | undefined;
  vm: string;
  /** True time, in ms, at which nobody had it any more. */
  releasedAtMs: number;
}

/** Judges who gets which address. */
export class AddressRules {
  readonly #addresses = new Map<string, Seen>();
  /** What each VM has, by its name. */
  readonly #vms = new Map<string, { readonly uid: string; readonly addresses: readonly string[] }>();
  #holdMs = 0;
  #now: () => number = () => 0;
  #grants = 0;
  #again = 0;

  /** Addresses that were given, and of these such as somebody had before. */
  get counts(): { readonly addressGrants: number; readonly addressesGivenAgain: number } {
    return { addressGrants: this.#grants, addressesGivenAgain: this.#again };
  }

  /** How long an address is held after its release; `now` is true time, both in ms. */
  expect(holdMs: number, now: () => number): void {
    this.#holdMs = holdMs;
    this.#now = now;
  }

  /** An entry was applied for the first time anywhere. */
  applied(changes: readonly ObjectChange[]): void {
    for (const { kind, name, object } of changes) {
      if (kind === 'vm') this.#changed(name, object?.kind === 'vm' ? object : undefined);
    }
  }

  #changed(name: string, vm: Vm | undefined): void {
    const before = this.#vms.get(name);
    const addresses = (vm?.allocation.addresses ?? []).flatMap(({ ipv4, ipv6 }) =>
      [ipv4, ipv6].flatMap((ip) => ip?.address ?? []),
    );
    if (before?.uid === vm?.uid && before?.addresses.join() === addresses.join()) return;
    for (const address of before?.addresses ?? []) {
      if (before?.uid === vm?.uid && addresses.includes(address)) continue;
      this.#addresses.set(address, { user: undefined, vm: name, releasedAtMs: this.#now() });
    }
    if (vm === undefined) this.#vms.delete(name);
    else this.#vms.set(name, { uid: vm.uid, addresses });
    for (const address of addresses) if (vm !== undefined) this.#given(address, vm);
  }

  #given(address: string, { name, uid }: Vm): void {
    const seen = this.#addresses.get(address);
    if (seen?.user === uid) return;
    if (seen?.user !== undefined) {
      throw new Violation(ADDRESS_ONCE, `${address} is given to ${name}, and ${seen.vm} has it`);
    }
    const heldMs = seen === undefined ? Number.POSITIVE_INFINITY : this.#now() - seen.releasedAtMs;
    if (heldMs < this.#holdMs) {
      const held = `${Math.round(heldMs)} of ${this.#holdMs} ms after ${seen?.vm} had it`;
      throw new Violation(ADDRESS_HOLD, `${address} is given to ${name} ${held}`);
    }
    this.#grants++;
    if (seen !== undefined) this.#again++;
    this.#addresses.set(address, { user: uid, vm: name, releasedAtMs: 0 });
  }
}
