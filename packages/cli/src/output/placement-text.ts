/** Where VMs are or would be, as text for people. */
import type { PlacementView } from '@n3x/core/api/placement-routes';
import { type Column, renderTable } from './table.ts';
import type { Paint } from './terminal.ts';

type Opinion = PlacementView['hosts'][number];

function number(value: number): string {
  return value.toFixed(1);
}

/** The rules against a host, or what its score is made of. */
function why({ fits, rules, parts }: Opinion): string {
  if (!fits) return rules.map(({ text }) => text).join(' and ');
  return parts.map(({ part, points }) => `${part} ${number(points)}`).join(', ');
}

function columns(view: PlacementView, paint: Paint): Column<Opinion>[] {
  const mark = ({ host, here }: Opinion) => (here ? ' (here)' : host === view.choice ? ' (chosen)' : '');
  return [
    { head: 'HOST', cell: (opinion) => opinion.host + mark(opinion) },
    { head: 'FITS', cell: ({ fits }) => (fits ? paint('good', 'yes') : paint('bad', 'no')) },
    { head: 'SCORE', cell: ({ score }) => (score === null ? '-' : number(score)) },
    { head: 'WHY', cell: why },
  ];
}

/** One line for all, then the hosts: those that fit first, the best of them on top. */
export function placementText(view: PlacementView, paint: Paint): string {
  const hosts = [...view.hosts].sort((a, b) => (b.score ?? -1) - (a.score ?? -1));
  const priority = view.priority === 0 ? '' : `, priority ${view.priority}`;
  const head = `vm ${view.name}: ${view.summary}\nby ${view.strategy}${priority}\n`;
  return `${head}\n${renderTable(columns(view, paint), hosts, false)}`;
}
