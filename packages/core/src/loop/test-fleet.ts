/** Hosts with drivers and a leader, without a log between: for tests of what crosses hosts. */
import { plan } from '../control/plan.ts';
import { MembershipLab, NOW } from '../control/test-lab.ts';
import { Backoff } from '../host/backoff.ts';
import { ModelDriver } from '../host/model-driver.test-data.ts';
import { reconcile } from '../host/reconcile.ts';
import type { VolumeView } from '../host/volume-gate.ts';
import type { Command, CommandResult } from '../machine/command.ts';
import { checkInvariants, checkStep } from '../machine/invariants.ts';
import { SAMPLE_START_MS, type SampleCluster } from '../machine/sample.ts';
import type { Vm, VmSpecInput } from '../model/vm.ts';
import type { ObservedVolume } from '../ports/volumes.ts';

const CONF = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

/** Three hosts with drivers, and a leader that is asked when a test says so. */
export class Fleet {
  readonly lab = new MembershipLab([{}, {}, {}], { ...CONF });
  readonly cluster: SampleCluster = this.lab.cluster;
  readonly drivers = new Map([1, 2, 3].map((id) => [id, { driver: new ModelDriver(), backoff: new Backoff() }]));
  wallMs = SAMPLE_START_MS;
  /** VMs that were seen to run on two hosts at once. */
  readonly twice: string[] = [];

  apply(command: Command): CommandResult {
    this.wallMs += 1000;
    const result = this.cluster.apply(command, { atMs: this.wallMs });
    const wrong = [
      ...checkInvariants(this.cluster.state),
      ...checkStep(this.cluster.state, this.cluster.last.objectChanges),
    ];
    if (wrong.length > 0) throw new Error(wrong.join('; '));
    return result;
  }

  vm(name = 'web'): Vm {
    const vm = this.cluster.state.vm(name);
    if (vm === undefined) throw new Error(`${name} is missing`);
    return vm;
  }

  hostOf(name = 'web'): string | undefined {
    return this.cluster.state.host(this.vm(name).assignment?.hostId ?? 0)?.name;
  }

  create(name: string, changes: Partial<VmSpecInput> = {}): void {
    this.cluster.create(name, changes);
  }

  /** The leader looks once: whether it decided anything. */
  lead(): boolean {
    const view = this.lab.view({}, { wallMs: this.wallMs });
    let did = false;
    for (const decision of plan(this.cluster.state, view, NOW)) {
      if (decision.type !== 'command') continue;
      this.apply(decision.command);
      did = true;
    }
    return did;
  }

  /** Every volume that is to be on a host is there, and the cluster knows it. */
  volumes(hostId: number): VolumeView {
    const observed = new Map<string, ObservedVolume>();
    for (const { name, uid, assignment, volumes = [] } of [...this.cluster.state.vmsOnHost(hostId)]) {
      const uids = volumes.map((volume) => volume.uid);
      for (const one of uids)
        observed.set(one, { uid: one, pool: 'default', epoch: assignment?.epoch ?? 0, usedBytes: 0 });
      if (volumes.every((volume) => volume.created)) continue;
      this.apply({ type: 'volumesCreated', hostId, name, uid, epoch: assignment?.epoch ?? 1, volumes: uids });
    }
    return { observed, copies: new Map(), failure: () => undefined };
  }

  /** One host looks once, and all that it does succeeds at once, unless its driver is told to fail. */
  host(hostId: number): boolean {
    const { state } = this.cluster;
    const own = this.drivers.get(hostId);
    if (own === undefined || state.host(hostId)?.reachable !== true) return false;
    const { driver, backoff } = own;
    const observed = driver.observe();
    backoff.observed(observed, this.wallMs);
    const lease = { nowMs: 0, untilMs: 1, problem: null, ended: new Set<string>() };
    const clocks = { nowMs: this.wallMs, wallMs: this.wallMs, lease };
    const volumes = this.volumes(hostId);
    const found = reconcile({ state, hostId, observed, inFlight: new Map(), backoff, volumes, ...clocks });
    if (found.reports.length > 0) this.apply({ type: 'vmReport', hostId, reports: [...found.reports] });
    for (const command of [...found.removed, ...found.built]) this.apply(command);
    for (const action of found.actions) {
      backoff.ended(action, driver.perform(action, this.wallMs), this.wallMs);
      driver.boot();
      this.#look();
    }
    return found.actions.length + found.reports.length + found.removed.length + found.built.length > 0;
  }

  #look(): void {
    const seen = new Set<string>();
    for (const { driver } of this.drivers.values()) {
      for (const { name, process } of driver.observe()) {
        if (process === undefined) continue;
        if (seen.has(name)) this.twice.push(name);
        seen.add(name);
      }
    }
  }

  /** Until nobody has anything to do. */
  settle(rounds = 200): void {
    for (let round = 0; round < rounds; round++) {
      let did = this.lead();
      for (const hostId of this.drivers.keys()) did = this.host(hostId) || did;
      this.wallMs += 61_000;
      if (!did) return;
    }
    throw new Error('no rest');
  }

  running(hostId: number): string[] {
    const observed = this.drivers.get(hostId)?.driver.observe() ?? [];
    return observed
      .filter(({ process }) => process !== undefined)
      .map(({ name }) => name)
      .sort();
  }

  drain(name: string, parallel = 2, mode: 'drain' | 'evacuate' = 'drain', deadlineMs?: number): CommandResult {
    const deadline = deadlineMs === undefined ? {} : { deadlineMs };
    return this.apply({ type: 'hostDrain', name, mode, parallel, ...deadline });
  }

  outcome(name: string) {
    return this.cluster.state.hostByName(name)?.drain?.outcome;
  }
}
