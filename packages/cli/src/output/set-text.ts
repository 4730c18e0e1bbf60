/** Sets of VMs as text for people. */
import type { SetView } from '@n3x/core/api/set-routes';
import { formatAge, formatTime } from './age.ts';
import { type Column, printable, renderFields, renderTable } from './table.ts';
import type { Paint, Tone } from './terminal.ts';
import { PHASE_TONES } from './vm-text.ts';

const TONES: Readonly<Record<SetView['state'], Tone>> = {
  settled: 'good',
  stopped: 'faint',
  working: 'busy',
  failed: 'bad',
  deleting: 'faint',
};

function sourceText({ template: { source } }: SetView): string {
  return source.kind === 'flake' ? `${source.ref}#${source.attribute}` : `inline (${source.hypervisor})`;
}

/** One line after a change: what was done, and how it stands. */
export function setLine(set: SetView, done: string): string {
  const why = set.waitsFor === '' ? '' : `: ${printable(set.waitsFor)}`;
  return `set ${set.name}: ${done} (${set.ready} of ${set.replicas} ready, ${set.updated} at revision ${set.current})${why}\n`;
}

function columns(paint: Paint, nowMs: number): Column<SetView>[] {
  return [
    { head: 'NAME', cell: (set) => set.name },
    { head: 'STATE', cell: (set) => paint(TONES[set.state], set.state) },
    { head: 'READY', cell: (set) => `${set.ready}/${set.replicas}` },
    { head: 'UPDATED', cell: (set) => `${set.updated}/${set.replicas}` },
    { head: 'REVISION', cell: (set) => String(set.current) },
    { head: 'AGE', cell: (set) => formatAge(set.createdAtMs, nowMs) },
    { head: 'MAX DOWN', wide: true, cell: (set) => String(set.maxUnavailable) },
    { head: 'ON FAILURE', wide: true, cell: (set) => set.onFailure },
    { head: 'SOURCE', wide: true, cell: sourceText },
    { head: 'WAITS FOR', cell: (set) => printable(set.waitsFor) || '-' },
  ];
}

/** The list of sets as a table. */
export function setTable(sets: readonly SetView[], paint: Paint, nowMs: number, wide: boolean): string {
  return renderTable(columns(paint, nowMs), sets, wide);
}

type Member = SetView['members'][number];

function memberColumns(set: SetView, paint: Paint): Column<Member>[] {
  return [
    { head: 'NAME', cell: (vm) => vm.name },
    { head: 'PHASE', cell: (vm) => paint(PHASE_TONES[vm.phase], vm.deleting ? `${vm.phase} (deleting)` : vm.phase) },
    { head: 'HOST', cell: (vm) => vm.hostName ?? '-' },
    { head: 'REVISION', cell: (vm) => `${vm.revision}${vm.revision === set.current ? '' : ' (old)'}` },
    { head: 'AVAILABLE', cell: (vm) => (vm.available ? 'yes' : 'no') },
  ];
}

/** Everything about one set. */
export function setDetails(set: SetView, paint: Paint, nowMs: number): string {
  const fields = renderFields([
    ['Name', set.name],
    ['State', paint(TONES[set.state], set.state)],
    ['Waits for', printable(set.waitsFor)],
    ['VMs', `${set.replicas} asked for, ${set.ready} ready, ${set.updated} updated, ${set.unavailable} unavailable`],
    ['Revision', `${set.current}${set.good === set.current ? '' : `, new VMs get ${set.good}`}`],
    ['Update', `at most ${set.maxUnavailable} unavailable at once, on failure ${set.onFailure}`],
    ['Source', sourceText(set)],
    ['Vcpu', String(set.template.vcpu)],
    ['Memory', `${set.template.memoryMib} MiB`],
    ['Generation', String(set.generation)],
    ['Created', `${formatTime(set.createdAtMs)} (${formatAge(set.createdAtMs, nowMs)} ago)`],
    ['UID', set.uid],
  ]);
  return set.members.length === 0 ? fields : `${fields}\n${renderTable(memberColumns(set, paint), set.members, false)}`;
}
