/** Where a test may put a defect between a loop and its world. A world without one runs the plain code. */
import type { LoopInput } from '@n3x/core/loop/input';
import type { LoopOptions } from '@n3x/core/loop/options';
import type { Ports } from '@n3x/core/ports/ports';
import type { StoredState } from '@n3x/core/ports/storage';
import type { ObservedHost } from './observer.ts';

/** A defect, planted. */
export interface Tampering {
  /** Wraps the ports of a loop that is about to be made; `deliver` hands the loop an input later, as the world does. */
  ports?(host: ObservedHost, ports: Ports, deliver: (input: LoopInput) => void): Ports;
  /** What a daemon reads at its start instead of `stored`. */
  stored?(host: ObservedHost, stored: StoredState): StoredState;
  /** What the loop is told instead of `input`. */
  input?(host: ObservedHost, input: LoopInput): readonly LoopInput[];
  options?(options: LoopOptions): LoopOptions;
}
