/** Three etcd members on this machine, for comparison; every process is ended by `destroy`. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testPort } from '@n3x/agent/transport/test-port';
import { until } from '../../e2e/cluster.ts';

const MEMBERS = 3;

/** Version of the etcd that is installed; undefined when none is. */
export function etcdVersion(): string | undefined {
  const { status, stdout } = spawnSync('etcd', ['--version'], { encoding: 'utf8' });
  return status === 0 ? /etcd Version: (\S+)/.exec(stdout)?.[1] : undefined;
}

interface Member {
  readonly clientPort: number;
  readonly process: ChildProcess;
}

/** A running cluster. */
export class EtcdCluster {
  readonly #directory: string;
  readonly members: readonly Member[];

  private constructor(directory: string, members: readonly Member[]) {
    this.#directory = directory;
    this.members = members;
  }

  /** Starts three members and waits for a leader. `flags` are added to every member's. */
  static async formed(flags: readonly string[] = []): Promise<EtcdCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'n3x-etcd-'));
    const ports: { client: number; peer: number }[] = [];
    for (let i = 0; i < MEMBERS; i++) ports.push({ client: await testPort(), peer: await testPort() });
    const peerUrl = (i: number): string => `http://127.0.0.1:${ports[i]?.peer}`;
    const initial = ports.map((_, i) => `m${i}=${peerUrl(i)}`).join(',');
    const members = ports.map(({ client }, i) => {
      const clientUrl = `http://127.0.0.1:${client}`;
      const args = [
        ...['--name', `m${i}`, '--data-dir', join(directory, `m${i}`), '--initial-cluster', initial],
        ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
        ...['--listen-peer-urls', peerUrl(i), '--initial-advertise-peer-urls', peerUrl(i)],
        ...['--initial-cluster-token', directory, ...flags],
      ];
      return { clientPort: client, process: spawn('etcd', args, { stdio: 'ignore' }) };
    });
    const cluster = new EtcdCluster(directory, members);
    try {
      await cluster.leader();
    } catch (error) {
      await cluster.destroy();
      throw error;
    }
    return cluster;
  }

  /** The member that leads now, as the running ones say. */
  async leader(): Promise<Member> {
    return until('an etcd leader', 20_000, async () => {
      for (const member of this.members) {
        if (member.process.exitCode !== null || member.process.signalCode !== null) continue;
        const status = await this.#status(member.clientPort);
        if (status !== undefined && status.leader !== '0' && status.leader === status.header.member_id) return member;
      }
      return false;
    });
  }

  async #status(port: number): Promise<{ leader: string; header: { member_id: string } } | undefined> {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/v3/maintenance/status`, { method: 'POST', body: '{}' });
      const status: unknown = await answer.json();
      if (typeof status !== 'object' || status === null || !('leader' in status) || !('header' in status))
        return undefined;
      const { leader, header } = status;
      if (typeof leader !== 'string' || typeof header !== 'object' || header === null) return undefined;
      return 'member_id' in header && typeof header.member_id === 'string'
        ? { leader, header: { member_id: header.member_id } }
        : undefined;
    } catch {
      // Not up yet, or just gone: asked again.
      return undefined;
    }
  }

  /** Ends every process and removes every file. */
  async destroy(): Promise<void> {
    await Promise.all(
      this.members.map(async ({ process }) => {
        if (process.exitCode !== null || process.signalCode !== null) return;
        const ended = new Promise((resolve) => process.once('exit', resolve));
        process.kill('SIGKILL');
        await ended;
      }),
    );
    await rm(this.#directory, { recursive: true, force: true });
  }
}
