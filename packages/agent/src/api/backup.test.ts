import { type BackupHeader, BackupReader } from '@n3x/core/api/backup-file';
import { checkInvariants } from '@n3x/core/machine/invariants';
import { ClusterState } from '@n3x/core/machine/state';
import { vmSpecSchema } from '@n3x/core/model/vm';
import t from 'tap';
import { call, FLAKE_SPEC, open, type Served, serve } from './test-cluster.ts';

/** Creates so many VMs. */
function fill({ cluster }: Served, from: number, to: number): void {
  const spec = vmSpecSchema.parse(FLAKE_SPEC);
  for (let i = from; i < to; i++) {
    cluster.apply({ type: 'vmCreate', name: `v${i}`, uid: `u${i}`, spec, power: 'running' });
  }
}

async function download(socket: string, midway: () => void = () => undefined) {
  const records: (readonly [string, Uint8Array])[] = [];
  const reader = new BackupReader({ name: 'it', onRecord: (record) => records.push(record) });
  const answer = await open(socket, 'GET', '/v1/cluster/backup');
  t.equal(answer.statusCode, 200);
  t.equal(answer.headers['content-type'], 'application/vnd.n3x.backup');
  let seen = false;
  for await (const chunk of answer) {
    reader.push(chunk as Buffer);
    if (!seen) midway();
    seen = true;
  }
  const header: BackupHeader = reader.end();
  return { header, records };
}

t.test('a backup holds everything as of one index, whatever happens while it is sent', async (t) => {
  const served = await serve(t);
  fill(served, 0, 3_000);
  served.cluster.apply({ type: 'tokenCreate', id: 'ab'.repeat(8), secretHash: 'cd'.repeat(32), expiresAtMs: 1e15 });
  const { state } = served.cluster;
  if (state === null) throw new Error('a state');
  const index = state.index;
  const { header, records } = await download(served.socket, () => {
    fill(served, 5_000, 5_100);
    served.cluster.apply({ type: 'vmDelete', name: 'v2999' });
  });
  t.match(header, { clusterName: 'lab', index, vms: 3_000, hosts: 1 });
  const restored = ClusterState.fromRecords(header.index, records);
  t.equal(restored.vmCount, 3_000);
  t.ok(restored.vm('v2999'));
  t.equal(restored.vm('v5000'), undefined);
  t.same(checkInvariants(restored), []);
  const text = records.map(([key, value]) => `${key} ${Buffer.from(value).toString('latin1')}`).join('\n');
  t.notMatch(text, /cdcdcdcd/, 'not even the hash of a secret is in it');
  t.notOk(records.some(([key]) => key.startsWith('request/') || key.startsWith('token/')));
});

t.test('a host without a cluster has nothing to back up, one without a quorum only if it may be stale', async (t) => {
  const bare = await serve(t, { init: false });
  t.match(await call(bare.socket, 'GET', '/v1/cluster/backup'), { status: 412 });
  const alone = await serve(t);
  alone.cluster.quorum = false;
  t.match(await call(alone.socket, 'GET', '/v1/cluster/backup'), { status: 503 });
  t.match(await call(alone.socket, 'GET', '/v1/cluster/backup?consistency=stale'), { status: 200 });
});
