/** A host with the cluster's state, its model driver and its memory, for tests of the reconciler. */
import { SampleCluster } from '../machine/sample.ts';
import type { Vm } from '../model/vm.ts';
import type { DriverAction } from '../ports/driver.ts';
import { Backoff } from './backoff.ts';
import type { LeaseView } from './lease.ts';
import { ModelDriver } from './model-driver.test-data.ts';
import { type Reconciliation, reconcile } from './reconcile.ts';

/** One host with the cluster's state, its model driver and its memory. */
export class Host {
  readonly cluster = new SampleCluster();
  readonly driver = new ModelDriver();
  backoff = new Backoff();
  readonly inFlight = new Map<string, DriverAction>();
  readonly log: string[] = [];
  nowMs = 1_000_000;
  lease: LeaseView = { nowMs: 0, untilMs: 1, problem: null, ended: new Set() };

  vm(name = 'web'): Vm {
    const vm = this.cluster.state.vm(name);
    if (vm === undefined) throw new Error(`${name} is missing`);
    return vm;
  }

  run(name = 'web', changes: Parameters<SampleCluster['create']>[1] = {}): void {
    this.cluster.create(name, changes);
    const result = this.cluster.assign(name);
    if (!result.ok) throw new Error(result.error.message);
  }

  /** Looks without acting. */
  look(): Reconciliation {
    const { state } = this.cluster;
    const observed = this.driver.observe();
    this.backoff.observed(observed, this.nowMs);
    const { backoff, inFlight, nowMs, lease } = this;
    const volumes = { observed: new Map(), copies: new Map(), failure: () => undefined };
    return reconcile({ state, hostId: 1, observed, inFlight, backoff, volumes, nowMs, wallMs: nowMs, lease });
  }

  /** One round: actions are carried out at once, reports applied. Whether anything was done. */
  round(): boolean {
    const { actions, reports, removed } = this.look();
    if (reports.length > 0) this.cluster.apply({ type: 'vmReport', hostId: 1, reports: [...reports] });
    for (const command of removed) this.cluster.apply(command);
    for (const action of actions) {
      const name = 'vm' in action ? action.vm.name : action.name;
      this.log.push(`${action.type} ${name}`);
      this.backoff.ended(action, this.driver.perform(action, this.nowMs), this.nowMs);
    }
    return actions.length + reports.length + removed.length > 0;
  }

  /** Rounds until nothing is done; hands over what was. */
  settle(): string[] {
    this.log.length = 0;
    for (let i = 0; i < 50; i++) if (!this.round()) return [...this.log];
    throw new Error(`no rest: ${this.log.slice(-6).join(', ')}`);
  }
}
