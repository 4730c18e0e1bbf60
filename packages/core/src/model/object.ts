/** Every replicated object, told apart by `kind`. */
import type { Cluster, ClusterEvent, Token } from './cluster.ts';
import type { Host } from './host.ts';
import type { Lock } from './lock.ts';
import type { Network } from './network.ts';
import type { Project } from './project.ts';
import type { Vm } from './vm.ts';
import type { VmSet } from './vm-set.ts';
import type { StoredVolume } from './volume.ts';

/** Every replicated object that a client may list or watch. */
export type ClusterObject =
  | Cluster
  | Host
  | Vm
  | VmSet
  | Token
  | Lock
  | Network
  | Project
  | StoredVolume
  | ClusterEvent;

/** Kinds of replicated objects. */
export type ObjectKind = ClusterObject['kind'];

/** One change of one object, at one index. */
export interface ObjectChange {
  readonly index: number;
  readonly kind: ObjectKind;
  /** Name of the object; for hosts, VMs, sets, locks, networks and projects their name, for tokens their id, for volumes their uid, for events `index.ordinal`. */
  readonly name: string;
  /** The object as of `index`; null when it went. */
  readonly object: ClusterObject | null;
}
