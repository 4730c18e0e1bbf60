/**
 * The fault test, by hand and unattended: `node tests/lab/run.ts --rounds 50 --seed 1`. Prints a line per round, the
 * distributions at the end, and exits with 1 when a VM was ever there twice, did not come back, or was disturbed without
 * a reason. `--keep` leaves the directory with all logs, `--vms N` sets the number of VMs.
 */
import { parseArgs } from 'node:util';
import { describeError } from '@n3x/core/base/errors';
import { SeededRandom } from '@n3x/core/base/random';
import { quantile } from '../bench/statistics.ts';
import { drawRound } from './fault.ts';
import { Lab } from './lab.ts';
import { type RoundResult, runRound } from './round.ts';

/** What is promised at default settings, in ms. A machine that has much else to do may take longer, and that is told. */
const FAILOVER_MS = 10_000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    vms: { type: 'string', default: '3' },
    keep: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const random = new SeededRandom(Number(values.seed));

function say(text: string): void {
  process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}

function describe(result: RoundResult): string {
  const moves = result.moves.map(({ vm, from, to, afterMs }) => `${vm} ${from}->${to} after ${afterMs} ms`);
  const parts = [
    result.faults.join(' and '),
    ...moves,
    ...(result.restarted.length > 0 ? [`restarted in place: ${result.restarted.join(' ')}`] : []),
    ...(result.disturbed.length > 0 ? [`DISTURBED: ${result.disturbed.join(', ')}`] : []),
    ...result.twice.map((event) => `TWICE: ${JSON.stringify(event)}`),
    `well after ${result.backMs} ms`,
  ];
  return parts.join('; ');
}

function distribution(what: string, list: readonly number[]): void {
  if (list.length === 0) {
    say(`${what}: none`);
    return;
  }
  const at = [0, 0.5, 0.9, 0.99, 1].map((p) => Math.round(quantile(list, Math.min(p, 1 - 1e-9))));
  say(`${what}: ${list.length}; least ${at[0]}, median ${at[1]}, 90 % ${at[2]}, 99 % ${at[3]}, most ${at[4]} ms`);
}

say(`bringing up three hosts with ${values.vms} VMs, seed ${values.seed}`);
const lab = await Lab.start(Number(values.vms));
say(`in ${lab.cluster.directory}`);
const results: RoundResult[] = [];
let failed = false;
let interrupted = false;
process.once('SIGINT', () => {
  interrupted = true;
  say('ends after this round');
});
process.once('SIGTERM', () => {
  void lab.destroy(values.keep).then(() => process.exit(1));
});
try {
  for (let round = 1; round <= rounds && !interrupted; round++) {
    const result = await runRound(lab, drawRound(random));
    results.push(result);
    say(`round ${round}: ${describe(result)}`);
    failed ||= result.twice.length > 0 || result.disturbed.length > 0;
  }
} catch (error) {
  failed = true;
  say(`FAILED: ${describeError(error)}`);
} finally {
  const { samples, longestGapMs, gapsOver50, guestLines } = await lab.watch.summary();
  const { relayed, refused } = lab.relay.counts;
  say(`${results.length} of ${rounds} rounds; ${lab.watch.violations.length} times a VM was there twice`);
  say(
    `watcher: ${samples} looks, longest time between two ${longestGapMs.toFixed(1)} ms, ${gapsOver50} over 50 ms; ${guestLines} lines counted by guests; ${relayed} connections relayed, ${refused} refused`,
  );
  const lost = results.filter(({ hadQuorum, lostLeader }) => hadQuorum && lostLeader);
  const calm = lost.filter(({ disturbed }) => disturbed.length === 0);
  say(`the leader was lost in ${lost.length} rounds; in ${calm.length} of them no VM of another host was disturbed`);
  // With two faults the second may come when the first is half over: then the time from either says little.
  const moves = results.filter(({ faults }) => faults.length === 1).flatMap((result) => result.moves);
  const late = moves.filter(({ afterMs }) => afterMs > FAILOVER_MS);
  distribution(
    `fault to QEMU elsewhere, in rounds of one fault (${late.length} over ${FAILOVER_MS / 1000} s)`,
    moves.map(({ afterMs }) => afterMs),
  );
  distribution(
    'end of the one process to the begin of the other',
    results.flatMap((result) => result.moves.map(({ gapMs }) => gapMs)),
  );
  distribution(
    'healed to all well',
    results.map(({ backMs }) => backMs),
  );
  await lab.destroy(values.keep);
}
process.exitCode = failed ? 1 : 0;
