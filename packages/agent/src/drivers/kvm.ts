/**
 * Whether KVM works on this host. `/dev/kvm` can be there and take guests that then hang (seen where virtualisation is
 * nested badly; a few instructions run, a kernel does not), so a real kernel is started and must say something.
 */
import { access, constants, mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../store/atomic-file.ts';
import { type Exec, exec } from './exec.ts';
import { isMissing } from './microvm/layout.ts';
import { readBootId } from './microvm/process-identity.ts';

/** What was found. */
export interface KvmResult {
  readonly works: boolean;
  /** One line for people. */
  readonly reason: string;
}

/** How it is found out. */
export interface KvmProbeOptions {
  /** File that keeps the answer until the host is booted again. */
  readonly cacheFile?: string;
  readonly exec?: Exec;
  readonly device?: string;
  /** Kernel image to boot; without it, the host's own. */
  readonly kernel?: string;
}

/** The first line of a kernel comes within a fraction of a second, where it comes at all. */
const PROBE_MS = 3000;
/** What a Linux kernel prints first. */
const KERNEL_SPEAKS = 'Linux version';

const cacheSchema = z.object({ bootId: z.string(), works: z.boolean(), reason: z.string() });

/** Finds out, at most once per boot where there is a cache. `N3X_KVM=yes|no` in the environment decides it. */
export async function probeKvm(options: KvmProbeOptions = {}): Promise<KvmResult> {
  const told = process.env['N3X_KVM'];
  if (told === 'yes' || told === 'no') return { works: told === 'yes', reason: `N3X_KVM=${told}` };
  const bootId = await readBootId();
  const cached = options.cacheFile === undefined ? undefined : await readCache(options.cacheFile, bootId);
  if (cached !== undefined) return cached;
  const result = await tryGuest(options);
  if (options.cacheFile !== undefined) {
    await mkdir(dirname(options.cacheFile), { recursive: true });
    await writeFileAtomically(options.cacheFile, `${JSON.stringify({ bootId, ...result })}\n`, 0o644);
  }
  return result;
}

async function tryGuest(options: KvmProbeOptions): Promise<KvmResult> {
  const device = options.device ?? '/dev/kvm';
  try {
    await access(device, constants.R_OK | constants.W_OK);
  } catch {
    return { works: false, reason: `${device} is missing or may not be used` };
  }
  const kernel = options.kernel ?? (await findKernel());
  if (kernel === undefined) return { works: false, reason: 'not tried: no kernel image found' };
  const abort = new AbortController();
  let printed = '';
  const result = await (options.exec ?? exec)(qemuCommand(kernel), {
    timeoutMs: PROBE_MS,
    signal: abort.signal,
    onOutput: (chunk, stream) => {
      if (stream === 'stdout') printed += Buffer.from(chunk).toString('latin1');
      if (printed.includes(KERNEL_SPEAKS)) abort.abort();
    },
  });
  if (printed.includes(KERNEL_SPEAKS)) return { works: true, reason: 'a guest ran' };
  if (result.spawnError !== undefined) return { works: false, reason: `not tried: no QEMU (${result.spawnError})` };
  if (result.timedOut) return { works: false, reason: `a guest on ${device} hangs` };
  return { works: false, reason: `QEMU refuses: ${result.stderr.trim().split('\n').at(-1) ?? ''}` };
}

function qemuCommand(kernel: string): [string, ...string[]] {
  const arm = process.arch === 'arm64';
  const console = arm ? 'console=ttyAMA0 earlycon' : 'console=ttyS0 earlyprintk=ttyS0';
  return [
    arm ? 'qemu-system-aarch64' : 'qemu-system-x86_64',
    ...['-M', arm ? 'virt,accel=kvm' : 'microvm,accel=kvm', '-cpu', 'host', '-m', '128'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
    ...['-kernel', kernel, '-append', `${console} panic=-1`],
  ];
}

/** The newest kernel of Debian's kind in /boot, or NixOS's booted one. */
async function findKernel(): Promise<string | undefined> {
  const images = await readdir('/boot').catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const newest = images
    .filter((name) => name.startsWith('vmlinuz-'))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1);
  const candidates = [...(newest === undefined ? [] : [join('/boot', newest)]), '/run/booted-system/kernel'];
  for (const path of candidates) {
    const readable = await access(path, constants.R_OK).then(
      () => true,
      () => false,
    );
    if (readable) return path;
  }
  return undefined;
}

async function readCache(path: string, bootId: string): Promise<KvmResult | undefined> {
  try {
    const cached = cacheSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    return cached.bootId === bootId ? { works: cached.works, reason: cached.reason } : undefined;
  } catch {
    // No cache, or none that can be used: it is found out anew.
    return undefined;
  }
}
