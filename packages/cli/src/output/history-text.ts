/** The builds of a VM and the revisions of a set as text for people. */
import type { RevisionView } from '@n3x/core/api/revision-routes';
import type { SetView } from '@n3x/core/api/set-routes';
import { formatAge } from './age.ts';
import { type Column, printable, renderTable } from './table.ts';

function sourceText({ source }: RevisionView['spec']): string {
  return source.kind === 'flake' ? `${source.ref}#${source.attribute}` : `inline (${source.hypervisor})`;
}

/** The builds of a VM as a table, oldest first. */
export function historyTable(items: readonly RevisionView[], nowMs: number, wide: boolean): string {
  const columns: Column<RevisionView>[] = [
    { head: 'GENERATION', cell: (one) => `${one.generation}${one.current ? ' (current)' : ''}` },
    { head: 'AGE', cell: (one) => formatAge(one.atMs, nowMs) },
    { head: 'OUTCOME', cell: (one) => one.outcome },
    { head: 'BRINGS BACK', cell: (one) => (one.restores === undefined ? '-' : String(one.restores)) },
    { head: 'SOURCE', cell: (one) => sourceText(one.spec) },
    { head: 'RUNNER', cell: (one) => one.runner ?? '-' },
    { head: 'VCPU', wide: true, cell: (one) => String(one.spec.vcpu) },
    { head: 'MEMORY', wide: true, cell: (one) => `${one.spec.memoryMib} MiB` },
    { head: 'WHY', cell: (one) => printable(one.message ?? '') || '-' },
  ];
  return renderTable(columns, items, wide);
}

/** The revisions of a set as a table, oldest first. */
export function setHistoryTable(set: SetView, nowMs: number, wide: boolean): string {
  type One = SetView['revisions'][number];
  const columns: Column<One>[] = [
    { head: 'REVISION', cell: (one) => `${one.number}${one.number === set.current ? ' (current)' : ''}` },
    { head: 'AGE', cell: (one) => formatAge(one.atMs, nowMs) },
    { head: 'OUTCOME', cell: (one) => one.outcome },
    { head: 'SOURCE', cell: (one) => sourceText(one.template) },
    { head: 'VCPU', wide: true, cell: (one) => String(one.template.vcpu) },
    { head: 'MEMORY', wide: true, cell: (one) => `${one.template.memoryMib} MiB` },
    { head: 'WHY', cell: (one) => printable(one.message ?? '') || '-' },
  ];
  return renderTable(columns, set.revisions, wide);
}
