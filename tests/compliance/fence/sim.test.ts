/** The switch of a simulated host. */
import { SeededRandom } from '@n3x/core/base/random';
import type { FenceOutcome, FencePort } from '@n3x/core/ports/fence';
import { HostClock } from '@n3x/sim/world/clock';
import { SimulatedFence } from '@n3x/sim/world/simulated-fence';
import { Timeline } from '@n3x/sim/world/timeline';
import { type FenceHost, fenceCompliance } from './suite.ts';

const STEP_MS = 10;

/** A host in virtual time, with a clock that is a little fast. */
class VirtualHost implements FenceHost {
  readonly #timeline = new Timeline();
  readonly #clock = new HostClock(this.#timeline, 5_000, 0);
  /** What runs, and whether it is fenced. */
  readonly #running = new Map<string, boolean>();
  readonly #answers: { readonly deadlineMs: number; readonly outcome: FenceOutcome }[] = [];
  readonly #fence = new SimulatedFence(this.#timeline, this.#clock, new SeededRandom(7), 0, () => {
    for (const [name, fenced] of this.#running) if (fenced) this.#running.delete(name);
  });
  #port: FencePort;

  constructor() {
    this.#clock.setRate(40_000);
    this.#port = this.#attach();
  }

  now(): number {
    return this.#clock.nowMs;
  }

  async arm(deadlineMs: number): Promise<FenceOutcome> {
    this.#port.arm(deadlineMs);
    for (;;) {
      const at = this.#answers.findIndex((answer) => answer.deadlineMs === deadlineMs);
      const [found] = at < 0 ? [] : this.#answers.splice(at, 1);
      if (found !== undefined) return found.outcome;
      this.#pass();
    }
  }

  async startVm(name: string, fenced: boolean): Promise<void> {
    if (!fenced || this.#fence.holds) this.#running.set(name, fenced);
  }

  async runs(name: string): Promise<boolean> {
    return this.#running.has(name);
  }

  async loseDaemon(how: 'killed' | 'stopped'): Promise<void> {
    if (how === 'killed') this.#fence.detach('process');
  }

  async nextDaemon(): Promise<void> {
    this.#fence.detach('process');
    this.#port = this.#attach();
  }

  async until(condition: () => Promise<boolean>): Promise<void> {
    while (!(await condition())) this.#pass();
  }

  async stop(): Promise<void> {
    // Nothing goes on by itself in virtual time.
  }

  #attach(): FencePort {
    return this.#fence.attach((deadlineMs, outcome) => void this.#answers.push({ deadlineMs, outcome }));
  }

  #pass(): void {
    this.#timeline.run(this.#timeline.nowMs + STEP_MS, () => undefined);
  }
}

fenceCompliance('simulated', async () => new VirtualHost());
