/** The verbs of volumes, and the one that lets a VM begin with empty ones. */
import type { VolumeView } from '@n3x/core/api/volume-routes';
import type { Context } from '../context.ts';
import { agree } from '../output/consent.ts';
import { vmLine } from '../output/vm-text.ts';
import { volumeDetails, volumeTable } from '../output/volume-text.ts';
import { showList } from './listing.ts';
import { findStale } from './stale-lookup.ts';

/** `volume list`. */
export async function list(context: Context): Promise<void> {
  const deadline = context.requestDeadline();
  const answer = await context.client.call('listVolumes', { deadline, query: context.consistency });
  await showList(context, answer, {
    name: (volume) => volume.uid,
    table: (volumes, paint, _nowMs, wide) => volumeTable(volumes, paint, wide),
  });
}

/** `volume show VOLUME`. */
export async function show(context: Context, args: readonly string[]): Promise<void> {
  const ref = args[0] ?? '';
  const deadline = context.requestDeadline();
  const query = context.consistency;
  if (context.options.stale === true) {
    const answer = await context.client.call('listVolumes', { deadline, query });
    const named = answer.items.map((volume) => ({ volume, name: volume.uid === ref ? ref : volume.name }));
    const { item, mark } = findStale('volume', ref, { ...answer, items: named });
    const text = () => volumeDetails(item.volume, context.paint);
    return context.show({ ...item.volume, ...mark }, { names: [item.volume.uid], text, mark });
  }
  const volume = await context.client.call('getVolume', { deadline, params: { ref }, query });
  await context.show(volume, { names: [volume.uid], text: () => volumeDetails(volume, context.paint) });
}

/** Flags of what cannot be taken back. */
export interface ConsentFlags {
  readonly yes?: true;
}

function dataText(volume: VolumeView): string {
  const where = volume.host === null ? '' : ` on ${volume.host}`;
  const writer = volume.writer === 0 ? 'Nobody ever wrote on it' : `It was last written at epoch ${volume.writer}`;
  return `volume ${volume.uid} (${volume.name}${volume.formerVm === null ? '' : ` of the former VM ${volume.formerVm}`})${where} with its data for good. ${writer}`;
}

/** `volume delete VOLUME`. */
export async function remove(context: Context, args: readonly string[], flags: ConsentFlags): Promise<void> {
  context.refuseStale();
  const ref = args[0] ?? '';
  const query = { consistency: 'linearizable' } as const;
  const volume = await context.client.call('getVolume', {
    deadline: context.requestDeadline(),
    params: { ref },
    query,
  });
  const { uid } = volume;
  if (volume.vm === null) await agree(context.terminal, `Deleting ${dataText(volume)}.`, uid, flags.yes === true);
  const deadline = context.requestDeadline();
  const answer = await context.client.call('deleteVolume', { deadline, params: { ref: uid } });
  const text = () => `volume ${uid}: ${answer.changed ? 'delete requested' : 'unchanged'}\n`;
  await context.show({ uid, ...answer }, { names: [uid], text });
}

/** Flags of `vm recreate-volumes`. */
export interface RecreateFlags extends ConsentFlags {
  readonly volume?: readonly string[];
}

/** `vm recreate-volumes NAME`. */
export async function recreate(context: Context, args: readonly string[], flags: RecreateFlags): Promise<void> {
  context.refuseStale();
  const name = args[0] ?? '';
  const names = flags.volume === undefined ? undefined : [...flags.volume];
  const query = { consistency: 'linearizable' } as const;
  const { items } = await context.client.call('listVolumes', { deadline: context.requestDeadline(), query });
  const own = items.filter((volume) => volume.vm === name && volume.state !== 'planned');
  const left = own.filter((volume) => names === undefined || names.includes(volume.name));
  const what = left.map((volume) => `${volume.name} (on ${volume.host ?? 'no host'}, epoch ${volume.writer})`);
  const warning = `VM ${name} will begin without its data${what.length === 0 ? '' : `: ${what.join(', ')}`}. What it had stays as volumes of no VM, where it is.`;
  await agree(context.terminal, warning, name, flags.yes === true);
  const answer = await context.client.call('recreateVolumes', {
    deadline: context.requestDeadline(),
    params: { name },
    query: {},
    body: names === undefined ? {} : { volumes: names },
  });
  const done = answer.changed ? 'begins anew with empty volumes' : 'unchanged';
  await context.show(
    { vm: answer.vm, changed: answer.changed, index: answer.index },
    { names: [name], text: () => vmLine(answer.vm, done) },
  );
}
