/** What becomes of the addresses of a VM that is gone. */
import { assert } from '../base/assert.ts';
import { allocatedTexts } from '../model/allocated-texts.ts';
import type { Network, ReleasedAddress } from '../model/network.ts';
import type { Vm } from '../model/vm.ts';

/** The entry that takes the VM away. */
interface Release {
  readonly state: { network(name: string): Network | undefined };
  readonly index: number;
  readonly atMs: number;
  putNetwork(network: Network): void;
  putReleased(released: ReleasedAddress): void;
}

/** Each goes to the end of its network's queue, and is held unless the network holds none. */
export function releaseAddresses(tx: Release, { name, allocation }: Vm): void {
  for (const allocated of allocation.addresses ?? []) {
    const network = tx.state.network(allocated.network);
    assert(network !== undefined, `network ${allocated.network} is there while VM ${name} is on it`);
    let { released } = network;
    for (const address of allocatedTexts([allocated])) {
      released += 1;
      const record = { kind: 'address', network: network.name, address, sequence: released, vm: name } as const;
      tx.putReleased({ ...record, modifiedIndex: tx.index, releasedAtMs: tx.atMs });
    }
    tx.putNetwork({ ...network, released, freed: network.spec.holdSeconds === 0 ? released : network.freed });
  }
}
