/** Where the VMs of sets are or would be, as text for people. */
import type { SetPlacementView } from '@n3x/core/api/set-routes';
import { type Column, printable, renderTable } from './table.ts';
import type { Paint } from './terminal.ts';

type Member = SetPlacementView['members'][number];

function columns(paint: Paint): Column<Member>[] {
  return [
    { head: 'NAME', cell: (member) => member.name },
    {
      head: 'HOST',
      cell: ({ host, choice }) => host ?? (choice === null ? paint('bad', 'none') : paint('busy', `(${choice})`)),
    },
    { head: 'WHY', cell: ({ summary }) => printable(summary) },
  ];
}

/** One line for all, then the VMs; a host in parentheses is one that a VM does not have yet. */
export function setPlacementText({ name, replicas, members }: SetPlacementView, paint: Paint): string {
  const here = members.filter(({ host }) => host !== null).length;
  const placeable = members.filter(({ choice }) => choice !== null).length;
  const more = placeable === here ? '' : `, ${placeable - here} would get one`;
  const none = members.length === placeable ? '' : `, ${members.length - placeable} fit nowhere now`;
  const head = `set ${name}: ${here} of ${replicas} VMs have a host${more}${none}\n`;
  return members.length === 0 ? head : `${head}\n${renderTable(columns(paint), members, false)}`;
}
