import { type VolumeView, volumeViewSchema } from '@n3x/core/api/volume-routes';
import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { ApiDouble, apiError } from '../testing/api-double.ts';
import { runCli } from '../testing/run-cli.ts';

function makeVolume(change: Partial<VolumeView> = {}): VolumeView {
  return volumeViewSchema.parse({
    ...{ uid: 'v3-0', name: 'data', state: 'kept', vm: null, formerVm: 'old', host: 'n1', reachable: true },
    ...{ pool: 'default', sizeMib: 10_240, fsType: 'ext4', usedBytes: 10_000, writer: 7, since: 5, keep: true },
    ...{ copiedFrom: null, move: null, moveFailure: null },
    ...change,
  });
}

const MOVING = makeVolume({ state: 'moving', move: { to: 'n2', copiedBytes: 536_870_912, problem: null } });
const THERE = makeVolume({ host: 'n2', copiedFrom: 'n1' });

async function double(t: Parameters<typeof ApiDouble.start>[0]) {
  const api = await ApiDouble.start(t);
  api.on('moveVolume', () => ({ volume: MOVING, changed: true, index: 12 }));
  return { api, ctl: (...args: string[]) => runCli(['volume', 'move', ...args, '--socket', api.socket]) };
}

t.test('volume move asks for it, waits for it, and takes it back', async (t) => {
  const { api, ctl } = await double(t);
  t.match(await ctl('data', '--to', 'n2'), { code: 0, stdout: 'volume v3-0: moves to n2\n' });
  t.match(api.seen('moveVolume')[0], { params: { ref: 'data' }, body: { host: 'n2' } });
  const views = [MOVING, THERE];
  api.on('getVolume', () => (views.length > 1 ? views.shift() : views[0]) ?? THERE);
  t.match(await ctl('data', '--to', 'n2', '--wait'), { code: 0, stdout: 'volume v3-0: moved to n2\n' });
  t.match(JSON.parse((await ctl('data', '--to', 'n2', '-o', 'json')).stdout), { volume: MOVING, changed: true });
  api.on('moveVolume', () => ({ volume: THERE, changed: false, index: 12 }));
  t.match(
    await ctl('data', '--to', 'n2', '--wait'),
    { code: 0, stdout: 'volume v3-0: unchanged\n' },
    'nothing to wait for',
  );
  api.on('cancelVolumeMove', () => ({ volume: makeVolume(), changed: true, index: 13 }));
  t.match(await ctl('v3-0', '--cancel'), { code: 0, stdout: 'volume v3-0: its move was taken back; it stays on n1\n' });
  api.on('cancelVolumeMove', () => ({ volume: THERE, changed: false, index: 13 }));
  t.match(await ctl('v3-0', '--cancel'), { stdout: 'volume v3-0: unchanged, it does not move; it stays on n2\n' });
});

t.test('a move that came to nothing says why', async (t) => {
  const { api, ctl } = await double(t);
  api.on('getVolume', () => makeVolume({ moveFailure: 'n2 cannot copy it: NoSpace: the disk is full' }));
  t.match(await ctl('data', '--to', 'n2', '--wait'), {
    code: 7,
    stderr: 'n3xctl: volume v3-0 stays on n1: n2 cannot copy it: NoSpace: the disk is full\n',
  });
  api.on('getVolume', () => makeVolume());
  t.match(await ctl('data', '--to', 'n2', '--wait'), { code: 7, stderr: /stays on n1: its move was taken back\n$/ });
  api.on('moveVolume', () => {
    throw apiError(ERROR_CODES.refused, 'volume v3-0 cannot be moved to n2: n2 is cordoned');
  });
  t.match(await ctl('data', '--to', 'n2'), { code: 7, stderr: /n2 is cordoned\n$/ });
  t.match(await ctl('data'), { code: 2, stderr: /where to\?\nhint: name the host with --to/ });
  t.match(await ctl('data', '--to', 'n2', '--cancel'), { code: 2, stderr: /--cancel/ });
});

t.test('volume show tells of a move', async (t) => {
  const { api } = await double(t);
  const show = async (volume: VolumeView) => {
    api.on('getVolume', () => volume);
    return (await runCli(['volume', 'show', 'v3-0', '--socket', api.socket])).stdout;
  };
  t.match(await show(MOVING), /State: +moving\n[\s\S]*Moves: +to n2: 512M of 10G are copied\n/);
  const problem = 'SourceUnreachable: n1 cannot be reached';
  const stuck = makeVolume({ state: 'moving', move: { to: 'n2', copiedBytes: 0, problem } });
  t.match(
    await show(stuck),
    /Moves: +to n2: 0M of 10G are copied; tries again: SourceUnreachable: n1 cannot be reached\n/,
  );
  t.match(await show(THERE), /Old copy: +on n1\n/);
  t.match(await show(makeVolume({ moveFailure: 'host n2 is leaving' })), /Last move: +failed: host n2 is leaving\n/);
});
