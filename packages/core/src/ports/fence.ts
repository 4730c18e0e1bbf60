/**
 * The dead-man's switch of one host. Whatever becomes of the daemon (killed, stopped, hung), once an armed deadline
 * has passed, everything that runs for a fenced VM of this host is killed. A process belongs to a fenced VM when its
 * `DriverVm` said so at its start.
 */
export interface FencePort {
  /**
   * Arms the switch anew, for `deadlineMs` on the clock that `HostLoop.clock` is told, in ms. The deadline before
   * stays in force until this one is, then only this one is. Returns at once; exactly one `fenceArmed` input with
   * the same deadline follows, and says whether it is in force, as verified and not as hoped.
   */
  arm(deadlineMs: number): void;
}

/** What became of an order to arm. */
export type FenceOutcome =
  | { readonly ok: true }
  /** `message`: one line for people. What was armed before is in force as it was. */
  | { readonly ok: false; readonly message: string };
