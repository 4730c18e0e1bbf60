/**
 * The watcher, a process of its own that knows nothing of n3x: `node watcher.ts DIRECTORY`. Looks every 20 ms for the QEMU
 * processes of each VM in all state directories below the directory, listens to what the guests count, and tells its
 * parent over the IPC channel what begins, ends, and is there twice. Ends with its parent.
 */
import { createServer } from 'node:net';
import { constants, setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { GuestCounters } from './guest-counters.ts';
import { QemuProcesses } from './qemu-processes.ts';
import { monotonicMs, type Seen, type WatchEvent } from './watch-report.ts';

const PERIOD_MS = 20;
const LATE_MS = 50;

const [directory] = process.argv.slice(2);
if (directory === undefined || process.send === undefined)
  throw new Error('to be started by a lab: watcher.ts DIRECTORY');

function tell(event: WatchEvent): void {
  process.send?.(event);
}

/** Before others on a busy machine, where that is allowed. */
function hurry(): void {
  try {
    setPriority(0, constants.priority.PRIORITY_HIGHEST);
  } catch (error) {
    process.stderr.write(`watcher: runs at normal priority: ${error instanceof Error ? error.message : error}\n`);
  }
}

const processes = new QemuProcesses(directory);
const counters = new GuestCounters(tell);
let there = new Map<string, Seen>();
/** VMs that were there twice at the last look, so that one overlap is told once. */
let doubled = new Set<string>();
let samples = 0;
let lastMs = 0;
let longestGapMs = 0;
let gapsOver50 = 0;

function look(): void {
  const atMs = monotonicMs();
  if (lastMs > 0) {
    longestGapMs = Math.max(longestGapMs, atMs - lastMs);
    if (atMs - lastMs > LATE_MS) gapsOver50 += 1;
  }
  lastMs = atMs;
  samples += 1;
  const now = new Map<string, Seen>();
  const byVm = new Map<string, Seen[]>();
  for (const seen of processes.look(atMs)) {
    now.set(`${seen.pid} ${seen.startTicks}`, seen);
    byVm.set(seen.vm, [...(byVm.get(seen.vm) ?? []), seen]);
  }
  for (const [key, seen] of there) if (!now.has(key)) tell({ type: 'end', atMs, ...seen });
  for (const [key, seen] of now) if (!there.has(key)) tell({ type: 'begin', atMs, ...seen });
  there = now;
  const twice = new Set<string>();
  for (const [vm, of] of byVm) {
    if (of.length < 2) continue;
    twice.add(vm);
    if (!doubled.has(vm)) tell({ type: 'twice', atMs, vm, processes: of });
  }
  doubled = twice;
}

const server = createServer((socket) => {
  socket.on('error', () => undefined);
  createInterface({ input: socket }).on('line', (line) => counters.hear(line, monotonicMs()));
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  tell({ type: 'ready', atMs: monotonicMs(), port: address.port });
});
process.on('message', () => {
  tell({ type: 'summary', atMs: monotonicMs(), samples, longestGapMs, gapsOver50, guestLines: counters.lines });
});
process.on('disconnect', () => process.exit(0));
hurry();
// Looks are due at fixed times: a slow one does not put off those after it.
let dueMs = monotonicMs();
function next(): void {
  look();
  dueMs = Math.max(dueMs + PERIOD_MS, monotonicMs());
  setTimeout(next, Math.max(0, dueMs - monotonicMs()));
}
next();
