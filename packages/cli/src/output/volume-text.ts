/** Volumes as text for people. */
import type { VolumeView } from '@n3x/core/api/volume-routes';
import { formatMemory } from './memory.ts';
import { type Column, renderFields, renderTable } from './table.ts';
import type { Paint } from './terminal.ts';

const TONES = { planned: 'busy', attached: 'good', kept: 'good', deleting: 'busy', lost: 'bad' } as const;

/** Bytes on a disk: whole MiB, as sizes are. */
function usedText({ usedBytes }: VolumeView): string {
  return usedBytes === null
    ? '-'
    : usedBytes < 1_048_576
      ? `${Math.ceil(usedBytes / 1024)}K`
      : formatMemory(Math.round(usedBytes / 1_048_576));
}

function stateText(volume: VolumeView, paint: Paint): string {
  if (volume.host !== null && !volume.reachable && volume.state !== 'lost') return paint('bad', 'unreachable');
  return paint(TONES[volume.state], volume.state);
}

function columns(paint: Paint): Column<VolumeView>[] {
  return [
    { head: 'UID', cell: (volume) => volume.uid },
    { head: 'NAME', cell: (volume) => volume.name },
    { head: 'VM', cell: (volume) => volume.vm ?? (volume.formerVm === null ? '-' : `(${volume.formerVm})`) },
    { head: 'STATE', cell: (volume) => stateText(volume, paint) },
    { head: 'HOST', cell: (volume) => volume.host ?? '-' },
    { head: 'POOL', cell: (volume) => volume.pool },
    { head: 'SIZE', cell: (volume) => formatMemory(volume.sizeMib) },
    { head: 'USED', cell: usedText },
    { head: 'KEEP', cell: (volume) => (volume.keep ? 'yes' : 'no') },
    { head: 'FS', wide: true, cell: (volume) => volume.fsType },
    { head: 'WRITER', wide: true, cell: (volume) => String(volume.writer) },
    { head: 'SINCE', wide: true, cell: (volume) => (volume.since === null ? '-' : String(volume.since)) },
  ];
}

/** The list of volumes as a table. */
export function volumeTable(volumes: readonly VolumeView[], paint: Paint, wide: boolean): string {
  return renderTable(columns(paint), volumes, wide);
}

/** Everything about one volume. */
export function volumeDetails(volume: VolumeView, paint: Paint): string {
  return renderFields([
    ['UID', volume.uid],
    ['Name', volume.name],
    ['State', stateText(volume, paint)],
    ['VM', volume.vm ?? undefined],
    ['Former VM', volume.formerVm ?? undefined],
    ['Host', volume.host ?? 'none'],
    ['There since', volume.since === null ? undefined : `index ${volume.since}`],
    ['Old copy', volume.copiedFrom === null ? undefined : `on ${volume.copiedFrom}, until its VM runs with this one`],
    ['Pool', volume.pool],
    ['Size', formatMemory(volume.sizeMib)],
    ['On disk', usedText(volume)],
    ['File system', volume.fsType],
    ['Last writer', volume.writer === 0 ? 'nobody' : `epoch ${volume.writer}`],
    ['Outlives VM', volume.keep ? 'yes' : 'no'],
  ]);
}
