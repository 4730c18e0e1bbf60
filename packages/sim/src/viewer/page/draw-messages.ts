/** Draws messages as arrows between the hosts, while there are not too many of them in view. */
import { FATES } from './recording.ts';
import { type Scene, SMALL_FONT } from './scene.ts';
import { messageContent } from './texts.ts';

/** Messages in view up to which they are arrows, have heads, and have texts. */
const ARROWS_MAX = 1_800;
const HEADS_MAX = 700;
const TEXTS_MAX = 60;
const FATE_DELIVERED = FATES.indexOf('delivered');
const FATE_DOUBLED = FATES.indexOf('doubled');

/** Where a message is drawn. */
export interface Arrow {
  readonly row: number;
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  readonly arrives: boolean;
}

/** The rows of the messages in view that are shown; undefined when there are too many for arrows. */
export function messagesInView({ model, view, isShown }: Scene): number[] | undefined {
  const { type } = model.tables.messages;
  const [first, end] = model.messagesBetween(view.from, view.until);
  const rows: number[] = [];
  for (let row = first; row < end; row++) {
    if (!isShown(type[row] ?? 0) || model.arrival(row) < view.from) continue;
    rows.push(row);
    if (rows.length > ARROWS_MAX) return undefined;
  }
  return rows;
}

/** The place of a message's arrow: from the edge of one band to the facing edge of the other. */
export function arrowOf({ model, view, layout }: Scene, row: number): Arrow | undefined {
  const { sent, from, to, fate } = model.tables.messages;
  const [a, b] = [layout.hosts[from[row] ?? 0]?.band, layout.hosts[to[row] ?? 0]?.band];
  if (a === undefined || b === undefined) return undefined;
  const isDown = b.top > a.top;
  const [y0, y1] = [isDown ? a.top + a.height : a.top, isDown ? b.top : b.top + b.height];
  const [x0, x1] = [view.x(sent[row] ?? 0), view.x(model.arrival(row))];
  const arrives = fate[row] === FATE_DELIVERED || fate[row] === FATE_DOUBLED;
  // What does not arrive ends on the way.
  return arrives ? { row, x0, y0, x1, y1, arrives } : { row, x0, y0, x1: (x0 + x1) / 2, y1: (y0 + y1) / 2, arrives };
}

/** All arrows of `rows`. */
export function drawArrows(scene: Scene, rows: readonly number[]): void {
  const { context, model, palette, view, layout } = scene;
  const withHeads = rows.length <= HEADS_MAX;
  const alpha = rows.length > 1_200 ? 0.4 : withHeads ? 0.9 : 0.55;
  context.lineWidth = rows.length > HEADS_MAX ? 0.8 : 1.1;
  context.save();
  context.beginPath();
  context.rect(view.left, 0, view.right - view.left, layout.height);
  context.clip();
  const arrows = rows.flatMap((row) => arrowOf(scene, row) ?? []);
  for (const arrow of arrows) {
    const kind = model.kinds[model.tables.messages.type[arrow.row] ?? 0] ?? 'other';
    context.globalAlpha = kind === 'heartbeats' ? alpha * 0.7 : alpha;
    context.strokeStyle = palette.kinds[kind];
    drawArrow(context, arrow, withHeads);
  }
  context.globalAlpha = 1;
  if (rows.length <= TEXTS_MAX) drawTexts(scene, arrows);
  const marked = scene.marked === undefined ? undefined : arrowOf(scene, scene.marked);
  if (marked !== undefined) {
    context.lineWidth = 3;
    context.strokeStyle = palette.accent;
    drawArrow(context, marked, true);
  }
  context.restore();
}

function drawArrow(context: CanvasRenderingContext2D, { x0, y0, x1, y1, arrives }: Arrow, withHead: boolean): void {
  context.setLineDash(arrives ? [] : [4, 3]);
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
  context.setLineDash([]);
  if (!withHead) return;
  context.beginPath();
  if (arrives) {
    const angle = Math.atan2(y1 - y0, x1 - x0);
    for (const side of [-0.4, 0.4]) {
      context.moveTo(x1, y1);
      context.lineTo(x1 - 7 * Math.cos(angle + side), y1 - 7 * Math.sin(angle + side));
    }
  } else {
    context.moveTo(x1 - 4, y1 - 4);
    context.lineTo(x1 + 4, y1 + 4);
    context.moveTo(x1 - 4, y1 + 4);
    context.lineTo(x1 + 4, y1 - 4);
  }
  context.stroke();
}

/** What messages say, beside their arrows where there is room: no text lies on another. */
function drawTexts(scene: Scene, arrows: readonly Arrow[]): void {
  const { context, model, palette, view } = scene;
  const taken: { left: number; right: number; top: number; bottom: number }[] = [];
  context.font = SMALL_FONT;
  context.textBaseline = 'middle';
  for (const { row, x0, y0, x1, y1 } of arrows) {
    const text = messageContent(model, row);
    const width = context.measureText(text).width;
    // Tried at several places along the arrow, at its right side.
    for (const share of [0.5, 0.35, 0.65, 0.2, 0.8]) {
      const left = x0 + (x1 - x0) * share + 6;
      const y = y0 + (y1 - y0) * share;
      const box = { left: left - 2, right: left + width + 2, top: y - 7, bottom: y + 7 };
      const isFree = taken.every(
        (other) => other.right < box.left || other.left > box.right || other.bottom < box.top || other.top > box.bottom,
      );
      if (!isFree || box.left < view.left || box.right > view.right || lies(scene, y)) continue;
      taken.push(box);
      context.fillStyle = palette.back;
      context.globalAlpha = 0.85;
      context.fillRect(box.left, box.top, box.right - box.left, 14);
      context.globalAlpha = 1;
      context.fillStyle = palette.ink;
      context.fillText(text, left, y + 0.5);
      break;
    }
  }
}

/** Whether a text at this height would lie on a band. */
function lies({ layout }: Scene, y: number): boolean {
  return layout.hosts.some(({ band }) => y > band.top - 12 && y < band.top + band.height + 9);
}
