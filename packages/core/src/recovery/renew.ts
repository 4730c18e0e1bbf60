/**
 * Makes of a cluster's state the first state of its successor: the same objects under a new identity, with one voter. All
 * other hosts are lost until they join again; they keep their ids, and with them their VMs.
 */
import { ERROR_CODES, N3xError } from '../base/errors.ts';
import type { ClusterState } from '../machine/state.ts';
import { Transaction } from '../machine/transaction.ts';
import { type Cluster, RECOVERIES_MAX, type Recovery } from '../model/cluster.ts';
import type { Host } from '../model/host.ts';
import { restartLimits } from '../model/restart-lease.ts';
import type { Restarting } from '../model/restarting.ts';
import type { SnapshotMeta, Term } from '../raft/types.ts';

/**
 * Distance between the last index that is carried over and the first of the successor. Whatever the old cluster went on
 * to do after that index lies in between, so that none of its epochs, fencing tokens or watch positions can be
 * taken for one of the successor's. At a thousand entries a second it is eleven days' worth.
 */
export const INDEX_GAP = 1_000_000_000;

/** As {@link INDEX_GAP}, for what VMs are numbered by: MACs, vsock CIDs, interface names. */
export const VM_ORDINAL_GAP = 10_000;

/** The host that goes on as the only voter. */
export type Successor =
  /** A member, with all that is known of it. */
  | { readonly type: 'member'; readonly hostId: number }
  /** A bare host; it takes the place of the host of its name, if there is one. */
  | {
      readonly type: 'new';
      readonly host: Omit<
        Host,
        'kind' | 'id' | 'generation' | 'modifiedIndex' | 'createdAtMs' | 'membership' | 'reachable' | 'reachableSinceMs'
      >;
    };

/** How to go on. */
export interface RenewOptions {
  /** 32 hex digits, drawn for the successor. */
  readonly clusterId: string;
  readonly cause: Recovery['cause'];
  /** Wall clock, ms since 1970. */
  readonly atMs: number;
  /** The last entry that the state holds. */
  readonly lastIndex: number;
  /** Above every term that the old cluster is known to have had. */
  readonly term: Term;
  readonly successor: Successor;
  /** VMs of the successor's host that must not start by themselves, with the reason in words. */
  readonly holdBack?: ReadonlyMap<string, string>;
}

/** The first snapshot of the successor. */
export interface Renewed {
  readonly hostId: number;
  readonly meta: SnapshotMeta;
  readonly records: readonly (readonly [string, Uint8Array])[];
}

/** Turns `state` into that of the successor. Throws `N3X_REFUSED` when the state has no cluster, or not the member. */
export function renew(state: ClusterState, options: RenewOptions): Renewed {
  const { cluster } = state;
  if (cluster === undefined) throw new N3xError(ERROR_CODES.refused, 'there is no cluster in what was stored');
  const index = Math.max(state.index, options.lastIndex) + INDEX_GAP;
  state.advance(index);
  const tx = new Transaction(state, index, options.atMs);
  const own = putSuccessor(tx, cluster, options);
  const lost = loseOthers(tx, own);
  holdBack(tx, own, options.holdBack ?? new Map());
  // They name the old cluster, and who has one could be anybody by now.
  for (const token of state.tokens()) tx.deleteToken(token);
  tx.putCluster(renewedCluster(state.cluster ?? cluster, cluster.id, index, options));
  const what = options.cause === 'restored' ? 'restored from a backup' : 'recovered after the loss of its quorum';
  const without = lost.length === 0 ? '' : `; lost until they join again: ${lost.join(', ')}`;
  const message = `${what} on ${own.name}, as of index ${options.lastIndex} of cluster ${cluster.id}${without}`;
  tx.event({ kind: 'cluster', name: cluster.name }, 'ClusterRecovered', message, 'warning');
  tx.finish();
  const confState = { voters: [own.id], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  return { hostId: own.id, meta: { index, term: options.term, confState }, records: [...state.records()] };
}

function renewedCluster(cluster: Cluster, fromClusterId: string, index: number, options: RenewOptions): Cluster {
  const { clusterId, cause, atMs, lastIndex } = options;
  const recovery: Recovery = { fromClusterId, atMs, cause, lastIndex, index };
  return {
    ...cluster,
    id: clusterId,
    nextVmOrdinal: cluster.nextVmOrdinal + VM_ORDINAL_GAP,
    recoveries: [...(cluster.recoveries ?? []), recovery].slice(-RECOVERIES_MAX),
  };
}

function putSuccessor(tx: Transaction, cluster: Cluster, { successor, atMs }: RenewOptions): Host {
  const up = { membership: 'voter', reachable: true, reachableSinceMs: atMs } as const;
  if (successor.type === 'member') {
    const host = tx.state.host(successor.hostId);
    if (host === undefined) {
      throw new N3xError(ERROR_CODES.refused, 'this host had been taken out of the cluster: recover on another one');
    }
    return tx.putHost({ ...host, ...up, settings: { ...host.settings, role: votingRole(host) } });
  }
  const { host } = successor;
  const known = tx.state.hostByName(host.name);
  const id = known?.id ?? cluster.nextHostId;
  if (known === undefined) tx.putCluster({ ...cluster, nextHostId: id + 1 });
  const settings = { ...host.settings, role: votingRole(host) };
  const base = { kind: 'host', id, generation: 1, modifiedIndex: tx.index, createdAtMs: atMs } as const;
  return tx.putHost({ ...known, ...base, ...host, ...up, settings });
}

/** Somebody must vote, and there is nobody else. */
function votingRole({ settings }: Pick<Host, 'settings'>): Host['settings']['role'] {
  return settings.role === 'agent' ? 'server' : settings.role;
}

function loseOthers(tx: Transaction, own: Host): string[] {
  const lost: string[] = [];
  for (const host of [...tx.state.hosts()]) {
    if (host.id === own.id) continue;
    lost.push(host.name);
    if (host.membership === 'lost') continue;
    // Whoever was on the way out goes on being so.
    const membership = host.membership === 'leaving' ? 'leaving' : 'lost';
    const restarting = perhapsRestarting(tx, host);
    const lease = restarting === undefined ? {} : { restarting };
    tx.putHost({ ...host, ...lease, membership, reachable: false, reachableSinceMs: tx.atMs });
  }
  return lost;
}

/** It may have been promised a longer lease in what is not known of the old log. */
function perhapsRestarting(tx: Transaction, { restarting }: Host): Restarting | undefined {
  const limits = restartLimits(tx.state.cluster?.settings);
  if (limits === undefined) return restarting;
  const waitMs = Math.max(limits.waitMs, restarting?.waitMs ?? 0);
  return { index: tx.index, sinceMs: tx.atMs, holdMs: limits.holdMs, waitMs };
}

function holdBack(tx: Transaction, own: Host, reasons: ReadonlyMap<string, string>): void {
  for (const vm of [...tx.state.vmsOnHost(own.id)]) {
    const reason = reasons.get(vm.name);
    if (reason === undefined || vm.power === 'stopped' || vm.deleting) continue;
    tx.putVm({ ...vm, power: 'stopped', generation: vm.generation + 1 });
    tx.event({ kind: 'vm', name: vm.name }, 'HeldBack', reason, 'warning');
  }
}
