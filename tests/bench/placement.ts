/**
 * Placements per second: one pass after the other over pending VMs, each applied as the log would, in this process and on
 * one core. Deciding is measured alone and together with applying. Flat lines are expected: neither may cost more with
 * more VMs placed.
 */
import { applyConfState, applyProposal } from '@n3x/core/machine/apply';
import { COMMAND_FORMATS } from '@n3x/core/machine/command';
import { SampleCluster } from '@n3x/core/machine/sample';
import { schedule } from '@n3x/core/scheduler/schedule';
import type { Figure } from './figure.ts';
import { median, round } from './statistics.ts';

const HOSTS = [100, 1_000, 5_000];
const PLACED = [0, 10_000, 100_000];
/** Pending VMs of one pass, and how many passes count. */
const PENDING = 1_000;
const PASSES = 5;
/** Kinds of VM: they differ in size. */
const SIZES = [256, 512, 1_024, 2_048];

class Fleet {
  readonly #cluster = new SampleCluster();
  #created = 0;

  /** Hosts in ten zones, all of them members, with room for what is to come. */
  constructor(hosts: number) {
    const voters = [1];
    for (let id = 2; id <= hosts; id++) {
      this.#cluster.join(`n${id}`, {
        settings: { role: 'agent', labels: { zone: `z${id % 10}` } },
        facts: { vcpu: 100_000, memoryMib: 64 * 1_048_576 },
      });
      voters.push(id);
    }
    const { state } = this.#cluster;
    const confState = { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    applyConfState(state, state.index + 1, confState);
  }

  pending(count: number): void {
    for (let i = 0; i < count; i++) {
      const number = this.#created++;
      this.#cluster.create(`v${number}`, {
        memoryMib: SIZES[number % SIZES.length] ?? 512,
        labels: { app: `a${number % 500}` },
        placement: { spread: [{ label: `app=a${number % 4}`, per: 'host', weight: 10 }] },
        source: { kind: 'inline' },
      });
    }
  }

  /** One pass; ms for deciding, and for deciding and applying. */
  pass(): { decided: number; both: number; count: number } {
    const { state } = this.#cluster;
    const start = process.cpuUsage();
    const commands = schedule(state, 1);
    const decided = process.cpuUsage(start);
    for (const command of commands) {
      const index = state.index + 1;
      const proposal = { format: COMMAND_FORMATS[1], requestId: `p${index}`, atMs: index, command };
      const outcome = applyProposal(state, { index, term: 1 }, proposal);
      if (outcome.type !== 'applied' || !outcome.result.ok) throw new Error('a placement was refused');
    }
    const both = process.cpuUsage(start);
    const ms = ({ user, system }: NodeJS.CpuUsage) => (user + system) / 1_000;
    return { decided: ms(decided), both: ms(both), count: commands.length };
  }

  /** Places whatever waits. */
  settle(): void {
    while (this.pass().count > 0);
  }
}

/** Placements per second at each number of hosts and of VMs that are there already. */
export function benchPlacement(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const hosts of HOSTS) {
    const fleet = new Fleet(hosts);
    let there = 0;
    // What runs first would pay for the compiler.
    const warmUp = new Fleet(hosts);
    for (let i = 0; i < 3; i++) {
      warmUp.pending(PENDING);
      warmUp.settle();
    }
    for (const placed of PLACED) {
      for (; there < placed; there += PENDING) {
        fleet.pending(PENDING);
        fleet.settle();
      }
      const decided: number[] = [];
      const both: number[] = [];
      for (let i = 0; i < PASSES; i++, there += PENDING) {
        fleet.pending(PENDING);
        const pass = fleet.pass();
        if (pass.count !== PENDING) throw new Error(`${pass.count} of ${PENDING} VMs were placed`);
        decided.push(pass.count / (pass.decided / 1_000));
        both.push(pass.count / (pass.both / 1_000));
      }
      const where = `${hosts} hosts, ${placed} VMs placed`;
      const aim = hosts === 5_000 && placed === 100_000 ? { aim: 'at least 20000' } : {};
      figures.push({ name: `${where}: placements decided`, value: round(median(decided), 0), unit: '1/s', ...aim });
      figures.push({ name: `${where}: decided and applied`, value: round(median(both), 0), unit: '1/s', ...aim });
    }
  }
  return Promise.resolve(figures);
}
