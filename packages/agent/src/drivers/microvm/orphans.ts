/**
 * What is left on a host of microVMs that are gone: found by looking, and taken away only when somebody asks. What n3x
 * made itself, and can tell that it did, is marked so; the rest may be somebody else's.
 */
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Exec, signalProcess } from '../exec.ts';
import { findStrayProcesses } from './foreign-process.ts';
import { exists, isMissing, type Layout } from './layout.ts';
import { readRunner } from './runner.ts';
import { allowRestarts } from './unit-drop-in.ts';

/** Kinds of what can be left behind. */
export type OrphanKind = 'process' | 'unit' | 'unitSettings' | 'interface' | 'root' | 'directory' | 'image';

/** One thing without an owner. */
export interface Orphan {
  readonly kind: OrphanKind;
  /** What it is called: a path, a unit, an interface, a process id. */
  readonly what: string;
  /** Why it has no owner, in words. */
  readonly why: string;
  /** Whether n3x made it. */
  readonly ours: boolean;
}

/** What a search needs. */
export interface OrphanContext {
  readonly layout: Layout;
  readonly stateDir: string;
  readonly gcrootsDir: string;
  readonly exec: Exec;
  /** Whether systemd's units may hold some. */
  readonly systemd: boolean;
  /** Where units are changed until the next boot. */
  readonly runtimeUnits: string;
  /** Where the kernel lists network interfaces. */
  readonly interfacesDir: string;
}

const CALL_TIMEOUT_MS = 30_000;
/** Names that the cluster gives to interfaces of VMs. */
const OUR_INTERFACE = /^n3x[0-9a-z]+x\d+$/;
/** Directories that n3x makes beside those of VMs, while it makes or removes one. */
const OUR_DIRECTORY = /^\.(.+)\.(?:new|removed)$/;
const ROOT = /^(?:booted-|old-)?(.+)$/;

/**
 * Everything without an owner. Left out is what is of `busy`, VMs that something is done to right now, and `interfaces`,
 * those that the cluster has given to VMs of this host.
 */
export async function findOrphans(
  context: OrphanContext,
  busy: ReadonlySet<string>,
  interfaces: ReadonlySet<string>,
): Promise<Orphan[]> {
  const parts = [
    await strayProcesses(context),
    context.systemd ? await strayUnits(context) : [],
    context.systemd ? await strayUnitSettings(context) : [],
    await strayInterfaces(context, interfaces),
    await strayRoots(context),
    await strayDirectories(context, busy),
  ];
  return parts.flat();
}

/** Takes one away. Rejects with the system's error, or with what the tool that does it said. */
export async function clean(context: OrphanContext, orphan: Orphan): Promise<void> {
  const run = async (argv: readonly [string, ...string[]]) => {
    const { code, stderr, spawnError } = await context.exec(argv, { timeoutMs: CALL_TIMEOUT_MS });
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${spawnError ?? (stderr.trim() || `exit code ${code}`)}`);
  };
  switch (orphan.kind) {
    case 'process':
      // What has ended since it was found is clean.
      signalProcess(Number(orphan.what), 'SIGKILL');
      return;
    case 'unit':
      await run(['systemctl', 'stop', orphan.what]);
      await context.exec(['systemctl', 'reset-failed', orphan.what], { timeoutMs: CALL_TIMEOUT_MS });
      return;
    case 'unitSettings':
      await allowRestarts(context.runtimeUnits, orphan.what);
      await run(['systemctl', 'daemon-reload']);
      return;
    case 'interface':
      await run(['ip', 'link', 'delete', orphan.what]);
      return;
    case 'root':
    case 'directory':
    case 'image':
      await rm(orphan.what, { recursive: true, force: true });
      return;
  }
}

/** Processes that n3x started for a VM whose directory is gone. */
async function strayProcesses({ stateDir }: OrphanContext): Promise<Orphan[]> {
  const found = await findStrayProcesses(stateDir);
  return found.map(({ pid, directory }) => ({
    ...{ kind: 'process', what: String(pid), ours: true },
    why: `was started by n3x in ${directory}, which is gone`,
  }));
}

async function strayUnits({ layout, exec }: OrphanContext): Promise<Orphan[]> {
  const listed = await exec(
    ['systemctl', 'list-units', '--all', '--plain', '--no-legend', '--no-pager', 'microvm@*.service'],
    { timeoutMs: CALL_TIMEOUT_MS },
  );
  const orphans: Orphan[] = [];
  for (const line of listed.stdout.split('\n')) {
    const [unit = '', , active] = line.trim().split(/\s+/);
    const name = /^microvm@(.+)\.service$/.exec(unit)?.[1];
    if (name === undefined || active === 'inactive' || (await hasDirectory(layout, name))) continue;
    orphans.push({ kind: 'unit', what: unit, why: `is ${active}, and there is no microVM ${name}`, ours: false });
  }
  return orphans;
}

async function strayUnitSettings({ layout, runtimeUnits }: OrphanContext): Promise<Orphan[]> {
  const orphans: Orphan[] = [];
  for (const entry of await entriesOf(runtimeUnits)) {
    const name = /^microvm@(.+)\.service\.d$/.exec(entry)?.[1];
    if (name === undefined || !(await exists(join(runtimeUnits, entry, '50-n3x.conf')))) continue;
    const claim = (await hasDirectory(layout, name)) ? await layout.claim(name) : { kind: 'free' as const };
    if (claim.kind === 'managed') continue;
    const why = `changes the unit of ${name}, which n3x does not manage`;
    orphans.push({ kind: 'unitSettings', what: `microvm@${name}.service`, why, ours: true });
  }
  return orphans;
}

/** Interfaces that bear a name of n3x's and belong to no runner of this host. */
async function strayInterfaces(
  { layout, interfacesDir }: OrphanContext,
  given: ReadonlySet<string>,
): Promise<Orphan[]> {
  const names = (await entriesOf(interfacesDir)).filter((name) => OUR_INTERFACE.test(name));
  if (names.length === 0) return [];
  const owned = new Set(given);
  for (const name of await layout.names()) {
    for (const link of ['current', 'booted', 'old'] as const) {
      const runner = await layout.readLink(name, link);
      if (runner !== undefined) for (const id of (await readRunner(runner)).interfaces) owned.add(id);
    }
  }
  const free: string[] = [];
  for (const name of names) if (!owned.has(name) && !(await hasCarrier(interfacesDir, name))) free.push(name);
  return free.map((what) => ({
    kind: 'interface',
    what,
    why: 'no microVM of this host has an interface of that name',
    ours: true,
  }));
}

/** Whether a process has it open, as a hypervisor has its tap. */
async function hasCarrier(interfacesDir: string, name: string): Promise<boolean> {
  try {
    return (await readFile(join(interfacesDir, name, 'carrier'), 'utf8')).trim() === '1';
  } catch (error) {
    // The kernel answers EINVAL while the interface is down.
    if (isMissing(error) || (error as NodeJS.ErrnoException).code === 'EINVAL') return false;
    throw error;
  }
}

/** Links that shall keep runners from the garbage collector, and lead nowhere. */
async function strayRoots({ gcrootsDir, stateDir }: OrphanContext): Promise<Orphan[]> {
  const orphans: Orphan[] = [];
  for (const entry of await entriesOf(gcrootsDir)) {
    const path = join(gcrootsDir, entry);
    const target = await readlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EINVAL' || isMissing(error)) return undefined;
      throw error;
    });
    const name = ROOT.exec(entry)?.[1] ?? entry;
    // What leads somewhere else is not of this state directory.
    if (target === undefined || !target.startsWith(`${stateDir}/`) || (await exists(target))) continue;
    // n3x and microvm.nix's own command make the same links: whose it was cannot be told.
    orphans.push({ kind: 'root', what: path, why: `leads to a link of ${name} that is gone`, ours: false });
  }
  return orphans;
}

async function strayDirectories({ layout, stateDir }: OrphanContext, busy: ReadonlySet<string>): Promise<Orphan[]> {
  const orphans: Orphan[] = [];
  for (const entry of await entriesOf(stateDir)) {
    const path = join(stateDir, entry);
    const half = OUR_DIRECTORY.exec(entry)?.[1];
    if (half !== undefined) {
      if (!busy.has(half)) {
        orphans.push({
          kind: 'directory',
          what: path,
          why: `n3x was cut short while it made or removed ${half}`,
          ours: true,
        });
      }
      continue;
    }
    if (!(await layout.names()).includes(entry) || busy.has(entry)) continue;
    const claim = await layout.claim(entry);
    if (claim.kind !== 'foreign' || (await exists(join(path, 'current'))) || (await exists(join(path, 'toplevel'))))
      continue;
    for (const image of (await entriesOf(path)).filter((file) => file.endsWith('.img'))) {
      const why = `${entry} has no runner and is no VM of n3x: nothing uses its image`;
      orphans.push({ kind: 'image', what: join(path, image), why, ours: false });
    }
  }
  return orphans;
}

async function hasDirectory(layout: Layout, name: string): Promise<boolean> {
  return (await layout.names()).includes(name);
}

async function entriesOf(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
