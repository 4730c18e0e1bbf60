/** What is taken on each host, counting what the pass under way has placed already. */
import { LabelCounts } from '../machine/label-counts.ts';
import { type Loads, Occupancy } from '../machine/occupancy.ts';
import type { ClusterState } from '../machine/state.ts';
import { hostZone } from '../model/host.ts';
import type { LabelPair } from '../model/placement.ts';
import type { Vm } from '../model/vm.ts';

/** Loads of all hosts during one pass. What it costs to place a VM does not grow with what was there before. */
export class PassLoads implements Loads {
  readonly #state: ClusterState;
  readonly #hosts = new Map<number, Occupancy>();
  readonly #zones = new Map<string, Occupancy>();
  /** Of the hosts. */
  readonly #labels = new LabelCounts();
  readonly #everywhere = new Occupancy('zone');
  readonly #placed: number[] = [];
  #lastTurn: number;

  constructor(state: ClusterState) {
    this.#state = state;
    this.#lastTurn = state.cluster?.lastTurnHostId ?? 0;
  }

  of(hostId: number): Occupancy {
    return this.#hosts.get(hostId) ?? this.#state.load(hostId);
  }

  zone(name: string): Occupancy {
    return this.#zones.get(name) ?? this.#state.indexes.zone(name);
  }

  placed(pair: LabelPair): number {
    return this.#state.indexes.placed(pair) + this.#everywhere.count(pair);
  }

  stored(hostId: number, pool: string): number {
    return this.#state.indexes.stored(hostId, pool);
  }

  /** Ids of the hosts that were given something in this pass, in the order in which they were. */
  get log(): readonly number[] {
    return this.#placed;
  }

  /** The host that took its turn last; 0 when none has. */
  get lastTurn(): number {
    return this.#lastTurn;
  }

  /** The pass puts `vm` on a host. */
  place(vm: Vm, hostId: number, takesTurn: boolean): void {
    this.reserve(vm, hostId);
    this.#everywhere.add(vm);
    if (takesTurn) this.#lastTurn = hostId;
  }

  /** Room that is to be left for `vm`, which is not there yet. */
  reserve(vm: Vm, hostId: number): void {
    const host = this.#state.host(hostId);
    if (host === undefined) return;
    let load = this.#hosts.get(hostId);
    if (load === undefined) {
      load = new Occupancy('host', this.#state.load(hostId), { counts: this.#labels, place: hostId });
      this.#hosts.set(hostId, load);
    }
    load.add(vm);
    const name = hostZone(host);
    let zone = this.#zones.get(name);
    if (zone === undefined) {
      zone = new Occupancy('zone', this.#state.indexes.zone(name));
      this.#zones.set(name, zone);
    }
    zone.add(vm);
    this.#placed.push(hostId);
  }
}
