/** Draws the hosts: what each is, and how much it says when there is too much for arrows. */
import { KINDS } from './palette.ts';
import { ROLES } from './recording.ts';
import { DensityColumns, type RoleSpan } from './run-model.ts';
import { FONT, fitText, nameText, type Scene, SMALL_FONT } from './scene.ts';
import { lowerBound } from './search.ts';

const ROLE_DOWN = ROLES.indexOf('down');
/** Pixels of a column of counts. */
const COLUMN_WIDTH = 3;
/** Writes in view beyond which they have no marks. */
const WRITES_MAX = 1_500;

/** The ground that the hosts' lanes are on. */
export function drawGround({ context, model, layout, palette }: Scene): void {
  context.fillStyle = palette.lane;
  model.recording.hosts.forEach((_, host) => {
    const lane = layout.hosts[host];
    if (lane !== undefined && host % 2 === 0) context.fillRect(layout.left, lane.top, layout.width, lane.height);
  });
}

/** The hosts' bands, over the arrows that pass them. */
export function drawBands(scene: Scene): void {
  const { model, layout, view } = scene;
  model.recording.hosts.forEach((name, host) => {
    const lane = layout.hosts[host];
    if (lane === undefined) return;
    nameText(scene, name, lane.band.top + lane.band.height / 2);
    for (const span of model.roles[host] ?? []) {
      if (span.until < view.from || span.from > view.until) continue;
      drawRole(scene, span, lane.band.top, lane.band.height);
    }
    drawStrips(scene, host, lane.band.top);
  });
}

function drawRole({ context, view, layout, palette }: Scene, span: RoleSpan, top: number, height: number): void {
  const [begin, end] = [Math.max(layout.left, view.x(span.from)), Math.min(view.right, view.x(span.until))];
  const width = end - begin;
  context.fillStyle = palette.roles[span.role] ?? palette.faint;
  context.fillRect(begin, top, Math.max(0.5, width), height);
  if (span.role === ROLE_DOWN) hatch(context, begin, top, width, height, palette.faint);
  if (width < 12) return;
  // Where one role follows on another in sight, the eye wants to see where.
  context.fillStyle = palette.back;
  context.fillRect(begin, top, 1, height);
  const role = ROLES[span.role] ?? '';
  const label = role === 'down' ? 'down' : span.term === 0 ? role : `${role} ${span.term}`;
  context.font = SMALL_FONT;
  context.textBaseline = 'middle';
  context.fillStyle = palette.onRoles[span.role] ?? palette.ink;
  const short = span.term > 0 ? String(span.term) : '';
  const fits = context.measureText(label).width <= width - 8;
  if (fits || short === '') fitText(context, label, begin + 4, top + height / 2 + 0.5, width - 8);
  else if (context.measureText(short).width <= width - 4) context.fillText(short, begin + 3, top + height / 2 + 0.5);
}

/** Slanted lines over a part. */
export function hatch(
  context: CanvasRenderingContext2D,
  left: number,
  top: number,
  width: number,
  height: number,
  colour: string,
): void {
  if (width < 3) return;
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.strokeStyle = colour;
  context.globalAlpha = 0.45;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = left - height - (left % 6); x < left + width; x += 6) {
    context.moveTo(x, top + height);
    context.lineTo(x + height, top);
  }
  context.stroke();
  context.restore();
}

/** Faults of one or two hosts, as a strip above their bands. */
function drawStrips({ context, model, view, palette }: Scene, host: number, top: number): void {
  context.fillStyle = palette.fault;
  for (const { from, until, hosts } of model.faults) {
    if (hosts.length > 2 || !hosts.includes(host) || until < view.from || from > view.until) continue;
    const begin = Math.max(view.left, view.x(from));
    context.fillRect(begin, top - 5, Math.max(2, Math.min(view.right, view.x(until)) - begin), 3);
  }
}

/** What hosts handed to their disks, as ticks below their bands; votes stand out. */
export function drawWrites({ context, model, view, layout, palette }: Scene): void {
  const { at, host, vote } = model.tables.writes;
  const [first, end] = [lowerBound(at, view.from), lowerBound(at, view.until)];
  if (end - first > WRITES_MAX) return;
  for (let row = first; row < end; row++) {
    const band = layout.hosts[host[row] ?? 0]?.band;
    if (band === undefined) continue;
    const x = view.x(at[row] ?? 0);
    const isVote = (vote[row] ?? 0) > 0;
    context.fillStyle = isVote ? palette.kinds.votes : palette.ink;
    context.fillRect(x - (isVote ? 1.5 : 0.5), band.top + band.height - 5, isVote ? 3 : 1, isVote ? 8 : 5);
  }
}

/** How many messages each host sends, by kind, as columns that hang below its band. */
export function drawDensity(scene: Scene): void {
  const { context, model, view, layout, palette, isShown } = scene;
  const count = Math.max(1, Math.floor(layout.width / COLUMN_WIDTH));
  const density = new DensityColumns(model, view.from, view.until, count, isShown);
  if (density.max === 0) return;
  density.counts.forEach((mine, host) => {
    const lane = layout.hosts[host];
    if (lane === undefined) return;
    const floor = lane.top + lane.height - 4;
    const room = floor - (lane.band.top + lane.band.height + 6);
    for (let column = 0; column < count; column++) {
      let y = floor;
      KINDS.forEach((kind, at) => {
        const value = mine[column * KINDS.length + at] ?? 0;
        if (value === 0) return;
        const height = (value / density.max) * room;
        context.fillStyle = palette.kinds[kind];
        context.fillRect(view.left + column * COLUMN_WIDTH, y - height, COLUMN_WIDTH - 0.5, height);
        y -= height;
      });
    }
  });
  const first = layout.hosts[0];
  if (first === undefined) return;
  const perSecond = (density.max / ((view.span / count) * 1e-6)).toFixed(0);
  context.font = SMALL_FONT;
  context.fillStyle = palette.faint;
  context.textAlign = 'right';
  context.textBaseline = 'alphabetic';
  context.fillText(`${perSecond}/s`, layout.left - 10, first.band.top + first.band.height + 14);
  context.textAlign = 'left';
}

/** Who leads, in one row; a gap is a time without a leader. */
export function drawLeaders(scene: Scene): void {
  const { context, model, view, layout, palette } = scene;
  const { top, height } = layout.leader;
  nameText(scene, 'leader', top + height / 2);
  const lane = { from: Math.max(view.left, view.x(0)), until: Math.min(view.right, view.x(model.recording.endUs)) };
  hatch(context, lane.from, top, lane.until - lane.from, height, palette.violation);
  for (const { from, until, host, term } of model.leaders) {
    if (until < view.from || from > view.until) continue;
    const [begin, end] = [Math.max(view.left, view.x(from)), Math.min(view.right, view.x(until))];
    context.fillStyle = palette.hosts[host % palette.hosts.length] ?? palette.faint;
    context.fillRect(begin, top, Math.max(1, end - begin), height);
    context.fillStyle = palette.back;
    if (end - begin > 6) context.fillRect(begin, top, 1, height);
    context.font = FONT;
    context.fillStyle = '#ffffff';
    context.textBaseline = 'middle';
    const name = model.recording.hosts[host] ?? '';
    const long = `${name} · term ${term}`;
    const width = end - begin - 8;
    if (context.measureText(long).width <= width) context.fillText(long, begin + 4, top + height / 2 + 0.5);
    else fitText(context, `${name}·${term}`, begin + 4, top + height / 2 + 0.5, width);
  }
}
