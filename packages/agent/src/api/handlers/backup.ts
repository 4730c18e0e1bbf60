/** The cluster's state as one stream, as of one index. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BACKUP_FORMAT, BACKUP_MEDIA_TYPE, type BackupHeader, writeBackup } from '@n3x/core/api/backup-file';
import { encodeRecord, type RecordObject, recordKey } from '@n3x/core/machine/record-codec';
import type { Call } from '../call.ts';

/**
 * Kinds that are left out: tokens name a cluster that a restore ends, and results of requests serve retries that nobody
 * makes any more. So no secret's hash is in a backup.
 */
const LEFT_OUT: ReadonlySet<RecordObject['kind']> = new Set<RecordObject['kind']>(['token', 'request']);

/** `GET /v1/cluster/backup` */
export async function getBackup(call: Call<'getBackup'>): Promise<void> {
  const { backend, reply } = call;
  const state = await call.stateFor(call.query.consistency);
  const { version, name, term } = backend.local();
  // References to objects that never change: the state may move on while they are sent.
  const objects = [...state.objects()].filter((object) => !LEFT_OUT.has(object.kind));
  const header: BackupHeader = {
    format: BACKUP_FORMAT,
    n3xVersion: version,
    commandFormat: state.cluster.commandFormat,
    clusterId: state.cluster.id,
    clusterName: state.cluster.name,
    index: state.index,
    term: Math.max(1, term),
    madeAtMs: Date.now(),
    madeOn: name,
    hosts: state.hostCount,
    vms: state.vmCount,
  };
  reply.hijack();
  reply.raw.writeHead(200, { 'content-type': BACKUP_MEDIA_TYPE, 'cache-control': 'no-store' });
  await pipeline(Readable.from(pieces(header, objects), { objectMode: false, highWaterMark: 1 }), reply.raw);
}

/** One frame in each turn of the event loop, encoded when it is its turn. */
async function* pieces(header: BackupHeader, objects: readonly RecordObject[]): AsyncGenerator<Uint8Array> {
  for (const piece of writeBackup(header, encoded(objects))) {
    yield piece;
    await nextTurn();
  }
}

function* encoded(objects: readonly RecordObject[]): Generator<readonly [string, Uint8Array]> {
  for (const object of objects) yield [recordKey(object), encodeRecord(object)];
}
