/** Volumes as text for people. */
import type { VolumeView } from '@n3x/core/api/volume-routes';
import { formatMemory } from './memory.ts';
import { type Column, printable, renderFields, renderTable } from './table.ts';
import type { Paint, Tone } from './terminal.ts';

const TONES: Readonly<Record<VolumeView['state'], Tone>> = {
  planned: 'busy',
  attached: 'good',
  kept: 'good',
  moving: 'busy',
  deleting: 'busy',
  lost: 'bad',
};

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

/** How far the move of a volume is: `512M of 10G are copied`. */
export function copiedText({ move, sizeMib }: VolumeView): string {
  if (move === null) return 'does not move';
  const copied = `${formatMemory(Math.floor(move.copiedBytes / 1_048_576))} of ${formatMemory(sizeMib)} are copied`;
  return move.problem === null ? copied : `${copied}; tries again: ${printable(move.problem)}`;
}

/** The list of volumes as a table. */
export function volumeTable(volumes: readonly VolumeView[], paint: Paint, wide: boolean): string {
  return renderTable(columns(paint), volumes, wide);
}

/** Where what it was copied from still is. */
function oldCopyText({ copiedFrom, vm }: VolumeView): string {
  return vm === null ? `on ${copiedFrom}` : `on ${copiedFrom}, until its VM runs with this one`;
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
    ['Moves', volume.move === null ? undefined : `to ${volume.move.to}: ${copiedText(volume)}`],
    ['Last move', volume.moveFailure === null ? undefined : `failed: ${printable(volume.moveFailure)}`],
    ['Old copy', volume.copiedFrom === null ? undefined : oldCopyText(volume)],
    ['Pool', volume.pool],
    ['Size', formatMemory(volume.sizeMib)],
    ['On disk', usedText(volume)],
    ['File system', volume.fsType],
    ['Last writer', volume.writer === 0 ? 'nobody' : `epoch ${volume.writer}`],
    ['Outlives VM', volume.keep ? 'yes' : 'no'],
  ]);
}
