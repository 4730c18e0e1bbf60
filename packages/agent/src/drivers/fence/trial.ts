/** Whether the dead-man's switch of this host works, found out by letting one go off that nothing depends on. */
import { open } from 'node:fs/promises';
import { describeError } from '@n3x/core/base/errors';
import { childEnvironment, execDetached, signalGroup } from '../exec.ts';
import { pause } from '../microvm/console-log.ts';
import { readProcess } from '../microvm/process-identity.ts';
import { bootMs } from './boot-clock.ts';
import type { FenceDirectory } from './fence-directory.ts';
import type { DeadMansSwitch } from './switch.ts';

/** Far enough to be verified, near enough for one that the daemon cannot take back, because it was killed. */
const FAR_MS = 60_000;
const NEAR_MS = 300;
/** How long, in ms, after its deadline the trial may take to go off. */
const PATIENCE_MS = 10_000;
const POLL_MS = 20;
const MESSAGE_LENGTH = 256;

/** What the cluster is told of it. */
export interface FenceTrial {
  readonly works: boolean;
  readonly message: string;
}

/** Arms a switch far ahead, then near, and waits until it goes off; where processes are marked, until a marked one is gone. */
export async function tryFence(
  directory: FenceDirectory,
  make: (directory: FenceDirectory) => DeadMansSwitch,
): Promise<FenceTrial> {
  try {
    const trial = await directory.trial();
    const mechanism = make(trial);
    try {
      await mechanism.arm(bootMs() + FAR_MS);
      const victim = mechanism.kind === 'direct' ? await startVictim(trial) : undefined;
      try {
        await mechanism.arm(bootMs() + NEAR_MS);
        await goesOff(trial, victim);
      } finally {
        signalGroup(victim, 'SIGKILL');
      }
      return { works: true, message: mechanism.describe() };
    } finally {
      await mechanism.disarm();
      await trial.delete();
    }
  } catch (error) {
    return { works: false, message: describeError(error).slice(0, MESSAGE_LENGTH) };
  }
}

async function startVictim(trial: FenceDirectory): Promise<number | undefined> {
  await using none = await open('/dev/null', 'r+');
  const child = await execDetached(trial.gated(['sleep', '60']), {
    cwd: '/',
    env: childEnvironment(trial.environment),
    stdio: [none.fd, none.fd, none.fd],
  });
  return child.pid;
}

async function goesOff(trial: FenceDirectory, victim: number | undefined): Promise<void> {
  const end = performance.now() + NEAR_MS + PATIENCE_MS;
  const never = new AbortController().signal;
  for (;;) {
    const fired = await trial.has('fired');
    const gone = victim === undefined || (await readProcess(victim)) === undefined;
    if (fired && gone) return;
    if (performance.now() >= end) {
      throw new Error(
        fired ? 'it went off and did not kill what it should' : `it did not go off within ${PATIENCE_MS / 1000} s`,
      );
    }
    await pause(POLL_MS, never);
  }
}
