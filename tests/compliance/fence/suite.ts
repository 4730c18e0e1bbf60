/**
 * What every dead-man's switch does, real or virtual. A world lets time pass; the suite waits for conditions, so that it
 * holds for real and for virtual time.
 */
import type { FenceOutcome } from '@n3x/core/ports/fence';
import t, { type Test } from 'tap';

/** A host with a daemon that has a fence, and with VMs. */
export interface FenceHost {
  /** The clock of deadlines, ms. */
  now(): number;
  /** Has the daemon arm its fence; resolves with the one answer. */
  arm(deadlineMs: number): Promise<FenceOutcome>;
  /** Starts a VM; `fenced` as in `DriverVm`. */
  startVm(name: string, fenced: boolean): Promise<void>;
  /** Whether anything of the VM runs. */
  runs(name: string): Promise<boolean>;
  /** The daemon does nothing more: it is killed, or stopped as by SIGSTOP. */
  loseDaemon(how: 'killed' | 'stopped'): Promise<void>;
  /** Another daemon takes the place of the one that was lost or, without a loss, ended in order. */
  nextDaemon(): Promise<void>;
  /** Lets time pass until the condition holds. */
  until(condition: () => Promise<boolean>): Promise<void>;
  /** Ends everything. */
  stop(): Promise<void>;
}

/** Longer than an implementation may take to arm, shorter than is tedious. */
const SOON_MS = 1_500;
const LATER_MS = 600_000;

/** Hosts at a time: each is by itself, and most of what happens on it is waiting for a deadline. */
const AT_ONCE = 3;

/** Runs the suite on the hosts that `make` gives. */
export function fenceCompliance(name: string, make: () => Promise<FenceHost>): void {
  t.jobs = AT_ONCE;
  const test = (what: string, body: (t: Test, host: FenceHost) => Promise<void>) =>
    t.test(`${name}: ${what}`, { buffered: true }, async (t) => {
      const host = await make();
      t.teardown(() => host.stop());
      await body(t, host);
    });

  for (const loss of ['none', 'killed', 'stopped'] as const) {
    test(`at the deadline what is fenced ends, and nothing else; daemon lost: ${loss}`, async (t, host) => {
      const deadline = host.now() + SOON_MS;
      t.same(await host.arm(deadline), { ok: true });
      await host.startVm('a', true);
      await host.startVm('b', true);
      await host.startVm('bystander', false);
      if (loss !== 'none') await host.loseDaemon(loss);
      for (const vm of ['a', 'b', 'bystander'])
        t.ok((await host.runs(vm)) || host.now() >= deadline, `${vm} runs until then`);
      await host.until(async () => !(await host.runs('a')) && !(await host.runs('b')));
      t.ok(host.now() >= deadline, 'not before');
      t.ok(await host.runs('bystander'));
    });
  }

  test('a later deadline takes the place of the one before', async (t, host) => {
    const first = host.now() + SOON_MS;
    t.same(await host.arm(first), { ok: true });
    await host.startVm('a', true);
    t.same(await host.arm(host.now() + LATER_MS), { ok: true });
    await host.loseDaemon('killed');
    await host.until(async () => host.now() > first + SOON_MS);
    t.ok(await host.runs('a'));
  });

  test('so does an earlier one', async (t, host) => {
    t.same(await host.arm(host.now() + LATER_MS), { ok: true });
    await host.startVm('a', true);
    t.same(await host.arm(host.now() + SOON_MS), { ok: true });
    await host.until(async () => !(await host.runs('a')));
    t.pass();
  });

  test('many orders in a row: the last one counts', async (t, host) => {
    const orders = Array.from({ length: 12 }, (_, at) => host.arm(host.now() + SOON_MS + at * 50));
    for (const outcome of await Promise.all(orders)) t.same(outcome, { ok: true });
    await host.startVm('a', true);
    await host.loseDaemon('stopped');
    await host.until(async () => !(await host.runs('a')));
  });

  test('the next daemon keeps what runs alive by arming in time', async (t, host) => {
    let first: number;
    let leadMs = 2 * SOON_MS;
    do {
      // On a busy machine the next daemon may take longer than that.
      first = host.now() + leadMs;
      leadMs *= 2;
      t.same(await host.arm(first), { ok: true });
      if (!(await host.runs('a'))) await host.startVm('a', true);
      await host.nextDaemon();
      t.same(await host.arm(host.now() + LATER_MS), { ok: true });
    } while (host.now() >= first);
    await host.until(async () => host.now() > first + SOON_MS);
    t.ok(await host.runs('a'));
    t.same(await host.arm(host.now() + SOON_MS), { ok: true });
    await host.until(async () => !(await host.runs('a')));
  });

  test('after it went off it can be armed anew, and what is started then is spared and fenced', async (t, host) => {
    const first = host.now() + 200;
    await host.arm(first);
    await host.startVm('a', true);
    // Long enough for whatever counted to be over and done with.
    await host.until(async () => host.now() > first + SOON_MS && !(await host.runs('a')));
    const second = host.now() + 2 * SOON_MS;
    t.same(await host.arm(second), { ok: true });
    await host.startVm('a', true);
    await host.until(async () => !(await host.runs('a')));
    t.ok(host.now() >= second);
  });

  test('what is started after the deadline does not run on', async (t, host) => {
    const deadline = host.now() + 200;
    await host.arm(deadline);
    await host.until(async () => host.now() > deadline);
    await host.startVm('late', true);
    await host.until(async () => !(await host.runs('late')));
    t.pass();
  });
}
