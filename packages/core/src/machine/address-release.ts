/** What becomes of the addresses of a VM that is gone. */
import { assert } from '../base/assert.ts';
import type { Vm } from '../model/vm.ts';
import { allocatedTexts } from '../model/vm-address.ts';
import type { Transaction } from './transaction.ts';

/** Each goes to the end of its network's queue, and is held unless the network holds none. */
export function releaseAddresses(tx: Transaction, { name, allocation }: Vm): void {
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
