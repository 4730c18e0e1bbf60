/** The configuration of one n3xd as the daemon uses it: one name per thing, one unit per quantity. */
import { dirname, join, resolve } from 'node:path';
import type { HostSettings } from '@n3x/core/model/host';
import type { PoolSettings } from '@n3x/core/model/pool';
import { DEFAULT_POOL } from '@n3x/core/model/volume';
import type { ConfigFile } from './schema.ts';

/** The configuration of one n3xd. */
export interface AgentConfig {
  /** The file it was read from; null when none was. */
  readonly file: string | null;
  readonly name: string;
  readonly dataDir: string;
  /** Role, labels, capacity and reserve, in the form the cluster keeps. */
  readonly settings: HostSettings;
  /** Multiaddrs. Without `announce` the addresses in use are told to others. */
  readonly listen: { readonly addresses: readonly string[]; readonly announce: readonly string[] | null };
  readonly api: { readonly socket: string; readonly socketGroup: string | null };
  readonly microvm: {
    readonly stateDir: string;
    readonly gcrootsDir: string;
    readonly supervisor: 'auto' | 'systemd' | 'direct';
  };
  /** How fast copies of volumes may leave this host; 0 is as fast as they can. */
  readonly volumes: { readonly copyMibPerSecond: number };
  readonly nix: {
    readonly binary: string;
    readonly nixpkgs: string;
    readonly microvm: string;
    /** Lines for `NIX_CONFIG`. */
    readonly extraConfig: string;
    readonly buildTimeoutSeconds: number;
    readonly maxBuilds: number;
  };
  readonly raft: {
    readonly tickMs: number;
    readonly heartbeatTicks: number;
    readonly electionTicks: number;
    readonly compactAfterEntries: number;
    readonly compactAfterBytes: number;
    readonly keepEntries: number;
    readonly lagEntries: number;
    readonly lagBytes: number;
    readonly maxPendingRequests: number;
    readonly reads: 'quorum' | 'lease';
  };
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly format: 'json' | 'pretty' };
}

/**
 * Makes the daemon's form of a file. Relative paths are meant from the folder of `file`, or from `base`
 * when there is no file. `hostname` gives the name when the file gives none.
 */
export function toAgentConfig(
  read: ConfigFile,
  origin: { readonly file: string | null; readonly base: string; readonly hostname: string },
): AgentConfig {
  const base = origin.file === null ? origin.base : dirname(resolve(origin.base, origin.file));
  const { vcpu, memory } = read.overcommit;
  const place = (path: string): string => resolve(base, path);
  return {
    file: origin.file,
    name: read.name ?? nameFromHostname(origin.hostname),
    dataDir: place(read.data_dir),
    settings: {
      role: read.role,
      labels: read.labels,
      capacity: {
        ...(read.capacity.vcpu === undefined ? {} : { vcpu: read.capacity.vcpu }),
        ...(read.capacity.memory === undefined ? {} : { memoryMib: read.capacity.memory }),
      },
      reserve: { vcpu: read.reserve.vcpu, memoryMib: read.reserve.memory },
      ...(vcpu === 1 && memory === 1 ? {} : { overcommit: { vcpu, memory } }),
      pools: poolsOf(read.pools, join(place(read.microvm.state_dir), '.volumes'), place),
      ...(read.cost === 0 ? {} : { cost: read.cost }),
    },
    listen: { addresses: read.listen.addresses, announce: read.listen.announce ?? null },
    api: { socket: place(read.api.socket), socketGroup: read.api.socket_group ?? null },
    microvm: {
      stateDir: place(read.microvm.state_dir),
      gcrootsDir: place(read.microvm.gcroots_dir),
      supervisor: read.microvm.supervisor,
    },
    volumes: { copyMibPerSecond: read.volumes.copy_mib_per_second },
    nix: {
      // A bare name is looked up on PATH.
      binary: read.nix.binary.includes('/') ? place(read.nix.binary) : read.nix.binary,
      nixpkgs: read.nix.nixpkgs,
      microvm: read.nix.microvm,
      extraConfig: read.nix.extra_config,
      buildTimeoutSeconds: read.nix.build_timeout,
      maxBuilds: read.nix.max_builds,
    },
    raft: {
      tickMs: read.raft.tick_ms,
      heartbeatTicks: read.raft.heartbeat_ticks,
      electionTicks: read.raft.election_ticks,
      compactAfterEntries: read.raft.snapshot_entries,
      compactAfterBytes: read.raft.snapshot_size * 1_048_576,
      keepEntries: read.raft.keep_entries,
      lagEntries: read.raft.lag_entries,
      lagBytes: read.raft.lag_size * 1_048_576,
      maxPendingRequests: read.raft.max_pending_requests,
      reads: read.raft.reads,
    },
    log: read.log,
  };
}

/** What a pool keeps free when its table does not say: enough for the logs of a host. */
const POOL_RESERVE_MIB = 1024;

/** The pools of the file, and before them the one that every host has, unless the file speaks of that itself. */
function poolsOf(pools: ConfigFile['pools'], fallbackPath: string, place: (path: string) => string): PoolSettings[] {
  const all = pools.some(({ name }) => name === DEFAULT_POOL) ? pools : [{ name: DEFAULT_POOL }, ...pools];
  return all.map(({ name, path, capacity, reserve, overcommit }: ConfigFile['pools'][number]) => ({
    name,
    path: path === undefined ? fallbackPath : place(path),
    ...(capacity === undefined ? {} : { capacityMib: capacity }),
    reserveMib: reserve ?? POOL_RESERVE_MIB,
    ...(overcommit === undefined ? {} : { overcommit }),
  }));
}

/** The nearest valid host name: its first label, lower case, other characters as `-`; `host` when nothing is left. */
export function nameFromHostname(hostname: string): string {
  const label = (hostname.split('.')[0] ?? '').toLowerCase().replace(/[^a-z0-9-]/g, '-');
  const name = label
    .replace(/^[^a-z]+/, '')
    .slice(0, 63)
    .replace(/-+$/, '');
  return name === '' ? 'host' : name;
}
