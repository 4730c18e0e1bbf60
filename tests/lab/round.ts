/** One round: faults, their end, all well again; and what became of each VM meanwhile. */
import type { Host } from '../e2e/cluster.ts';
import { until } from '../e2e/until.ts';
import { describeFault, type Fault, type Round, type Target } from './fault.ts';
import type { Lab } from './lab.ts';
import { monotonicMs, type Seen, type WatchEvent } from './watch-report.ts';

/** What became of a VM whose host was lost. */
export interface Move {
  readonly vm: string;
  readonly from: string;
  readonly to: string;
  /** From the fault to QEMU's start elsewhere, in ms. */
  readonly afterMs: number;
  /** From the end of the one process to the beginning of the other as the watcher saw both, in ms. */
  readonly gapMs: number;
}

/** What a round gave. */
export interface RoundResult {
  readonly faults: readonly string[];
  /** Whether two of three hosts went on unharmed all the time: there was always a quorum to decide what becomes of the rest. */
  readonly hadQuorum: boolean;
  /** Whether the leader was among those harmed. */
  readonly lostLeader: boolean;
  /** VMs that were started elsewhere. */
  readonly moves: readonly Move[];
  /** VMs that were started again where they were. */
  readonly restarted: readonly string[];
  /** VMs on hosts that no fault was for, and that are not the same process any more. */
  readonly disturbed: readonly string[];
  /** Two processes of a VM, or two boots of one guest, at the same time. */
  readonly twice: readonly WatchEvent[];
  /** From the healing until all was well, in ms. */
  readonly backMs: number;
}

/** A fault under way. */
interface Underway {
  readonly fault: Fault;
  readonly host: Host;
  readonly text: string;
  beganMs: number;
}

async function findHost(lab: Lab, target: Target): Promise<Host> {
  if (target === 'leader') return lab.leader();
  return target === 'busiest' ? lab.busiest() : lab.cluster.host(target);
}

/** The hosts whose VMs a fault may cost. Nobody else's may notice. */
function harmed({ fault, host }: Underway, lab: Lab, leader: Host): Host[] {
  switch (fault.kind) {
    case 'slow':
      return [];
    case 'cutPair': {
      const other = otherOf(lab, host, fault.other);
      // Who keeps the leader keeps its lease.
      return host === leader ? [other] : other === leader ? [host] : [];
    }
    case 'killDaemon':
    case 'stopDaemon':
    case 'killHost':
    case 'stopHost':
    case 'cutOff':
      return [host];
  }
}

function otherOf(lab: Lab, host: Host, after: number): Host {
  return lab.cluster.host((lab.cluster.hosts.indexOf(host) + after) % lab.cluster.hosts.length);
}

function setWays(lab: Lab, host: Host, others: readonly Host[], ways: 'both' | 'in' | 'out', open: boolean): void {
  for (const other of others) {
    if (ways !== 'in') lab.relay.setOpen(host.name, other.name, open);
    if (ways !== 'out') lab.relay.setOpen(other.name, host.name, open);
  }
}

function setDelays(lab: Lab, host: Host, delayMs: number): void {
  for (const other of lab.cluster.hosts) {
    if (other === host) continue;
    lab.relay.setDelay(host.name, other.name, delayMs);
    lab.relay.setDelay(other.name, host.name, delayMs);
  }
}

async function begin({ fault, host }: Underway, lab: Lab): Promise<void> {
  const others = lab.cluster.hosts.filter((other) => other !== host);
  switch (fault.kind) {
    case 'killDaemon':
      return lab.killDaemon(host);
    case 'stopDaemon':
      return lab.stopDaemon(host);
    case 'killHost':
      return lab.killHost(host);
    case 'stopHost':
      return lab.stopHost(host);
    case 'cutOff':
      return setWays(lab, host, others, fault.ways, false);
    case 'cutPair':
      return setWays(lab, host, [otherOf(lab, host, fault.other)], fault.ways, false);
    case 'slow':
      return setDelays(lab, host, fault.delayMs);
  }
}

async function end({ fault, host }: Underway, lab: Lab): Promise<void> {
  const others = lab.cluster.hosts.filter((other) => other !== host);
  switch (fault.kind) {
    case 'killDaemon':
    case 'stopDaemon':
    case 'killHost':
    case 'stopHost':
      return lab.restore(host);
    case 'cutOff':
      return setWays(lab, host, others, fault.ways, true);
    case 'cutPair':
      return setWays(lab, host, [otherOf(lab, host, fault.other)], fault.ways, true);
    case 'slow':
      return setDelays(lab, host, 0);
  }
}

/** How long it may take until a lost host's VMs are seen elsewhere, in ms, on a machine with much else to do. */
const MOVED_MS = 120_000;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits as long as a fault is to last. */
async function outlast({ fault, host }: Underway, lab: Lab, before: readonly Seen[]): Promise<void> {
  if (fault.forMs !== 'moved') return pause(fault.forMs);
  const lost = before.filter((seen) => lab.hostOf(seen) === host.name);
  await until(`the VMs of ${host.name} are elsewhere`, MOVED_MS, async () =>
    lost.every(({ vm }) => lab.watch.running(vm).some((seen) => lab.hostOf(seen) !== host.name)),
  );
}

function same(a: Seen, b: Seen): boolean {
  return a.pid === b.pid && a.startTicks === b.startTicks;
}

function endOf(seen: Seen, news: readonly WatchEvent[]): number | undefined {
  for (const event of news) if (event.type === 'end' && same(event, seen)) return event.atMs;
  return undefined;
}

/** When each VM that was moved was first seen elsewhere, after the first fault that was for its host. */
function movesOf(lab: Lab, before: readonly Seen[], faults: readonly Underway[], news: readonly WatchEvent[]): Move[] {
  const moves: Move[] = [];
  for (const seen of before) {
    const from = lab.hostOf(seen);
    const fault = faults.find(({ host }) => host.name === from) ?? faults[0];
    for (const event of news) {
      if (event.type !== 'begin' || event.vm !== seen.vm || event.host === seen.host) continue;
      const afterMs = Math.round(event.atMs - (fault?.beganMs ?? event.atMs));
      const gapMs = Math.round(event.atMs - (endOf(seen, news) ?? Number.NaN));
      moves.push({ vm: seen.vm, from, to: lab.hostOf(event), afterMs, gapMs });
      break;
    }
  }
  return moves;
}

/** Runs one round. Throws when not every VM is back in time. */
export async function runRound(lab: Lab, round: Round): Promise<RoundResult> {
  const { watch } = lab;
  const leader = await lab.leader();
  const before = watch.running();
  const seenBefore = watch.events.length;
  const underway: Underway[] = [];
  await Promise.all(
    round.faults.map(async ({ afterMs, fault }) => {
      await pause(afterMs);
      const host = fault.target === 'leader' && afterMs > 0 ? leader : await findHost(lab, fault.target);
      const one: Underway = { fault, host, text: describeFault(fault, host.name), beganMs: monotonicMs() };
      underway.push(one);
      await begin(one, lab);
      await outlast(one, lab, before);
      await end(one, lab);
    }),
  );
  await lab.heal();
  const healedMs = monotonicMs();
  await lab.back();
  const backMs = Math.round(monotonicMs() - healedMs);
  const news = watch.events.slice(seenBefore);
  const after = watch.running();
  const hosts = new Set(underway.flatMap((one) => harmed(one, lab, leader)));
  const changed = before.filter((seen) => !after.some((now) => same(seen, now)));
  const moves = movesOf(lab, before, underway, news);
  // Two faults at once may cost the quorum, and then everybody's lease.
  const isSpared = (seen: Seen) => hosts.size < 2 && ![...hosts].some(({ name }) => name === lab.hostOf(seen));
  return {
    faults: underway.map(({ text }) => text),
    hadQuorum: hosts.size < 2,
    lostLeader: hosts.has(leader),
    moves,
    restarted: changed.map(({ vm }) => vm).filter((vm) => !moves.some((move) => move.vm === vm)),
    disturbed: changed.filter(isSpared).map((seen) => `${seen.vm} on ${lab.hostOf(seen)}`),
    twice: news.filter(({ type }) => type === 'twice' || type === 'guestTwice'),
    backMs,
  };
}
