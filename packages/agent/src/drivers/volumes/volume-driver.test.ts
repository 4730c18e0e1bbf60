import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ObservedCopy, VolumeAction, VolumeOutcome } from '@n3x/core/ports/volumes';
import t from 'tap';
import { until } from '../../transport/test-loopback.ts';
import { Copying, MOVE, putVolume, VOLUME } from './test-copying.ts';
import { VolumeDriver } from './volume-driver.ts';

interface Driven {
  readonly driver: VolumeDriver;
  readonly done: Map<number, VolumeOutcome>;
  copies: readonly ObservedCopy[];
  volumes: readonly { readonly uid: string; readonly epoch: number }[];
  opened: number;
}

function driven(t: { teardown(end: () => Promise<void>): unknown }, copying: Copying): Driven {
  const done = new Map<number, VolumeOutcome>();
  const driver = new VolumeDriver({
    pools: [{ name: 'default', path: join(copying.directory, 'target') }],
    hostName: 'n2',
    journal: { log: () => undefined, fatal: () => undefined },
    own: async () => undefined,
    onDone: (token, outcome) => done.set(token, outcome),
    onObserved: (found) => Object.assign(all, found),
    source: (hostId) => ({
      name: `n${hostId}`,
      open: () => {
        all.opened += 1;
        return copying.streams.open(hostId);
      },
    }),
  });
  const all: Driven = { driver, done, copies: [], volumes: [], opened: 0 };
  t.teardown(() => driver.close());
  return all;
}

const copy = (uid = VOLUME.uid): VolumeAction => ({
  type: 'copy',
  volume: { ...VOLUME, uid },
  move: MOVE,
  sourceId: 1,
});

t.test('a volume is copied and accepted, and what there is is reported before each end', async (t) => {
  const copying = await Copying.create(t);
  await putVolume(copying.source, ['x', undefined, 'y']);
  const host = driven(t, copying);
  host.driver.start();
  host.driver.perform(1, copy());
  await until('it is copied', () => host.done.has(1));
  t.same(host.done.get(1), { ok: true });
  t.match(host.copies, [{ uid: 'v5-0', move: MOVE, epoch: 7, isWhole: true }]);
  host.driver.perform(2, { type: 'discard', volume: VOLUME });
  await until('it is discarded', () => host.done.has(2));
  t.same(host.copies, []);
  host.driver.perform(3, { type: 'accept', volume: VOLUME, move: MOVE });
  await until('there is nothing to accept', () => host.done.has(3));
  t.match(host.done.get(3), { ok: false, reason: 'VolumeMissing', retriable: true });
  host.driver.perform(4, copy());
  await until('it is copied', () => host.done.has(4));
  host.driver.perform(5, { type: 'accept', volume: VOLUME, move: MOVE });
  await until('it is accepted', () => host.done.has(5));
  t.same(host.done.get(5), { ok: true });
  t.same(host.copies, []);
  t.match(host.volumes, [{ uid: 'v5-0', epoch: 7 }]);
});

t.test('two copies go on at once, others wait, and all end when they are to', async (t) => {
  const copying = await Copying.create(t);
  copying.mayServe = (_, { uid }) => ({ ok: true, volume: { ...VOLUME, uid } });
  const uids = ['v5-0', 'v5-1', 'v5-2'];
  for (const uid of uids) await putVolume(copying.source, ['x', 'y'], 7, { ...VOLUME, uid });
  copying.pace.set(1);
  await copying.pace.take(1_024 * 1_048_576);
  const host = driven(t, copying);
  for (const [token, uid] of uids.entries()) host.driver.perform(token, copy(uid));
  await until('two are begun', () => host.copies.length === 2 && copying.server.readers === 2);
  t.equal(host.opened, 2);
  await host.driver.abortCopies();
  await until('all have ended', () => host.done.size === 3);
  for (const outcome of host.done.values()) t.match(outcome, { ok: false, reason: 'SourceUnreachable' });
  t.equal(host.opened, 2, 'the third was not begun');
  copying.pace.set(0);
  for (const [token, uid] of uids.entries()) host.driver.perform(10 + token, copy(uid));
  await until('all are copied', () => host.done.size === 6);
  for (const token of [10, 11, 12]) t.same(host.done.get(token), { ok: true });
  t.match(host.copies, [{ isWhole: true }, { isWhole: true }, { isWhole: true }]);
});

t.test('a driver that is closed ends its copies and says nothing more', async (t) => {
  const copying = await Copying.create(t);
  await putVolume(copying.source, ['x', 'y']);
  copying.pace.set(1);
  await copying.pace.take(1_024 * 1_048_576);
  const host = driven(t, copying);
  host.driver.perform(1, copy());
  await until('it is begun', () => host.copies.length === 1);
  await host.driver.close();
  t.equal(host.done.size, 0);
  await until('nobody reads', () => copying.server.readers === 0);
});

t.test('a source that cannot give the volume is told of', async (t) => {
  const copying = await Copying.create(t);
  await putVolume(copying.source, ['x']);
  await rm(copying.source.directory(VOLUME), { recursive: true });
  const host = driven(t, copying);
  host.driver.perform(1, copy());
  host.driver.perform(2, { ...copy('v5-1'), sourceId: 7 } as VolumeAction);
  await until('both have ended', () => host.done.size === 2);
  t.match(host.done.get(1), {
    ok: false,
    reason: 'CopyRefused',
    message: 'host n1 does not give volume v5-0: volume v5-0 is not on its disk',
    retriable: true,
  });
  t.match(host.done.get(2), { ok: false, reason: 'SourceUnreachable', retriable: true });
});
