/** For tests: a driver on a temporary directory, with the tiny guest in the place of nixpkgs and microvm.nix. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type VmSpecInput, vmSpecSchema } from '@n3x/core/model/vm';
import type { DriverAction, DriverOutcome, DriverVm, ObservedVm } from '@n3x/core/ports/driver';
import { testPort } from '../../transport/test-port.ts';
import { nixSystem } from '../facts.ts';
import { FenceDirectory } from '../fence/fence-directory.ts';
import { VolumeDriver } from '../volumes/volume-driver.ts';
import { MicrovmDriver, type MicrovmDriverOptions } from './microvm-driver.ts';

/** The flake that stands in for nixpkgs and microvm.nix. */
export const TINY_GUEST = `path:${fileURLToPath(new URL('../../../../../examples/tiny-guest', import.meta.url))}`;
/** What lets Nix build without its daemon's users, a sandbox and a cache. */
export const NIX_CONFIG = 'sandbox = false\nbuild-users-group =\nsubstituters =';

const NEVER = new AbortController().signal;

/** A driver and what it said. */
export class TestHost {
  readonly directory: string;
  driver!: MicrovmDriver;
  volumes!: VolumeDriver;
  observed: readonly ObservedVm[] = [];
  readonly lines: string[] = [];
  readonly #waiting = new Map<number, (outcome: DriverOutcome) => void>();
  readonly #changed = new Set<() => void>();
  #token = 0;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(options: Partial<MicrovmDriverOptions> = {}, directory?: string): Promise<TestHost> {
    const host = new TestHost(directory ?? (await mkdtemp(join(tmpdir(), 'n3x-driver-'))));
    await host.restart(options);
    return host;
  }

  /** A new driver on the same directory, as after a restart of the daemon. */
  async restart(options: Partial<MicrovmDriverOptions> = {}): Promise<void> {
    const log: MicrovmDriverOptions['journal']['log'] = (level, event, fields) =>
      this.lines.push(`${level} ${event} ${JSON.stringify(fields)}`);
    const journal = {
      log,
      fatal: (event: string) => {
        throw new Error(event);
      },
    };
    this.volumes = new VolumeDriver({
      pools: [{ name: 'default', path: join(this.directory, 'pool') }],
      hostName: 'n1',
      own: async () => undefined,
      journal,
      onDone: () => undefined,
      onObserved: () => undefined,
      source: () => {
        throw new Error('nothing is copied');
      },
    });
    const stateDir = join(this.directory, 'microvms');
    this.driver = await MicrovmDriver.create({
      stateDir,
      fence: await FenceDirectory.open(join(this.directory, 'run'), stateDir),
      volumes: this.volumes,
      gcrootsDir: join(this.directory, 'gcroots'),
      supervisor: 'direct',
      nix: { binary: 'nix', extraConfig: NIX_CONFIG, buildTimeoutMs: 60_000 },
      maxBuilds: 2,
      system: nixSystem(),
      nixpkgs: TINY_GUEST,
      microvm: TINY_GUEST,
      kvm: false,
      journal,
      onDone: (token, outcome) => this.#waiting.get(token)?.(outcome),
      onObserved: (vms) => {
        this.observed = vms;
        for (const tell of this.#changed) tell();
      },
      ...options,
    });
    this.driver.start();
  }

  act(action: DriverAction): Promise<DriverOutcome> {
    this.#token += 1;
    const token = this.#token;
    return new Promise((resolve) => {
      this.#waiting.set(token, resolve);
      this.driver.perform(token, action);
    });
  }

  /** Waits until a VM is observed to be as wanted; gives it. */
  until(name: string, wanted: (vm: ObservedVm) => boolean): Promise<ObservedVm> {
    return new Promise((resolve) => {
      const look = () => {
        const vm = this.observed.find((entry) => entry.name === name);
        if (vm === undefined || !wanted(vm)) return;
        this.#changed.delete(look);
        resolve(vm);
      };
      this.#changed.add(look);
      look();
    });
  }

  path(name: string, entry: string): string {
    return join(this.directory, 'microvms', name, entry);
  }

  /** What the log of a VM holds. */
  async log(name: string, which: 'console' | 'build'): Promise<string> {
    let text = '';
    const chunks = await this.driver.readLog(name, { which, lines: 1000, follow: false, signal: NEVER });
    for await (const chunk of chunks) text += Buffer.from(chunk).toString('utf8');
    return text;
  }

  /** Stops every VM of this directory and removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { name, managed } of this.observed) {
      if (managed === undefined) continue;
      await this.act({ type: 'stop', name, uid: managed.uid, timeoutSeconds: 0 });
    }
    await this.driver.close();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A VM described inline, with one user interface, as the cluster would hand it to its host. */
export async function inlineVm(
  name: string,
  options: {
    readonly modules?: string;
    readonly volumes?: readonly { name: string; sizeMib: number; mountPoint?: string }[];
    readonly readiness?: VmSpecInput['readiness'];
    readonly health?: VmSpecInput['health'];
    readonly cid?: number;
  } = {},
): Promise<DriverVm> {
  const spec = vmSpecSchema.parse({
    memoryMib: 192,
    ...(options.readiness === undefined ? {} : { readiness: options.readiness }),
    ...(options.health === undefined ? {} : { health: options.health }),
    source: {
      kind: 'inline',
      interfaces: [{ type: 'user' }],
      forwards: [{ guestPort: 80 }],
      volumes: [...(options.volumes ?? [])],
      modules: options.modules === undefined ? [] : [{ kind: 'text', name: 'test', text: options.modules }],
    },
  });
  const cid = options.cid ?? 100;
  const allocation = {
    cid,
    macs: [`02:00:00:00:00:${cid.toString(16).padStart(2, '0').slice(-2)}`],
    interfaceNames: [`n3x-${cid}`],
    hostPorts: [await testPort()],
  };
  const volumes = (options.volumes ?? []).map(({ name: volume, sizeMib }, at) => ({
    ...{ uid: `v5-${at}`, name: volume, pool: 'default', sizeMib },
    ...{ fsType: 'ext4' as const, writer: 0 },
  }));
  const attached = volumes.length === 0 ? {} : { volumes };
  return {
    name,
    uid: `uid-${name}`,
    epoch: 7,
    generation: 1,
    spec,
    allocation,
    fenced: false,
    rebuilds: 0,
    ...attached,
  };
}

/** The port of the host that leads to the guest's web server. */
export function webPort(vm: DriverVm): number {
  return vm.allocation.hostPorts[0] ?? 0;
}

/** Whether a process is there, as the kernel sees it. */
export async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !/\) [ZX] /.test(stat);
}

/** Waits for a condition that nothing announces. */
export async function eventually(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
