/** Drains and plans as text for people. */
import type { DrainView, RebalancePlanView } from '@n3x/core/api/move-routes';
import type { HostView } from '@n3x/core/api/schemas';
import { formatAge } from './age.ts';
import { type Column, printable, renderTable } from './table.ts';
import type { Paint, Tone } from './terminal.ts';

type DrainedVm = DrainView['vms'][number];

const TONES: Readonly<Record<DrainedVm['state'], Tone>> = { moving: 'busy', waiting: 'faint', stuck: 'bad' };

/** How a host that is drained stands, in a cell: `draining 3/10`. */
export function drainCell({ drain, vms }: Pick<HostView, 'drain' | 'vms'>, paint: Paint): string | undefined {
  if (drain === undefined) return undefined;
  const moved = `${Math.max(0, drain.total - vms)}/${drain.total}`;
  switch (drain.outcome) {
    case undefined:
      return paint('busy', `${drain.mode === 'drain' ? 'draining' : 'evacuating'} ${moved}`);
    case 'drained':
      return paint('good', 'drained');
    case 'stuck':
      return paint('bad', `stuck ${moved}`);
    case 'expired':
      return paint('bad', `expired ${moved}`);
  }
}

/** How far it is, in one line: `3 of 10 moved, 2 moving, 4 waiting, 1 stuck`. */
export function drainLine(view: DrainView): string {
  const total = view.drain?.total ?? view.vms.length;
  const parts = [`${view.moved} of ${total} moved`];
  if (view.moving > 0) parts.push(`${view.moving} moving`);
  if (view.waiting > 0) parts.push(`${view.waiting} waiting`);
  if (view.stuck > 0) parts.push(`${view.stuck} stuck`);
  return parts.join(', ');
}

/** What is said of volumes of no VM on a host that is to be empty; nothing where there are none. */
export function volumesLeftText({ volumes }: DrainView): string {
  if (volumes.length === 0) return '';
  const [shown, more] = [volumes.slice(0, 8).join(', '), volumes.length > 8 ? ` and ${volumes.length - 8} more` : ''];
  const [word, them] = volumes.length === 1 ? ['volume of no VM stays', 'it'] : ['volumes of no VM stay', 'them'];
  return `${volumes.length} ${word} on it (${shown}${more}): n3xctl volume move takes ${them} along\n`;
}

/** What stays and why, one line a VM. */
export function stayingText(view: DrainView): string {
  return view.vms.map((vm) => `  ${vm.name}: ${printable(vm.text)}\n`).join('');
}

/** What `host show` says of a drain. */
export function drainFields(host: HostView, nowMs: number): (readonly [string, string | undefined])[] {
  const { drain } = host;
  if (drain === undefined) return [];
  const moved = Math.max(0, drain.total - host.vms);
  const how = drain.mode === 'drain' ? `at most ${drain.parallel} at a time` : 'all at once';
  const word = drain.outcome ?? (drain.mode === 'drain' ? 'draining' : 'evacuating');
  const left = drain.deadlineMs === undefined ? undefined : formatDeadline(drain.deadlineMs, nowMs);
  return [
    ['Drain', `${word}, ${moved} of ${drain.total} moved, ${how}, for ${formatAge(drain.startedAtMs, nowMs)}`],
    ['Deadline', left],
    ['Drain says', drain.message === undefined ? undefined : printable(drain.message)],
  ];
}

function formatDeadline(deadlineMs: number, nowMs: number): string {
  return deadlineMs > nowMs ? `in ${formatAge(nowMs, deadlineMs)}` : `${formatAge(deadlineMs, nowMs)} ago`;
}

function columns(paint: Paint): Column<DrainedVm>[] {
  return [
    { head: 'VM', cell: ({ name }) => name },
    { head: 'STATE', cell: ({ state }) => paint(TONES[state], state) },
    { head: 'TO', cell: ({ to }) => to ?? '-' },
    { head: 'WHY', cell: ({ text }) => printable(text) },
  ];
}

/** The VMs that are still on a host which is drained. */
export function drainTable(view: DrainView, paint: Paint): string {
  return view.vms.length === 0 ? '' : renderTable(columns(paint), view.vms, false);
}

type PlannedMove = RebalancePlanView['moves'][number];

const PLAN: readonly Column<PlannedMove>[] = [
  { head: 'VM', cell: ({ name }) => name },
  { head: 'FROM', cell: ({ from }) => from },
  { head: 'TO', cell: ({ to }) => to },
  { head: 'GAIN', cell: ({ gain }) => gain.toFixed(1) },
];

/** A plan as a table. */
export function planText(plan: RebalancePlanView): string {
  const weighed = `${plan.considered} VM${plan.considered === 1 ? '' : 's'} weighed`;
  if (plan.moves.length === 0) return `nothing to be gained: no VM would run better elsewhere (${weighed})\n`;
  return renderTable(PLAN, plan.moves, false);
}
