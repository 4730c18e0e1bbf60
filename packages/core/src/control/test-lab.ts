/** A cluster as its leader sees it, for tests of the membership rules. */
import { applyConfState } from '../machine/apply.ts';
import { SampleCluster } from '../machine/sample.ts';
import type { ClusterSettings } from '../model/cluster.ts';
import type { HostSettings } from '../model/host.ts';
import type { ConfState, NodeId } from '../raft/types.ts';
import { CONTROL_OPTIONS, type Decision, type LeaderView, type PeerView } from './decision.ts';
import { planMembership } from './membership.ts';

/** Monotonic time of every look: far enough from zero for every grace to be over. */
export const NOW = 10_000_000;
/** Grace of a new cluster, in ms. */
export const GRACE = 60_000;

/** A configuration. */
export function conf(voters: readonly number[], learners: readonly number[] = []): ConfState {
  return { voters, votersOutgoing: [], learners, learnersNext: [], autoLeave: false };
}

/** What a test says of a peer beside the usual: everything arrived, just heard from, ever since. */
export type Peers = Readonly<Record<number, Partial<PeerView>>>;

/** Silent for so long. */
export function silent(ms: number): Partial<PeerView> {
  return { lastHeardMs: NOW - ms };
}

const HEARD: PeerView = { match: 1000, lastHeardMs: NOW - 10, heardSinceMs: 0, unreachableSinceMs: null };

/** Hosts n1, n2 ... and a leader's view of them. */
export class MembershipLab {
  readonly cluster = new SampleCluster();
  confState: ConfState;

  /** `hosts` are n1 and so on with their settings; the first is that of the sample. */
  constructor(hosts: readonly Partial<HostSettings>[], confState: ConfState, settings: Partial<ClusterSettings> = {}) {
    hosts.slice(1).forEach((host, at) => {
      this.cluster.join(`n${at + 2}`, { settings: host });
    });
    const labels = hosts[0]?.labels ?? {};
    const role = hosts[0]?.role ?? 'server';
    this.cluster.apply({ type: 'hostSet', name: 'n1', role, labels });
    this.cluster.apply({ type: 'clusterSet', settings });
    this.confState = confState;
    applyConfState(this.cluster.state, this.cluster.state.index + 1, confState);
  }

  /** What the leader sees. */
  view(peers: Peers = {}, changes: Partial<LeaderView> = {}): LeaderView {
    const { voters, votersOutgoing, learners } = this.confState;
    const selfId = changes.selfId ?? 1;
    const ids: NodeId[] = [...voters, ...votersOutgoing, ...learners].filter((id) => id !== selfId);
    return {
      selfId,
      wallMs: 0,
      confState: this.confState,
      confChangePending: false,
      transferring: false,
      committed: 1000,
      leaderSinceMs: 0,
      confSinceMs: NOW,
      transferTriedMs: null,
      connected: new Set([...this.cluster.state.hosts()].map((host) => host.id)),
      peers: new Map(ids.map((id) => [id, { ...HEARD, ...peers[id] }])),
      inFlight: new Set(),
      ...changes,
    };
  }

  /** The steps decided upon, in words. */
  plan(peers: Peers = {}, changes: Partial<LeaderView> = {}): string[] {
    return planMembership(this.cluster.state, this.view(peers, changes), NOW, CONTROL_OPTIONS).map(inWords);
  }

  /** Marks a host as lost and found again. */
  flap(id: NodeId): void {
    this.cluster.apply({ type: 'hostReachable', hostId: id, reachable: false });
    this.cluster.apply({ type: 'hostReachable', hostId: id, reachable: true });
  }
}

/** A decision as text. */
export function inWords(decision: Decision): string {
  if (decision.type === 'transferLeader') return `transfer ${decision.to}`;
  if (decision.type === 'command') return decision.key;
  return decision.change.changes.map((change) => `${change.type} ${change.node}`).join(', ');
}
