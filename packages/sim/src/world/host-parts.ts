/** What a simulated host is made of. */
import type { N3xError } from '@n3x/core/base/errors';
import type { Random } from '@n3x/core/base/random';
import type { VolumeRequest } from '@n3x/core/host/volume-serving';
import type { LoopOptions } from '@n3x/core/loop/options';
import type { FormatRange } from '@n3x/core/machine/format-range';
import type { StateCodec } from '@n3x/core/machine/state-codec';
import type { HostSettings } from '@n3x/core/model/host';
import type { NodeId } from '@n3x/core/raft/types';
import type { DiskLatency } from './disk.ts';
import type { SimNetwork } from './network.ts';
import type { Violation, WorldObserver } from './observer.ts';
import type { DriverProfile } from './simulated-driver.ts';
import type { Source } from './simulated-volumes.ts';
import type { Tampering } from './tampering.ts';
import type { Timeline } from './timeline.ts';

/** What of a loop's options differs from run to run. */
export type HostLoopOptions = Pick<LoopOptions, 'compactAfterEntries' | 'keepEntries' | 'lagEntries'> &
  Partial<Pick<LoopOptions, 'electionTicks' | 'heartbeatTicks' | 'reads'>>;

/** What a `Host` is made of. */
export interface HostParts<Host> {
  readonly name: string;
  readonly timeline: Timeline;
  readonly network: SimNetwork;
  readonly random: Random;
  /** Reads and writes records and entries for all hosts of the world. */
  readonly stateCodec: StateCodec;
  readonly observer: WorldObserver;
  readonly loop: HostLoopOptions;
  readonly latency: DiskLatency;
  readonly driver: DriverProfile;
  readonly tampering: Tampering;
  /** Formats of commands that its first build reads. */
  readonly formats: FormatRange;
  readonly settings: HostSettings;
  /** Called when a rule is found broken. */
  readonly onViolation: (violation: Violation) => void;
  /** What this machine finds of a volume of another one. */
  readonly readVolume: (reader: Host, sourceId: NodeId, request: VolumeRequest) => Source;
  /** Called when the daemon will not run before somebody has done something about `error`. */
  readonly onRefused: (host: Host, error: N3xError) => void;
}
