/**
 * Three daemons on this machine, all their connections through a relay, VMs whose guests count, and a watcher. What can be
 * done to them, and waiting until all is well again.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { signalProcess } from '@n3x/agent/drivers/exec';
import { Cluster, type Host } from '../e2e/cluster.ts';
import { processesIn } from '../e2e/processes.ts';
import { until } from '../e2e/until.ts';
import { ask } from './ask.ts';
import { Relay } from './relay.ts';
import { Watch } from './watch.ts';
import { monotonicMs, type Seen } from './watch-report.ts';

/** How long guests may take to boot on a machine that is busy and emulates them, in ms. */
const BACK_MS = 240_000;
/** Pause between two looks whether all is well, in ms. */
const LOOK_MS = 200;
/** A guest that was heard within this time counts, in ms. */
const HEARD_MS = 3_000;

/** What is read of a VM. */
export interface VmSeen {
  readonly name: string;
  readonly phase: string;
  readonly hostName: string | null;
  readonly status: { readonly pid?: number; readonly reason: string; readonly message: string };
}

/** A lab. */
export class Lab {
  readonly cluster: Cluster;
  readonly relay: Relay;
  readonly watch: Watch;
  readonly vms: string[] = [];
  readonly #frozen = new Set<Host>();

  private constructor(cluster: Cluster, relay: Relay, watch: Watch) {
    this.cluster = cluster;
    this.relay = relay;
    this.watch = watch;
  }

  /** Brings the cluster up, with so many VMs, all of them running and counting. */
  static async start(vms: number): Promise<Lab> {
    const cluster = await Cluster.create(3);
    const byName = (name: string) => cluster.hosts.find((host) => host.name === name);
    const relay = new Relay((name) => byName(name)?.pid ?? 0);
    let watch: Watch | undefined;
    try {
      for (const host of cluster.hosts) {
        host.announcedPort = await relay.serve(host.name, host.port);
        await host.configure();
      }
      watch = await Watch.start(cluster.directory);
      await cluster.form();
      const lab = new Lab(cluster, relay, watch);
      await lab.#createVms(vms);
      return lab;
    } catch (error) {
      await watch?.stop();
      relay.close();
      await cluster.destroy();
      throw error;
    }
  }

  async #createVms(count: number): Promise<void> {
    const module = join(this.cluster.directory, 'count.nix');
    await writeFile(module, `{ microvm.kernelParams = [ "tiny.count=10.0.2.2:${this.watch.port}" ]; }\n`);
    for (let i = 1; i <= count; i++) {
      const name = `vm${i}`;
      const guest = ['--memory', '160M', '--net', 'user', '--module', module, '--stop-timeout', '2s'];
      const ready = ['--ready', 'console:n3x-guest-ready', '--ready-timeout', '200s'];
      await this.cluster.host(0).json(['vm', 'create', name, ...guest, ...ready]);
      this.vms.push(name);
    }
    await this.back();
  }

  /** The host with this name. */
  host(name: string): Host {
    const host = this.cluster.hosts.find((one) => one.name === name);
    if (host === undefined) throw new Error(`no host ${name}`);
    return host;
  }

  /** Name of the host in whose directory a process was seen. */
  hostOf(seen: Seen): string {
    const host = this.cluster.hosts.find(({ directory }) => directory.endsWith(`/${seen.host}`));
    if (host === undefined) throw new Error(`no host in ${seen.host}`);
    return host.name;
  }

  /** The host that leads, asked of those that can answer. */
  async leader(): Promise<Host> {
    return until('a leader', 30_000, async () => {
      for (const host of this.cluster.hosts) {
        if (!this.#answers(host)) continue;
        const { local } = await ask<{ local: { role: string } }>(host.socket, '/v1/cluster?consistency=stale', 2_000);
        if (local.role === 'leader') return host;
      }
      return false;
    });
  }

  /** The host with the most VMs. */
  busiest(): Host {
    const count = (host: Host) => this.watch.running().filter((seen) => this.hostOf(seen) === host.name).length;
    return this.cluster.hosts.reduce((most, host) => (count(host) > count(most) ? host : most));
  }

  #answers(host: Host): boolean {
    return host.running && !this.#frozen.has(host);
  }

  /** kill -9 of the daemon. */
  async killDaemon(host: Host): Promise<void> {
    await host.kill('SIGKILL');
    this.#frozen.delete(host);
  }

  /** kill -9 of the daemon and its VMs. */
  async killHost(host: Host): Promise<void> {
    await this.killDaemon(host);
    await until(`the VMs of ${host.name} are gone`, 10_000, async () => {
      const left = await processesIn(host.stateDirectory);
      for (const pid of left) signalProcess(pid, 'SIGKILL');
      return left.length === 0;
    });
  }

  /** SIGSTOP of the daemon. */
  async stopDaemon(host: Host): Promise<void> {
    this.#frozen.add(host);
    await host.kill('SIGSTOP');
  }

  /** SIGSTOP of the daemon and its VMs. */
  async stopHost(host: Host): Promise<void> {
    await this.stopDaemon(host);
    for (const pid of await processesIn(host.stateDirectory)) signalProcess(pid, 'SIGSTOP');
  }

  /** Starts the daemon again if it is gone, and lets it and its VMs go on if they are stopped. */
  async restore(host: Host): Promise<void> {
    if (this.#frozen.delete(host)) {
      // The VMs first: what the daemon finds is then what there is.
      for (const pid of await processesIn(host.stateDirectory)) signalProcess(pid, 'SIGCONT');
      await host.kill('SIGCONT');
    }
    if (!host.running) host.spawn();
  }

  /** Ends every fault. */
  async heal(): Promise<void> {
    this.relay.heal();
    for (const host of this.cluster.hosts) await this.restore(host);
  }

  /** Waits until every VM runs once, is reported so by every host, and its guest counts. Throws with how things are when that takes too long. */
  async back(): Promise<void> {
    const sinceMs = monotonicMs();
    let missing = '';
    await until('every VM is back', BACK_MS, async () => {
      missing = 'a host does not answer';
      missing = await this.#missing(sinceMs);
      if (missing === '') return true;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      return false;
    }).catch((error: unknown) => {
      throw new Error(`not every VM is back: ${missing}`, { cause: error });
    });
  }

  /** What is not well yet, in words; empty when all is. */
  async #missing(sinceMs: number): Promise<string> {
    for (const vm of this.vms) {
      if (this.watch.running(vm).length !== 1) return `${vm} has ${this.watch.running(vm).length} processes`;
    }
    for (const host of this.cluster.hosts) {
      const { items } = await ask<{ items: VmSeen[] }>(host.socket, '/v1/vms');
      for (const name of this.vms) {
        const vm = items.find((one) => one.name === name);
        const [process] = this.watch.running(name);
        if (vm === undefined || process === undefined) return `${name} is not there`;
        const { reason, message, pid } = vm.status;
        if (vm.phase !== 'running') return `${name} is ${vm.phase} on ${vm.hostName}: ${reason} ${message}`;
        if (vm.hostName !== this.hostOf(process) || pid !== process.pid) {
          return `${name} is process ${pid} on ${vm.hostName}, and was seen as ${process.pid} on ${this.hostOf(process)}`;
        }
      }
    }
    for (const vm of this.vms) {
      const heardMs = this.watch.heard(vm)?.atMs ?? 0;
      if (heardMs < sinceMs || monotonicMs() - heardMs > HEARD_MS) return `the guest of ${vm} does not count`;
    }
    return '';
  }

  /** Ends everything. With `keep` the directory stays, for looking at. */
  async destroy(keep = false): Promise<void> {
    this.relay.close();
    await this.watch.stop();
    if (!keep) return this.cluster.destroy();
    for (const host of this.cluster.hosts) await this.killHost(host);
  }
}
