/** Three hosts on this machine as one cluster: started, formed, ended. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type HostView, hostViewSchema, listSchema, vmViewSchema } from '@n3x/core/api/schemas';
import { Control } from './control.ts';
import { Daemon } from './daemon.ts';
import { type Place, removePlace, StartError } from './place.ts';
import { freePorts } from './ports.ts';

const START_MS = 20_000;
const FORM_MS = 30_000;
const VM_END = '40s';
const DAEMON_END_MS = 8000;
const POLL_MS = 100;

const hostList = listSchema(hostViewSchema);
const vmList = listSchema(vmViewSchema);

/** A cluster of this clone. */
export class DevCluster {
  readonly control: Control;
  readonly #place: Place;
  readonly #ended: AbortSignal;
  #daemons: Daemon[] = [];

  /** `ended` aborts whatever is under way; {@link end} still has to be called. */
  constructor(place: Place, ended: AbortSignal) {
    this.#place = place;
    this.#ended = ended;
    this.control = new Control(place);
  }

  get daemons(): readonly Daemon[] {
    return this.#daemons;
  }

  /** The first host, on which the cluster is made. */
  get first(): Daemon {
    const [first] = this.#daemons;
    if (first === undefined) throw new StartError('no n3xd was started');
    return first;
  }

  /** Starts one n3xd per name and waits until each answers. Throws `StartError`. */
  async start(names: readonly string[]): Promise<void> {
    const ports = await freePorts(names.length);
    this.#daemons = names.map((name, index) => new Daemon(this.#place, name, ports[index] ?? 0));
    for (const daemon of this.#daemons) daemon.start();
    for (const daemon of this.#daemons) {
      await this.#until(`n3xd ${daemon.name} answers`, START_MS, () => {
        daemon.assertRunning();
        return daemon.answers();
      });
    }
    this.#tellControl();
  }

  /** Waits until every host votes and has told what it has; answers them. */
  async formed(): Promise<readonly HostView[]> {
    return this.#until('every host votes', FORM_MS, async () => {
      const { items } = await this.#hosts();
      const all = items.length === this.#daemons.length;
      return all && items.every((host) => host.membership === 'voter' && host.reachable) ? items : false;
    });
  }

  /**
   * Ends VMs, then daemons, then whatever is left, and removes every file. With `gentle` false the VMs are not asked.
   * Answers what went wrong, in lines for people; the machine is clean all the same.
   */
  async end(gentle: boolean): Promise<string[]> {
    const problems = gentle ? await this.#deleteVms() : [];
    await Promise.all(this.#daemons.map((daemon) => daemon.stop(gentle ? DAEMON_END_MS : 0)));
    const killed = await removePlace(this.#place, gentle ? 2000 : 0);
    if (gentle) problems.push(...killed.map((command) => `had to kill: ${command.slice(0, 120)}`));
    return problems;
  }

  async #deleteVms(): Promise<string[]> {
    const socket = this.#daemons.find((daemon) => daemon.running)?.socket;
    if (socket === undefined) return [];
    const listed = await this.control.run(socket, ['vm', 'list', '--timeout', '5s', '-o', 'json']);
    // Without a quorum, or before there is a cluster, nobody can be asked.
    if (listed.code !== 0) return [];
    const names = vmList.parse(JSON.parse(listed.stdout)).items.map((vm) => vm.name);
    const results = await Promise.all(
      names.map((name) => this.control.run(socket, ['vm', 'delete', name, '--wait', '--timeout', VM_END])),
    );
    return results.flatMap((result, index) =>
      result.code === 0 ? [] : [`VM ${names[index]} was not deleted: ${result.stderr.trim()}`],
    );
  }

  async #hosts() {
    return hostList.parse(await this.control.json(this.first.socket, ['host', 'list'], this.#ended));
  }

  /** Lets n3xctl find the sockets by itself, from anywhere in the clone. */
  #tellControl(): void {
    const file = join(this.#place.root, 'dev-cluster.json');
    const content = { sockets: this.#daemons.map((daemon) => daemon.socket) };
    writeFileSync(`${file}.new`, `${JSON.stringify(content)}\n`);
    renameSync(`${file}.new`, file);
  }

  async #until<T>(what: string, milliseconds: number, check: () => Promise<T | false>): Promise<T> {
    const deadline = performance.now() + milliseconds;
    let last = '';
    for (;;) {
      this.#ended.throwIfAborted();
      try {
        const value = await check();
        if (value !== false) return value;
      } catch (error) {
        this.#ended.throwIfAborted();
        for (const daemon of this.#daemons) daemon.assertRunning();
        if (!(error instanceof StartError)) throw error;
        last = error.message;
      }
      if (performance.now() > deadline) {
        const logs = this.#daemons.map((daemon) => `n3xd ${daemon.name} logged last:\n${daemon.lastLog()}`).join('\n');
        throw new StartError(`not within ${milliseconds / 1000} s: ${what}${last && `; last seen: ${last}`}\n${logs}`);
      }
      await delay(POLL_MS, undefined, { signal: this.#ended });
    }
  }
}
