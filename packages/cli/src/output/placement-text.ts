/** Where VMs are or would be, as text for people. */
import type { PlacementView } from '@n3x/core/api/placement-routes';
import { formatAge } from './age.ts';
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
  const mark = ({ host, here }: Opinion) => {
    if (view.asOf === 'decision') return host === view.choice ? ' (chosen)' : '';
    return here ? ' (here)' : host === view.choice ? ' (chosen)' : '';
  };
  return [
    { head: 'HOST', cell: (opinion) => opinion.host + mark(opinion) },
    { head: 'FITS', cell: ({ fits }) => (fits ? paint('good', 'yes') : paint('bad', 'no')) },
    { head: 'SCORE', cell: ({ score }) => (score === null ? '-' : number(score)) },
    { head: 'WHY', cell: why },
    { head: 'RULES', cell: ({ rules }) => rules.map(({ rule }) => rule).join(',') || '-', wide: true },
  ];
}

/** When it was decided, by whom and from what. */
function circumstances({ decision }: PlacementView, nowMs: number): string {
  if (decision === null) return '';
  const { atMs, index, by, from } = decision;
  const seen = by === null ? '' : `, by ${by} from the state of index ${from}`;
  return `; decided ${formatAge(atMs, nowMs)} ago at index ${index}${seen}`;
}

/** What became of the hosts that are not listed. */
function unlisted({ decision }: PlacementView): string {
  if (decision === null) return '';
  const { considered, excluded, others } = decision;
  const parts = excluded.map(({ rule, hosts }) => `${hosts} ruled out by ${rule}`);
  if (others > 0) parts.push(`${others} no better than these`);
  return parts.length === 0 ? '' : `\nof the other hosts (${considered} in all): ${parts.join(', ')}\n`;
}

/** One line for all, then the hosts: those that fit first, the best of them on top. */
export function placementText(view: PlacementView, paint: Paint, nowMs: number, wide: boolean): string {
  // Whose turn it was stands first in what was decided, and has no better score.
  const hosts =
    view.asOf === 'decision' ? view.hosts : [...view.hosts].sort((a, b) => (b.score ?? -1) - (a.score ?? -1));
  const priority = view.priority === 0 ? '' : `, priority ${view.priority}`;
  const head = `vm ${view.name}: ${view.summary}\nby ${view.strategy}${priority}${circumstances(view, nowMs)}\n`;
  const table = hosts.length === 0 ? '' : `\n${renderTable(columns(view, paint), hosts, wide)}`;
  return `${head}${table}${unlisted(view)}`;
}
