/** The addresses that VMs get, against the plainest description of who should get which. */
import fc from 'fast-check';
import t from 'tap';
import { allocatedTexts } from '../model/allocated-texts.ts';
import { networkSpecSchema } from '../model/network.ts';
import { SampleCluster } from './sample.ts';
import { ClusterState } from './state.ts';

/** 10.0.0.1 to 10.0.0.14, without the gateway and what is excluded. */
const SPEC = networkSpecSchema.parse({
  ipv4: { subnet: '10.0.0.0/28', gateway: '10.0.0.1', exclude: ['10.0.0.4-10.0.0.5', '10.0.0.12'] },
});
const FREE = [2, 3, 6, 7, 8, 9, 10, 11, 13, 14].map((last) => `10.0.0.${last}`);

type Step =
  | { readonly type: 'create'; readonly vm: number; readonly ask: number | undefined }
  | { readonly type: 'delete'; readonly vm: number }
  | { readonly type: 'holdEnd'; readonly count: number };

/** All there is to know, as lists. */
class Model {
  readonly used = new Map<string, string>();
  /** Oldest first. */
  released: { readonly address: string; held: boolean }[] = [];
  readonly everGiven = new Set<string>();

  give(vm: string, ask: string | undefined): string | undefined {
    const address = ask === undefined ? this.#next() : this.#asked(ask);
    if (address === undefined) return undefined;
    this.released = this.released.filter((one) => one.address !== address);
    this.everGiven.add(address);
    this.used.set(vm, address);
    return address;
  }

  #next(): string | undefined {
    const [oldest] = this.released;
    if (oldest !== undefined && !oldest.held) return oldest.address;
    return FREE.find((address) => !this.everGiven.has(address));
  }

  #asked(address: string): string | undefined {
    const isHeld = this.released.some((one) => one.address === address && one.held);
    return FREE.includes(address) && !isHeld && ![...this.used.values()].includes(address) ? address : undefined;
  }

  release(vm: string): void {
    const address = this.used.get(vm);
    this.used.delete(vm);
    if (address !== undefined) this.released.push({ address, held: true });
  }

  endHolds(count: number): void {
    for (const one of this.released.filter(({ held }) => held).slice(0, count)) one.held = false;
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('create' as const),
      vm: fc.nat(13),
      ask: fc.option(fc.integer({ min: 1, max: 15 }), { nil: undefined, freq: 4 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('delete' as const), vm: fc.nat(13) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('holdEnd' as const), count: fc.integer({ min: 1, max: 3 }) }) },
);

function endHolds(cluster: SampleCluster, count: number): void {
  const network = cluster.state.network('lan');
  if (network === undefined) throw new Error('it was made');
  const { createdIndex, generation, released, freed } = network;
  const through = Math.min(released, freed + count);
  if (through > freed) cluster.apply({ type: 'networkHoldEnd', name: 'lan', createdIndex, generation, through });
}

t.test('each VM gets the address that is due, also from a state that was read back', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), fc.nat(80), (steps, restoreAt) => {
      let cluster = new SampleCluster();
      cluster.apply({ type: 'networkCreate', name: 'lan', spec: SPEC });
      const model = new Model();
      for (const [position, one] of steps.entries()) {
        if (position === restoreAt) {
          const { state } = cluster;
          cluster = new SampleCluster(undefined, ClusterState.fromRecords(state.index, state.records()));
        }
        if (one.type === 'holdEnd') {
          model.endHolds(one.count);
          endHolds(cluster, one.count);
          continue;
        }
        const name = `v${one.vm}`;
        if (one.type === 'delete') {
          model.release(name);
          cluster.apply({ type: 'vmDelete', name });
          continue;
        }
        if (model.used.has(name)) continue;
        const ask = one.ask === undefined ? undefined : `10.0.0.${one.ask}`;
        const due = model.give(name, ask);
        const tap = { type: 'tap' as const, network: 'lan', ...(ask === undefined ? {} : { ipv4: ask }) };
        cluster.create(name, { source: { kind: 'inline', interfaces: [tap] } });
        const [got] = allocatedTexts(cluster.state.vm(name)?.allocation.addresses);
        if (got !== due) throw new Error(`${name} asked for ${ask} and got ${got}, due was ${due}`);
      }
    }),
    { numRuns: 300 },
  );
  t.end();
});
