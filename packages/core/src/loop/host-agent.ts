/**
 * Runs the host's reconciler: what the cluster wants of this host against what the driver finds, into
 * driver actions and reports. It acts only while the state is known to be current, so that a host that was
 * away does nothing on the word of an old assignment.
 */
import { Backoff } from '../host/backoff.ts';
import { FencedEnds } from '../host/fenced-ends.ts';
import type { LeaseState } from '../host/lease.ts';
import { reconcile } from '../host/reconcile.ts';
import { type HostSelf, selfReport } from '../host/self-report.ts';
import type { VolumeView } from '../host/volume-gate.ts';
import { driverVm } from '../host/want.ts';
import type { ClusterState } from '../machine/state.ts';
import type { DriverAction, DriverOutcome, ObservedVm } from '../ports/driver.ts';
import type { Ports } from '../ports/ports.ts';
import type { OwnProposals } from './own-proposals.ts';

/** Ticks between two looks at what depends on time alone: back-offs and boot times. */
const LOOK_TICKS = 10;
/** VMs in one report. */
const REPORTS_PER_COMMAND = 256;

/** Times and permission of one run. */
export interface AgentRun {
  readonly nowMs: number;
  readonly wallMs: number;
  /** Whether the state was confirmed to be current. */
  readonly current: boolean;
  readonly lease: LeaseState;
}

function actionName(action: DriverAction): string {
  return action.type === 'build' || action.type === 'start' ? action.vm.name : action.name;
}

/** The reconciler of one host with its memory. */
export class HostAgent {
  readonly #hostId: number;
  readonly #ports: Pick<Ports, 'driver' | 'journal'>;
  readonly #own: OwnProposals;
  readonly #volumes: VolumeView;
  readonly #backoff = new Backoff();
  readonly #fencedEnds = new FencedEnds();
  readonly #inFlight = new Map<string, DriverAction>();
  readonly #byToken = new Map<number, DriverAction>();
  #observed: readonly ObservedVm[] | null = null;
  #info: HostSelf | null = null;
  #nextToken = 1;
  #dirty = true;
  #ticks = 0;
  #watched = '';

  constructor(hostId: number, ports: Pick<Ports, 'driver' | 'journal'>, own: OwnProposals, volumes: VolumeView) {
    this.#hostId = hostId;
    this.#ports = ports;
    this.#own = own;
    this.#volumes = volumes;
  }

  /** What the driver last found; null before its first look. */
  get found(): readonly ObservedVm[] | null {
    return this.#observed;
  }

  /** The driver looked at the host. */
  observed(vms: readonly ObservedVm[], nowMs: number, lease: LeaseState): void {
    this.#fencedEnds.observed(vms, lease);
    this.#observed = vms;
    this.#backoff.observed(vms, nowMs);
    this.#dirty = true;
  }

  /** The host learned of itself. */
  hostInfo(info: HostSelf): void {
    this.#info = info;
    this.#dirty = true;
  }

  /** The applied state changed. */
  stateChanged(): void {
    this.#dirty = true;
  }

  /** Time passed. */
  tick(): void {
    this.#ticks++;
    if (this.#ticks >= LOOK_TICKS) this.#dirty = true;
  }

  /** An action ended. */
  driverDone(token: number, outcome: DriverOutcome, nowMs: number): void {
    const action = this.#byToken.get(token);
    if (action === undefined) return;
    this.#byToken.delete(token);
    this.#inFlight.delete(actionName(action));
    this.#backoff.ended(action, outcome, nowMs);
    // What the action did was observed before it was done.
    if (this.#observed !== null) this.#backoff.observed(this.#observed, nowMs);
    const fields = { vm: actionName(action), action: action.type };
    if (outcome.ok) this.#ports.journal.log('info', 'host.actionDone', fields);
    else
      this.#ports.journal.log('warn', 'host.actionFailed', {
        ...fields,
        reason: outcome.reason,
        message: outcome.message,
      });
    this.#dirty = true;
  }

  /** Looks, acts and reports, if anything moved since the last time. */
  run(state: ClusterState, { nowMs, wallMs, current, lease }: AgentRun): void {
    if (!this.#dirty || !current || state.cluster === undefined) return;
    this.#dirty = false;
    this.#ticks = 0;
    this.#reportHost(state, nowMs);
    this.#watch(state);
    if (this.#observed === null) return;
    const { actions, reports, removed, built } = reconcile({
      state,
      hostId: this.#hostId,
      observed: this.#observed,
      inFlight: this.#inFlight,
      backoff: this.#backoff,
      volumes: this.#volumes,
      nowMs,
      wallMs,
      lease: { ...lease, ended: this.#fencedEnds.names },
    });
    for (const action of actions) this.#perform(action);
    for (let at = 0; at < reports.length; at += REPORTS_PER_COMMAND) {
      const part = reports.slice(at, at + REPORTS_PER_COMMAND);
      this.#own.offer(`vmReport/${at}`, { type: 'vmReport', hostId: this.#hostId, reports: part }, nowMs);
    }
    for (const command of removed) this.#own.offer(`vmRemoved/${command.uid}`, command, nowMs);
    for (const command of built) this.#own.offer(`vmMoveBuilt/${command.uid}`, command, nowMs);
  }

  #perform(action: DriverAction): void {
    const token = this.#nextToken++;
    this.#byToken.set(token, action);
    this.#inFlight.set(actionName(action), action);
    this.#ports.journal.log('info', 'host.action', { vm: actionName(action), action: action.type });
    this.#ports.driver.perform(token, action);
    // What it is doing now is worth a report.
    this.#dirty = true;
  }

  #reportHost(state: ClusterState, nowMs: number): void {
    const host = state.host(this.#hostId);
    const info = this.#info;
    if (host === undefined || info === null) return;
    const report = selfReport(host, info);
    if (report !== undefined) this.#own.offer('hostReport', report, nowMs);
  }

  #watch(state: ClusterState): void {
    const vms = [...state.vmsOnHost(this.#hostId)].flatMap((vm) =>
      vm.assignment === null ? [] : [{ vm: driverVm(vm, vm.assignment.epoch), power: vm.power }],
    );
    const watched = vms.map(({ vm, power }) => `${vm.uid}.${vm.epoch}.${vm.generation}.${power}`).join(' ');
    if (watched === this.#watched) return;
    this.#watched = watched;
    this.#ports.driver.watch(vms);
  }
}
