/** The first state of a new cluster. */
import { type ClusterSettings, DEFAULT_CLUSTER_SETTINGS } from '../model/cluster.ts';
import type { HostFacts, HostSettings } from '../model/host.ts';
import type { ConfState } from '../raft/types.ts';
import { inOrder } from './in-order.ts';
import { encodeRecord, type RecordObject, recordKey } from './record-codec.ts';

/** Raft id of the first host. */
export const FIRST_HOST_ID = 1;

/** Position of the snapshot that a new cluster starts from. */
export const BOOTSTRAP_POSITION = { index: 1, term: 1 } as const;

/** Configuration of a new cluster: its first host votes alone. */
export const BOOTSTRAP_CONF_STATE: ConfState = {
  voters: [FIRST_HOST_ID],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** What `cluster init` knows. */
export interface BootstrapOptions {
  /** 32 hex digits, drawn for this cluster. */
  readonly clusterId: string;
  readonly clusterName: string;
  /** Wall clock, ms since 1970. */
  readonly atMs: number;
  /** {@link DEFAULT_CLUSTER_SETTINGS} without it. */
  readonly settings?: ClusterSettings;
  readonly host: {
    readonly name: string;
    /** Drawn for this host. */
    readonly uid: string;
    readonly peerId: string;
    readonly addresses: readonly string[];
    readonly settings: HostSettings;
    readonly facts: HostFacts;
  };
}

/** The records of a new cluster, in key order: the snapshot at {@link BOOTSTRAP_POSITION}. */
export function bootstrapRecords(options: BootstrapOptions): (readonly [string, Uint8Array])[] {
  const { clusterId, clusterName, atMs, host } = options;
  const { index } = BOOTSTRAP_POSITION;
  const objects: RecordObject[] = [
    {
      kind: 'cluster',
      id: clusterId,
      name: clusterName,
      createdAtMs: atMs,
      modifiedIndex: index,
      nextHostId: FIRST_HOST_ID + 1,
      nextVmOrdinal: 1,
      commandFormat: host.facts.commandFormats[1],
      settings: options.settings ?? DEFAULT_CLUSTER_SETTINGS,
    },
    {
      kind: 'event',
      index,
      ordinal: 0,
      atMs,
      about: { kind: 'cluster', name: clusterName },
      severity: 'info',
      reason: 'ClusterCreated',
      message: `made on ${host.name}`,
    },
    {
      kind: 'host',
      id: FIRST_HOST_ID,
      name: host.name,
      uid: host.uid,
      generation: 1,
      modifiedIndex: index,
      createdAtMs: atMs,
      peerId: host.peerId,
      addresses: [...host.addresses],
      // Somebody must vote, and there is nobody else.
      settings: host.settings.role === 'agent' ? { ...host.settings, role: 'server' } : host.settings,
      facts: host.facts,
      membership: 'voter',
      reachable: true,
      reachableSinceMs: atMs,
    },
  ];
  return objects.map((object) => [recordKey(object), encodeRecord(inOrder(object))] as const);
}
