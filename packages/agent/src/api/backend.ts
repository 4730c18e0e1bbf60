/**
 * What the API server needs of the daemon. The daemon implements it over its loop; API tests may stand in
 * a cluster of one in memory.
 */
import type { Duplex, Readable, Writable } from 'node:stream';
import type { FoundVmView, OrphanView } from '@n3x/core/api/adoption-routes';
import type { LocalStatus } from '@n3x/core/api/schemas';
import type { Command, CommandResult } from '@n3x/core/machine/command';
import type { ClusterState } from '@n3x/core/machine/state';
import type { HostRole } from '@n3x/core/model/host';
import type { ObjectChange } from '@n3x/core/model/object';
import type { DriverVm } from '@n3x/core/ports/driver';

/** How long a request may take and which id it carries. */
export interface RequestOptions {
  readonly requestId: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** How to join. */
export interface JoinOptions extends Omit<RequestOptions, 'requestId'> {
  /** Join what became of this host's cluster even though that cluster has a quorum. */
  readonly abandon: boolean;
}

/** A subscriber to applied changes. */
export interface ChangeListener {
  changed(changes: readonly ObjectChange[]): void;
  /** The state was replaced as a whole: what was followed must be listed again. */
  reset(index: number): void;
}

/** A VM's log, on the host that holds it. */
export interface LogOptions {
  readonly kind: 'console' | 'build';
  readonly lines: number;
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** What became of a request to clean. */
export interface Cleaned {
  readonly cleaned: OrphanView[];
  readonly failed: { readonly orphan: OrphanView; readonly message: string }[];
}

/** What was on this host before n3x. Methods reject with `N3xError`. */
export interface HostAdoption {
  /** MicroVMs that n3x does not manage. */
  found(): Promise<FoundVmView[]>;
  /** One that can be adopted: what it is built from, its process, what it needs. */
  adoptable(name: string): Promise<{ flake: string; pid: number | null; vcpu: number; memoryMib: number }>;
  /** What is left of microVMs that are gone; `interfaces` are those that VMs of this host have. */
  orphans(interfaces: ReadonlySet<string>): Promise<OrphanView[]>;
  /** Takes away what is left: what n3x made, or all of it. */
  clean(interfaces: ReadonlySet<string>, all: boolean): Promise<Cleaned>;
  /** Begins to manage it as `vm`; its process is not touched. Done already: no change. */
  adopt(vm: DriverVm): Promise<void>;
  /** Manages a VM no more; its process runs on. */
  release(name: string, uid: string): Promise<void>;
}

/** The daemon as the API server sees it. Methods reject with `N3xError`. */
export interface ApiBackend {
  local(): LocalStatus;
  /** The applied state of this host; null before it belongs to a cluster. Never mutate it. */
  state(): ClusterState | null;
  /** Waits until the state holds everything committed when this was called; gives the index. */
  readBarrier(options: Omit<RequestOptions, 'requestId'>): Promise<number>;
  /** Makes a command take effect once and gives its successful result; a refused one rejects with its error. */
  command(command: Command, options: RequestOptions): Promise<CommandResult & { ok: true }>;
  /** Changes after `from` that are still kept, or null when `from` is older than that. */
  changesSince(from: number): readonly ObjectChange[] | null;
  subscribe(listener: ChangeListener): () => void;
  init(clusterName: string): Promise<{ clusterId: string; hostId: number }>;
  join(token: string, options: JoinOptions): Promise<{ clusterId: string; hostId: number }>;
  leave(host: string | undefined, options: RequestOptions): Promise<{ changed: boolean; index: number }>;
  /** Makes a token: the text is shown once and stored nowhere. */
  createToken(
    request: { role?: HostRole; ttlSeconds: number },
    options: RequestOptions,
  ): Promise<{ token: string; id: string; expiresAtMs: number }>;
  /** Log of a VM that this host holds; `N3X_NOT_FOUND` when there is none yet. */
  vmLog(name: string, options: LogOptions): Promise<Readable>;
  /** Console of a VM that this host holds. `input` is null where the console can only be read. */
  vmConsole(name: string, signal: AbortSignal): Promise<{ output: Readable; input: Writable | null }>;
  readonly adoption: HostAdoption;
  /** A raw byte stream to the API server of another member, for what only that host can answer. */
  tunnel(hostId: number): Promise<Duplex>;
}
