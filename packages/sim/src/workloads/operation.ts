/** What clients do: each operation is about one object, which is what its history is checked by. */
import type { Random } from '@n3x/core/base/random';
import type { Command, CommandResult } from '@n3x/core/machine/command';
import type { ClusterState } from '@n3x/core/machine/state';
import type { ClusterSettings } from '@n3x/core/model/cluster';

/** What a client saw of a VM. Only what users decide: the rest moves by itself. */
export interface VmView {
  readonly uid: string;
  readonly vcpu: number;
  readonly power: 'running' | 'stopped';
  readonly restarts: number;
  readonly deleting: boolean;
}

/** What a read found. */
export interface ReadResult {
  readonly vm: VmView | null;
  /** Secret hash of a token. */
  readonly token: string | null;
  /** For conditional writes. */
  readonly modifiedIndex: number;
}

/** What a client asks for. */
export type Operation =
  | {
      readonly type: 'write';
      /** The object: `vm/web` or `token/00..`. */
      readonly object: string;
      readonly command: Command;
      /** What the client believes the object to be, when the write is conditional. */
      readonly expected?: VmView;
    }
  | { readonly type: 'read'; readonly object: string };

/** An operation of a workload that is given instead of drawn. Plain data. */
export interface ScriptedOperation {
  /** Ms after the end of the setting up; later if this client is still at its last one. */
  readonly atMs: number;
  readonly client: number;
  readonly requestId: string;
  readonly operation: Operation;
}

/** How an operation ended. Without a result it may have taken effect, or may yet. */
export type Answer =
  | { readonly type: 'written'; readonly result: CommandResult }
  | { readonly type: 'read'; readonly found: ReadResult }
  /** It had no effect and never will. */
  | { readonly type: 'none' };

/** What a workload draws from when it makes the next operation. */
export interface OperationSource {
  readonly random: Random;
  /** Unique in the run. */
  readonly sequence: number;
  /** What this client's last read of an object found. */
  lastRead(object: string): ReadResult | undefined;
}

/** What clients do, as data to choose from. */
export interface Workload {
  readonly name: string;
  /** One line for `list`. */
  readonly summary: string;
  readonly clients: number;
  /** Mean pause of a client between two operations, in ms. */
  readonly pauseMs: number;
  /** Hosts that join and leave while it runs. */
  readonly membership: boolean;
  /** Clients of locks beside the others. */
  readonly locks?: true;
  /** People who drain hosts and move VMs beside the clients. */
  readonly moves?: true;
  /** People who look after volumes of no VM beside the clients. */
  readonly volumeKeepers?: true;
  /** People who have microVMs of their own on hosts, and let n3x take them over and hand them back. */
  readonly adoption?: true;
  /** People who attach volumes to VMs and detach them beside the clients. */
  readonly attachers?: true;
  /** People who place VMs by hand beside the clients. */
  readonly placers?: true;
  /** Clients of a network with few addresses beside the others. */
  readonly networks?: true;
  /** People who keep sets of VMs beside the clients. */
  readonly sets?: true;
  /** How many hosts shall vote; without it as many as there are, as far as an odd number goes. */
  readonly voters?: ClusterSettings['voters'];
  /** Machines die for good while it runs, and others have to take their place. */
  readonly casualties?: true;
  next(source: OperationSource): Operation;
}

/** Reads an object from a state. */
export function readObject(state: ClusterState, object: string): ReadResult {
  const [kind, name = ''] = object.split('/');
  if (kind === 'token') {
    const token = state.token(name);
    return { vm: null, token: token?.secretHash ?? null, modifiedIndex: token?.modifiedIndex ?? 0 };
  }
  const vm = state.vm(name);
  if (vm === undefined) return { vm: null, token: null, modifiedIndex: 0 };
  const { uid, power, restarts, deleting, spec, modifiedIndex } = vm;
  return { vm: { uid, vcpu: spec.vcpu, power, restarts, deleting }, token: null, modifiedIndex };
}
