/** For tests: data directories of stopped members, and a console to talk to. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { encodeProposal } from '@n3x/core/machine/proposal-codec';
import { SAMPLE_START_MS, SampleCluster, sampleSpec } from '@n3x/core/machine/sample';
import type { Entry } from '@n3x/core/raft/types';
import type { Test } from 'tap';
import { openDataDirectory } from '../store/data-directory.ts';
import type { Console } from './consent.ts';

/** Id of the cluster that the members are in; its name is `lab`. */
export const OLD_ID = '0123456789abcdef0123456789abcdef';

/** A directory that goes with the test. */
export async function scratch(t: Test): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'n3x-recover-'));
  t.teardown(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

/** Hosts n1 to n3, all voting, with the VM `web` on n1 and `db` on n2. */
export function labState(): SampleCluster {
  const cluster = new SampleCluster();
  cluster.join('n2');
  cluster.join('n3');
  cluster.create('web');
  cluster.assign('web', 1);
  cluster.create('db');
  cluster.assign('db', 2);
  return cluster;
}

/**
 * Makes the data directory of a member of the lab: its state, and after it a log whose entries have these terms and each
 * make a VM, none of them known to be committed.
 */
export async function makeMember(path: string, hostId: number, terms: readonly number[]): Promise<void> {
  const { state } = labState();
  const { promise: written, resolve } = Promise.withResolvers<void>();
  const data = await openDataDirectory(path, { n3xVersion: '0.1.0', onStored: () => resolve() });
  const confState = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const meta = { index: state.index, term: 1, confState };
  const cluster = { clusterId: OLD_ID, hostId, name: `n${hostId}`, peers: [] };
  await data.becomeMember(cluster, { meta, records: [...state.records()] });
  const entries = terms.map((term, i): Entry => {
    const index = state.index + 1 + i;
    const name = `late${i}`;
    const command = { type: 'vmCreate', name, uid: `uid-${name}`, spec: sampleSpec(), power: 'stopped' } as const;
    const data = encodeProposal({ format: 2, requestId: `late.${index}`, atMs: SAMPLE_START_MS, command });
    return { type: 'normal', index, term, data };
  });
  const hardState = { term: Math.max(1, ...terms), vote: 0, commit: state.index };
  data.store.write({ token: 1, sync: true, entries, hardState });
  await written;
  await data.close();
}

/** A console that keeps what is printed, and answers what is typed. */
export function testConsole(answer?: string): Console & { readonly printed: () => string } {
  let text = '';
  const sink = (): Writable & { isTTY?: boolean } =>
    new Writable({
      write(chunk, _encoding, done) {
        text += String(chunk);
        done();
      },
    });
  const stdin = Object.assign(new PassThrough(), answer === undefined ? {} : { isTTY: true });
  if (answer !== undefined) stdin.end(answer);
  return { stdin, stdout: sink(), stderr: sink(), printed: () => text };
}
