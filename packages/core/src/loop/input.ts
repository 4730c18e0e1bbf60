/** Everything that can happen to a loop. The daemon and the simulator feed it nothing else. */
import type { Command } from '../machine/command.ts';
import type { HostFacts, HostSettings } from '../model/host.ts';
import type { DriverOutcome, ObservedVm } from '../ports/driver.ts';
import type { FenceOutcome } from '../ports/fence.ts';
import type { StorageOutcome } from '../ports/storage.ts';
import type { ObservedCopy, ObservedVolume, VolumeOutcome } from '../ports/volumes.ts';
import type { NodeId } from '../raft/types.ts';
import type { PeerMessage } from '../wire/peer-message.ts';

/**
 * Whether what follows from `input` may rest on the time, so that `HostLoop.clock` is to be called before it.
 * `leasedReads`: whether the option `reads` is at `lease`.
 */
export function restsOnClock(input: LoopInput, leasedReads: boolean): boolean {
  if (input.type === 'tick' || input.type === 'restarting') return true;
  if (input.type !== 'received') return false;
  if (input.message.type === 'leaseRenew') return true;
  if (!leasedReads || input.message.type !== 'raft') return false;
  const { type } = input.message.message;
  return type === 'MsgHeartbeat' || type === 'MsgReadIndex';
}

/** One input. */
export type LoopInput =
  /** Time passed. `nowMs` is monotonic (boot time), `wallMs` the wall clock; one tick each `tickMs` of the options. */
  | { readonly type: 'tick'; readonly nowMs: number; readonly wallMs: number }
  /** The wake that the loop's `wakeMs` asked for. */
  | { readonly type: 'wake' }
  | { readonly type: 'received'; readonly from: NodeId; readonly message: PeerMessage }
  /** The stream to a peer opened or broke. */
  | { readonly type: 'peer'; readonly id: NodeId; readonly connected: boolean }
  | { readonly type: 'stored'; readonly token: number; readonly outcome: StorageOutcome }
  /** A client wants a command to take effect once. Answered through `ClientPort.commandDone`. */
  | {
      readonly type: 'command';
      readonly id: number;
      readonly requestId: string;
      readonly command: Command;
      /** Monotonic time by which it must be answered. */
      readonly deadlineMs: number;
    }
  /** A client wants to read what is committed now. Answered through `ClientPort.readDone`. */
  | { readonly type: 'read'; readonly id: number; readonly deadlineMs: number }
  /** The client has gone; its answer may be dropped. */
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'driverDone'; readonly token: number; readonly outcome: DriverOutcome }
  /** What the driver finds on the host: all of its VMs. */
  | { readonly type: 'observed'; readonly vms: readonly ObservedVm[] }
  | { readonly type: 'volumeDone'; readonly token: number; readonly outcome: VolumeOutcome }
  /** What is found in the pools of the host: all of its volumes, and all copies that are not volumes yet. */
  | {
      readonly type: 'volumesObserved';
      readonly volumes: readonly ObservedVolume[];
      readonly copies: readonly ObservedCopy[];
    }
  /** What the host is, at start and after a reload of its configuration. */
  | {
      readonly type: 'hostInfo';
      readonly addresses: readonly string[];
      readonly settings: HostSettings;
      readonly facts: HostFacts;
    }
  /** The dead-man's switch was to be armed for this deadline. */
  | { readonly type: 'fenceArmed'; readonly deadlineMs: number; readonly outcome: FenceOutcome }
  /** Hand over leadership, if held, ahead of a stop. */
  | { readonly type: 'handOver' }
  /** Ask for a longer lease, ahead of a stop that is to be short: `HostLoop.restartLease` says what comes of it. */
  | { readonly type: 'restarting' };
