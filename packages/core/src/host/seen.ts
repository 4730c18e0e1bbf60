/** What a host says of a VM. */
import type { Halt } from '../model/health.ts';
import type { VmStatus } from '../model/vm.ts';

/** The part of a status that the host decides. */
export interface Seen {
  readonly phase: VmStatus['phase'];
  readonly reason: string;
  readonly message: string;
  /** Set when it is not started any more. */
  readonly halt?: Halt;
}
